"""Any structured report as a tree, judged by dcmtk's dsrdump and by trees built item by item."""

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite

from workstation.dicom import elements
from workstation.dicom.content import Conclusion
from workstation.dicom.sr import write_conclusion
from workstation.dicom.sr_tree import MOST_DEPTH, Report, read_tree
from workstation.errors import UnreadableObject

# a line of dsrdump: `<contains TEXT:(,,"Name")="value">`, of numbers `="1.7" (cm2,UCUM,"square centimeter")>`
_NAMES = re.compile(r':\(,,"([^"]*)"\)=')
_VALUES = re.compile(r'="(.*)"(?: \([^()]*\))?>')
_CODES = re.compile(r'[= ]\(([^,()]*),([^,()]*),"(.*)"\)>')


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def item(kind: str, *children: Dataset, meaning: str = "", **values: object) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = "CONTAINS", kind
    if meaning:
        made.ConceptNameCodeSequence = [coded("1", "99X", meaning)]
    for keyword, value in values.items():
        setattr(made, keyword, value)
    if children:
        made.ContentSequence = list(children)
    return made


def written(root: Dataset) -> bytes:
    root.SOPClassUID, root.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "2.25.77"
    root.SpecificCharacterSet = "ISO_IR 192"
    root.file_meta = FileMetaDataset()
    root.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    buffer = io.BytesIO()
    dcmwrite(buffer, root, enforce_file_format=True)
    return buffer.getvalue()


def real_reports(shared_data: Path) -> Iterator[Path]:
    yield from sorted((shared_data / "seg_sr_pm").rglob("sr*.dcm"))
    for name in ("reportsi.dcm", "test-SR.dcm", "reportsi_with_empty_number_tags.dcm"):
        found = get_testdata_file(name)
        assert isinstance(found, str)
        yield Path(found)


def said(report: Report) -> str:
    """All that the tree can show, with line breaks as spaces."""
    parts = []
    for line in report.lines:
        codes = [line.name, line.unit, *line.codes]
        parts += [line.value, *(f"{code.value} {code.scheme} {code.meaning}" for code in codes if code is not None)]
    return " ".join(" ".join(parts).split())


@pytest.mark.skipif(shutil.which("dsrdump") is None, reason="no dcmtk")
def test_every_text_that_dsrdump_prints_is_in_the_tree(shared_data: Path) -> None:
    checked = 0
    for file in real_reports(shared_data):
        # all long values whole, template checks off
        run = subprocess.run(
            ["dsrdump", "-Er", "-Ev", "-Ec", "-Ee", "+Pl", "-Ph", "+U8", str(file)], capture_output=True, check=True
        )
        text = run.stdout.decode()
        shown = said(read_tree(file.read_bytes()))
        for line in text.splitlines():
            found = [*_NAMES.findall(line), *_VALUES.findall(line), *(" ".join(code) for code in _CODES.findall(line))]
            for value in found:
                plain = " ".join(re.sub(r"\\[nr]", " ", value).split())
                assert plain in shown, f"{file.name}: {plain}"
                checked += 1
    assert checked > 200


def test_our_own_conclusion_reads_at_its_depths(conclusion: Conclusion) -> None:
    lines = [
        (line.depth, line.name.meaning if line.name else "", line.value)
        for line in read_tree(write_conclusion(conclusion)).lines
    ]
    assert lines[0] == (0, "КТ органов грудной клетки", "")
    assert (1, "Subject Name", "Иванова^Мария^Петровна") in lines


def test_a_graphic_points_at_its_image_with_study_and_series_from_the_evidence() -> None:
    sop, series, study = Dataset(), Dataset(), Dataset()
    sop.ReferencedSOPClassUID, sop.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "2.25.1"
    series.SeriesInstanceUID, series.ReferencedSOPSequence = "2.25.2", [sop]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = "2.25.3", [series]
    framed = Dataset()
    framed.update(sop)
    framed.ReferencedFrameNumber = [3, 5]
    image = item("IMAGE", ReferencedSOPSequence=[framed])
    graphic = item("SCOORD", image, GraphicType="POLYLINE", GraphicData=[1.0, 2.5, 30.5, 4.0])
    root = item("CONTAINER", graphic)
    root.CurrentRequestedProcedureEvidenceSequence = [study]
    (place,) = read_tree(written(root)).lines[1].places
    assert (place.image.study_uid, place.image.series_uid, place.image.sop_instance_uid) == (
        "2.25.3", "2.25.2", "2.25.1"
    )  # fmt: skip
    assert place.frames == (3, 5)
    assert place.points_px == ((1.0, 2.5), (30.5, 4.0))


def test_a_place_in_space_needs_no_image() -> None:
    root = item("CONTAINER", item("SCOORD3D", GraphicType="POINT", GraphicData=[1.0, -2.0, 3.5]))
    root.ContentSequence[0].ReferencedFrameOfReferenceUID = "2.25.9"
    (place,) = read_tree(written(root)).lines[1].places
    assert (place.points_mm, place.frame_of_reference_uid) == (((1.0, -2.0, 3.5),), "2.25.9")


def test_an_item_by_reference_names_the_item_it_means() -> None:
    pointer = Dataset()
    pointer.RelationshipType, pointer.ReferencedContentItemIdentifier = "INFERRED FROM", [1, 1]
    root = item("CONTAINER", item("TEXT", TextValue="a"), item("TEXT", pointer, TextValue="b"))
    lines = read_tree(written(root)).lines
    assert [(line.number, line.refers) for line in lines[2:]] == [("1.2", ""), ("1.2.1", "1.1")]


def test_numbers_stay_as_written_and_say_why_they_are_missing() -> None:
    number = Dataset()
    number.NumericValue, number.MeasurementUnitsCodeSequence = "007.50", [coded("mm", "UCUM", "millimeter")]
    exact = Dataset()
    exact.FloatingPointValue, exact.MeasurementUnitsCodeSequence = 0.1, [coded("1", "UCUM", "no units")]
    missing = item("NUM", meaning="Failed", MeasuredValueSequence=[])
    missing.NumericValueQualifierCodeSequence = [coded("114006", "DCM", "Measurement failure")]
    root = item(
        "CONTAINER",
        item("NUM", meaning="Length", MeasuredValueSequence=[number]),
        item("NUM", meaning="Ratio", MeasuredValueSequence=[exact]),
        missing,
        item("NUM", meaning="Nothing", MeasuredValueSequence=[]),
    )
    length, ratio, failed, nothing = read_tree(written(root)).lines[1:]
    assert (length.value, length.unit and length.unit.value) == ("007.50", "mm")
    assert ratio.value == "0.1"
    assert (failed.value, failed.codes[0].meaning, failed.note) == ("", "Measurement failure", "")
    assert nothing.note == "no number"


def test_what_breaks_the_rules_of_the_tree_becomes_a_line_with_a_note() -> None:
    strange = item("TABLE", meaning="Table")
    kindless = item("TEXT", TextValue="x")
    del kindless.ValueType
    code = item("CODE", meaning="Empty", ConceptCodeSequence=[])
    lines = read_tree(written(item("CONTAINER", strange, kindless, code, item("TEXT", TextValue="after")))).lines
    assert [bool(line.note) for line in lines] == [False, True, True, True, False]
    assert lines[-1].value == "after"


def test_a_tree_that_is_too_deep_is_cut_and_says_so() -> None:
    root = item("TEXT", TextValue="deepest")
    for _level in range(MOST_DEPTH + 20):
        root = item("CONTAINER", root)
    report = read_tree(written(root))
    assert report.cut
    assert len(report.lines) == MOST_DEPTH


def test_a_tree_without_end_is_refused_in_one_line() -> None:
    root = item("TEXT", TextValue="deepest")
    depth = 3000
    opened = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * depth
    with pytest.raises(UnreadableObject) as refused:
        read_tree(written(root) + opened)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"<html>404</html>", b"\0" * 128 + b"DICM"])
def test_bytes_that_are_no_report_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(UnreadableObject):
        read_tree(data)


def test_a_cut_off_report_is_refused_or_read_but_never_worse(conclusion: Conclusion) -> None:
    whole = write_conclusion(conclusion)
    refused = 0
    for length in range(200, len(whole), 997):
        try:
            read_tree(whole[:length])
        except UnreadableObject:
            refused += 1
    assert refused


def test_a_report_that_costs_more_than_any_may_is_shown_as_far_as_it_was_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def number(k: int) -> Dataset:
        measured = Dataset()
        measured.NumericValue, measured.MeasurementUnitsCodeSequence = "1", [coded("mm", "UCUM", "mm")]
        return item("NUM", meaning=str(k), MeasuredValueSequence=[measured])

    data = written(item("CONTAINER", *(number(k) for k in range(200))))
    assert not read_tree(data).cut
    monkeypatch.setattr(elements, "_MOST", 3000)
    report = read_tree(data)
    assert report.cut
    assert 10 < len(report.lines) < 200
    assert report.lines[10].value == "1"
