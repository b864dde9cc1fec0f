"""The printed conclusion: what poppler reads from it, on which pages, and what its metadata don't tell."""

import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from workstation.dicom.concepts import FINDING, FINDINGS, IMPRESSION, IMPRESSIONS, LENGTH, MILLIMETER
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
from workstation.reporting.pdf import render_pdf
from workstation.reporting.printed_words import age_text, moment_text, person_text

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed"),
]

IMAGE = ImageReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5")


def grey_png(columns: int, rows: int) -> bytes:
    """A flat 8-bit picture, written chunk by chunk."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * columns) * rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture
def conclusion() -> Conclusion:
    anchor = Anchor(IMAGE, "POLYLINE", ((0, 0), (9, 9)))
    nodule = Measurement(
        "2.25.1", "Очаг 1", "length", anchor, (Quantity(LENGTH, 12.43, MILLIMETER),), "patient geometry"
    )
    return Conclusion(
        uids=DocumentUids(*(f"2.25.70{number}" for number in range(8))),
        patient=Patient("Ёлкина^Юлия^Петровна", "P-77", birth_date="19640229", sex="F"),
        study=StudyHeader("1.2.3", study_date="20250314", description="КТ органов грудной клетки", modality="CT"),
        order=Order(),
        title=Code("24627-2", "LN", "CT Chest Report"),
        language="ru",
        observer=Observer("Орлова^Анна", "Референс-центр", Code("7", "99IRIS", "reader")),
        observed_at=datetime(2025, 3, 14, 9, 5, tzinfo=timezone(timedelta(hours=3))),
        sections=(
            Section(FINDINGS, "Описание", (Statement(FINDING, "Лёгкие. Очаг <12 мм & ровный.", label="Лёгкие"),)),
            Section(IMPRESSIONS, "Заключение", (Statement(IMPRESSION, "Первая строка.\nВторая строка."),)),
        ),
        measurements=(nodule,),
        key_images=(KeyImage(IMAGE, grey_png(64, 64), "Очаг справа"),),
        evidence=(IMAGE,),
        completeness="Прочитано изображений: 1 из 1.",
    )


def text_of(pdf: bytes, folder: Path) -> str:
    path = folder / "conclusion.pdf"
    path.write_bytes(pdf)
    run = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True)
    return run.stdout.decode().replace("\N{NO-BREAK SPACE}", " ")


def info_of(pdf: bytes, folder: Path, tool: str = "pdfinfo") -> str:
    path = folder / "conclusion.pdf"
    path.write_bytes(pdf)
    return subprocess.run([tool, str(path)], capture_output=True, check=True).stdout.decode()


def test_a_heading_of_two_lines_leaves_room_for_the_next(conclusion: Conclusion, tmp_path: Path) -> None:
    """The next one starts at least a line (14 points) below its second line."""
    short = (Statement(FINDING, "Кашель."),)
    sections = (Section(FINDINGS, "Клинические данные", short), Section(FINDINGS, "Описание", short))
    (tmp_path / "a.pdf").write_bytes(render_pdf(replace(conclusion, sections=sections)))
    told = subprocess.run(["pdftotext", "-bbox", tmp_path / "a.pdf", "-"], capture_output=True, check=True)
    tops = dict(re.findall(r'yMin="([\d.]+)"[^>]*>(данные|Описание)<', told.stdout.decode()))
    second_line, next_heading = map(float, tops)
    assert next_heading - second_line >= 14


def test_dose_and_code_stand_on_the_page(conclusion: Conclusion, tmp_path: Path) -> None:
    dose = "Лучевая нагрузка: DLP 512,3 мГр·см."
    text = text_of(render_pdf(replace(conclusion, dose=dose), "ABCD-EFGH-JKLM"), tmp_path)
    assert dose in text
    # at the signature, and at the foot of each page
    assert text.count("Код заключения ABCD-EFGH-JKLM") == 1 + text.count("\f")


def test_poppler_reads_everything_in_cyrillic(conclusion: Conclusion, tmp_path: Path) -> None:
    text = text_of(render_pdf(conclusion), tmp_path)
    for said in (
        *("Ёлкина Юлия Петровна", "P-77", "29.02.1964, 61 год", "КТ органов грудной клетки", "14.03.2025"),
        *("Лёгкие. Очаг <12 мм & ровный.", "Первая строка.", "Вторая строка.", "12,4 мм", "по геометрии снимка"),
        *("Очаг справа", "Прочитано изображений: 1 из 1.", "Орлова Анна", "14.03.2025, 09:05 (UTC+3)"),
        *("Подписано электронной подписью", "2.25.706", "стр. 1 из 1"),
    ):
        assert said in text


def test_in_english_it_speaks_english(conclusion: Conclusion, tmp_path: Path) -> None:
    text = text_of(render_pdf(replace(conclusion, language="en")), tmp_path)
    for said in ("Radiology report", "61 years", "14 March 2025", "12.4 mm", "patient geometry", "page 1 of 1"):
        assert said in text


def test_the_same_conclusion_gives_the_same_bytes(conclusion: Conclusion) -> None:
    assert render_pdf(conclusion) == render_pdf(conclusion)


def test_the_metadata_name_the_document_and_never_the_patient(conclusion: Conclusion, tmp_path: Path) -> None:
    information = info_of(render_pdf(conclusion), tmp_path)
    assert "2.25.706" in information
    assert not any(name in information for name in ("Ёлкина", "P-77", "1964"))


def test_the_shipped_font_is_embedded(conclusion: Conclusion, tmp_path: Path) -> None:
    lines = info_of(render_pdf(conclusion), tmp_path, "pdffonts").splitlines()[2:]
    used = [line.split() for line in lines if "PTSans" in line]
    assert len(used) == 2
    assert all(" yes yes yes " in line for line in lines if "PTSans" in line)


def test_a_long_report_runs_on_and_names_the_patient_on_each_page(conclusion: Conclusion, tmp_path: Path) -> None:
    long = Statement(FINDING, "Очень длинное описание лёгких. " * 900)
    sections = (Section(FINDINGS, "Описание", (long,)), *conclusion.sections[1:])
    pages = text_of(render_pdf(replace(conclusion, sections=sections)), tmp_path).split("\f")[:-1]
    assert len(pages) > 3
    assert all("Ёлкина Юлия Петровна" in page for page in pages)
    assert f"стр. {len(pages)} из {len(pages)}" in pages[-1]


def test_wide_tall_and_many_pictures_fit(conclusion: Conclusion, tmp_path: Path) -> None:
    shapes = ((2000, 50), (50, 2000), (512, 512), (3000, 3000), (1, 1))
    keys = tuple(KeyImage(IMAGE, grey_png(*shape), "слово " * 30) for shape in shapes * 4)
    assert text_of(render_pdf(replace(conclusion, key_images=keys)), tmp_path).count("слово") == 600


def test_what_the_images_do_not_say_is_a_dash(conclusion: Conclusion, tmp_path: Path) -> None:
    bare = replace(conclusion, patient=Patient("", ""), study=StudyHeader("1.2.3"), key_images=(), measurements=())
    assert text_of(render_pdf(bare), tmp_path).count("—") >= 6


@pytest.mark.parametrize(
    ("name", "russian", "english"),
    [
        ("Иванов^Пётр^Ильич", "Иванов Пётр Ильич", "Иванов, Пётр Ильич"),
        ("Adams^John Robert Quincy^^Rev.^B.A. M.Div.", "Adams John Robert Quincy", "Adams, John Robert Quincy"),
        ("Yamada^Tarou=山田^太郎", "Yamada Tarou", "Yamada, Tarou"),
        ("Anonymous", "Anonymous", "Anonymous"),
        ("", "", ""),
    ],
)
def test_a_person_is_written_as_people_are(name: str, russian: str, english: str) -> None:
    assert (person_text(name, "ru"), person_text(name, "en")) == (russian, english)


@pytest.mark.parametrize(
    ("born", "expected"),
    [("20040314", "21 год"), ("20040315", "20 лет"), ("20020101", "23 года"), ("20140101", "11 лет"), ("", "")],
)
def test_the_age_is_in_full_years_at_the_study(born: str, expected: str) -> None:
    assert age_text(born, "20250314", "ru").replace("\N{NO-BREAK SPACE}", " ") == expected


def test_a_moment_names_its_zone_and_needs_one() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert moment_text(datetime(2025, 1, 2, 3, 4, tzinfo=india), "ru") == "02.01.2025, 03:04 (UTC+5:30)"
    assert moment_text(datetime(2025, 1, 2, 3, 4, tzinfo=UTC), "ru") == "02.01.2025, 03:04 (UTC+0)"
    with pytest.raises(ValueError, match="zone"):
        moment_text(datetime(2025, 1, 2), "ru")  # noqa: DTZ001 - the point of it
