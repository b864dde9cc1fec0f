"""Reports of others, read as text."""

import io
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite

from workstation.dicom.content import Conclusion
from workstation.dicom.documents import read_measurements, read_report
from workstation.dicom.sr import write_conclusion
from workstation.dicom.tid1500 import write_measurements
from workstation.errors import UnreadableObject


def test_our_own_conclusion_reads_as_headings_and_lines(conclusion: Conclusion) -> None:
    report = read_report(write_conclusion(conclusion))
    assert report.title == "КТ органов грудной клетки"
    assert (report.author, report.date, report.verified) == ("Петрова^Анна^Сергеевна", "20250314", True)
    headings = [heading for heading, _text in report.sections]
    assert headings == [
        "Клинические данные",
        "Описание исследования",
        "Описание",
        "Сравнение",
        "Заключение",
        "Рекомендации",
    ]
    assert "В S6 правого лёгкого солидный очаг до 7,2 мм.\nКонтуры чёткие." in dict(report.sections)["Описание"]


def test_a_measurement_report_reads_as_names_numbers_and_units(conclusion: Conclusion) -> None:
    report = read_report(write_measurements(conclusion))
    text = "\n".join(text for _heading, text in report.sections)
    for line in (
        "Length: 7.21346 mm",
        "Area: 188.496 mm²",
        "Mean: 34.21875 HU",
        "Source of pixel spacing: Pixel Spacing (0028,0030)",
    ):
        assert line in text


def item(relationship: str, kind: str, meaning: str = "", **values: object) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = relationship, kind
    if meaning:
        name = Dataset()
        name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "1", "99X", meaning
        made.ConceptNameCodeSequence = [name]
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def basic_text(*children: Dataset) -> bytes:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.11", "2.25.77"
    ds.SpecificCharacterSet = "ISO_IR 144"
    ds.ValueType = "CONTAINER"
    ds.ContentSequence = list(children)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def test_a_plain_report_of_another_maker_with_nested_headings_and_no_names_reads_in_order() -> None:
    nested = item(
        "CONTAINS", "CONTAINER", "Лёгкие", ContentSequence=[item("CONTAINS", "TEXT", "Примечание", TextValue="Чисто.")]
    )
    empty = item("CONTAINS", "CONTAINER", "Пусто")
    findings = item("CONTAINS", "CONTAINER", "Описание", ContentSequence=[nested, empty])
    loose = item("CONTAINS", "TEXT", TextValue="Без заголовка.")
    report = read_report(basic_text(findings, loose))
    assert report.sections == (("", "Без заголовка."), ("Лёгкие", "Примечание: Чисто."))
    assert (report.title, report.author, report.verified) == ("", "", False)


@pytest.mark.parametrize("read", [read_report, read_measurements])
def test_bytes_that_are_no_dicom_object_are_refused_in_one_line(read: object) -> None:
    with pytest.raises(UnreadableObject, match="no DICOM object"):
        read(b"<html>404</html>")  # type: ignore[operator]


def test_real_reports_from_other_makers_can_be_read(shared_data: Path) -> None:
    seen = 0
    for file in sorted((shared_data / "seg_sr_pm").rglob("*")):
        if not file.is_file() or file.read_bytes()[128:132] != b"DICM":
            continue
        data = file.read_bytes()
        if dcmread(io.BytesIO(data), specific_tags=["Modality"]).get("Modality") == "SR":
            seen += 1
            assert read_report(data).title
            read_measurements(data)
    assert seen
