"""A realistic conclusion in Russian: a nodule measured on a slice and on a reformat, a region, a prior."""

import struct
import zlib
from datetime import datetime, timedelta, timezone

from workstation.dicom import concepts
from workstation.dicom.content import (
    Anchor,
    Code,
    Conclusion,
    DocumentUids,
    ImageReference,
    KeyImage,
    Measurement,
    Observer,
    Order,
    Patient,
    Quantity,
    Section,
    Statement,
    StudyHeader,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
STUDY, SERIES, FRAME_OF_REFERENCE = "2.25.1001", "2.25.1002", "2.25.1003"
MOSCOW = timezone(timedelta(hours=3))


def png(width: int = 48, height: int = 32) -> bytes:
    """A grey gradient."""
    rows = b"".join(b"\0" + bytes((x * 5 + y) % 256 for x in range(width)) for y in range(height))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows)))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (*chunks, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + body


def sample_conclusion() -> Conclusion:
    """The same values at every call."""
    images = [ImageReference(STUDY, SERIES, CT, f"2.25.20{n:03d}") for n in range(12)]
    prior = ImageReference("2.25.3001", "2.25.3002", CT, "2.25.3003")
    length = Measurement(
        tracking_uid="2.25.4001",
        label="Очаг S6 справа",
        kind="length",
        anchor=Anchor(images[4], "POLYLINE", points_px=((210.25, 301.5), (219.75, 304.125))),
        quantities=(Quantity(concepts.LENGTH, 7.213456789012, concepts.MILLIMETER),),
        spacing_source="Pixel Spacing (0028,0030)",
        study_date="20250314",
    )
    region = Measurement(
        tracking_uid="2.25.4002",
        label="Плотность очага",
        kind="ellipse",
        anchor=Anchor(images[5], "ELLIPSE", points_px=((200.5, 300.5), (220.5, 300.5), (210.5, 294.5), (210.5, 306.5))),
        quantities=(
            Quantity(concepts.AREA, 188.49555921538757, concepts.SQUARE_MILLIMETER),
            Quantity(concepts.MEAN, 34.21875, concepts.HOUNSFIELD_UNIT),
            Quantity(concepts.STANDARD_DEVIATION, 12.5, concepts.HOUNSFIELD_UNIT),
            Quantity(concepts.MINIMUM, -5.0, concepts.HOUNSFIELD_UNIT),
            Quantity(concepts.MAXIMUM, 71.0, concepts.HOUNSFIELD_UNIT),
        ),
        spacing_source="Pixel Spacing (0028,0030)",
        study_date="20250314",
    )
    reformat = Measurement(
        tracking_uid="2.25.4003",
        label="Очаг, сагиттально",
        kind="length",
        anchor=Anchor(
            images[6],
            "POLYLINE",
            frame_of_reference_uid=FRAME_OF_REFERENCE,
            points_mm=((-42.5, 101.25, -310.0), (-42.5, 107.5, -306.25)),
            plane="sagittal",
        ),
        quantities=(Quantity(concepts.LENGTH, 7.288689868556626, concepts.MILLIMETER),),
        spacing_source="Pixel Spacing (0028,0030)",
        study_date="20250314",
    )
    findings = (
        Statement(
            concepts.FINDING,
            "В S6 правого лёгкого солидный очаг до 7,2 мм.\nКонтуры чёткие.",
            code=Code("427359005", "SCT", "Solitary nodule of lung"),
            measurements=(length.tracking_uid, reformat.tracking_uid),
            images=(images[4],),
        ),
        Statement(concepts.FINDING, "Плотность очага 34 HU.", measurements=(region.tracking_uid,), images=(images[5],)),
    )
    compared = "КТ от 12.03.2024: очаг 5 мм, отмечается рост."
    return Conclusion(
        uids=DocumentUids(*(f"2.25.5{n:03d}" for n in range(8))),
        patient=Patient("Иванова^Мария^Петровна", "77-000123", "MOSCOW", "19650214", "F"),
        study=StudyHeader(
            STUDY, "20250314", "101500", "CT0042", "ACC-2025-77", "КТ органов грудной клетки", "Сидоров^Пётр", "CT"
        ),
        order=Order("PL-9", "FL-9", "RP-9", "КТ ОГК", "Уточнение очага"),
        title=Code("24627-2", "LN", "КТ органов грудной клетки"),
        language="ru",
        observer=Observer(
            "Петрова^Анна^Сергеевна", "Референс-центр № 1", Code("R-0815", "99IRIS", "Петрова А. С., рентгенолог")
        ),
        observed_at=datetime(2025, 3, 14, 16, 42, 7, tzinfo=MOSCOW),
        sections=(
            Section(
                concepts.CLINICAL_INFORMATION,
                "Клинические данные",
                (Statement(Code("11329-0", "LN", "Анамнез"), "Кашель три недели, контроль очага."),),
            ),
            Section(concepts.FINDINGS, "Описание", findings),
            Section(
                concepts.PREVIOUS_FINDINGS,
                "Сравнение",
                (Statement(Code("121069", "DCM", "Предыдущая находка"), compared, images=(prior,)),),
            ),
            Section(concepts.CONCLUSIONS, "Заключение", (Statement(concepts.CONCLUSION, "Очаг S6, рост за год."),)),
            Section(
                concepts.RECOMMENDATIONS,
                "Рекомендации",
                (Statement(concepts.RECOMMENDATION, "КТ-контроль через 3 месяца."),),
            ),
        ),
        measurements=(length, region, reformat),
        key_images=(KeyImage(images[4], png(), "Очаг S6"), KeyImage(images[5], png())),
        evidence=tuple(images),
        other_evidence=(prior,),
        completeness="Прочитано изображений: 12 из 12.",
        station_name="IRIS-01",
    )
