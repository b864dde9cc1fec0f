"""Documents and segments in the viewer: opened, read, clicked, closed; judged by what the reader sees."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox

from tests.document_objects import (
    CDA,
    COMPREHENSIVE,
    PDF,
    RDSR,
    coded,
    encapsulated,
    image,
    item,
    key_objects,
    number,
    word,
    written,
)
from workstation.dicom.parsing import parse_instance
from workstation.ui.viewer.layer_list import volume_text
from workstation.ui.viewer.panel import ViewerPanel


class Reader:
    """The panel with one ball and documents of the same study."""

    def __init__(self, panel: ViewerPanel, until: Callable[..., None]) -> None:
        self.panel = panel
        self.until = until

    def open(self, series: Any, *documents: bytes, patient: Any = None) -> None:
        first = series.instances[0]
        data = dict(series.data)
        found = []
        for raw in documents:
            parsed = parse_instance(raw)
            data[parsed.sop_instance_uid] = raw
            found.append(replace(parsed, study=first.study, patient=patient or first.patient))
        self.panel.open_case([*series.instances, *found], [], data.__getitem__)
        self.until(lambda: self.panel.is_loaded() and self.panel.is_settled())

    def read(self, uid: str) -> str:
        """Open a document by its card; its text, or the line that stands instead."""
        view = self.panel.beside.view
        QTest.mouseClick(self.panel.strip.documents[uid], Qt.MouseButton.LeftButton)
        self.until(lambda: view.message != "Loading…")
        return view.message or view.text.toPlainText()


@pytest.fixture
def reader(panel: ViewerPanel, until: Callable[..., None]) -> Reader:
    panel.resize(900, 600)
    return Reader(panel, until)


def measurements(uid: str) -> bytes:
    outline = item("SCOORD", coded("111030", "Image Region"), image(uid), GraphicType="POINT", GraphicData=[30.0, 20.0])
    group = item("CONTAINER", coded("125007", "Group"), outline, number("1", "Area", "3.10", "mm2"))
    root = item(
        "CONTAINER",
        coded("126000", "Measurement Report"),
        word("121071", "Finding", "Nodule"),
        group,
        image("2.25.404"),
    )
    return written(root, COMPREHENSIVE, "2.25.50", VerificationFlag="UNVERIFIED", CompletionFlag="PARTIAL")


def pages(count: int) -> bytes:
    from reportlab.pdfgen import canvas

    buffer = io.BytesIO()
    drawn = canvas.Canvas(buffer, pagesize=(595, 842), invariant=True)
    for page in range(count):
        drawn.drawString(60, 780, f"Page {page + 1}")
        drawn.showPage()
    drawn.save()
    return buffer.getvalue()


def test_a_report_reads_as_names_values_units_and_says_what_it_is_not(reader: Reader, balls: ModuleType) -> None:
    series = balls.ball_series(slices=12)
    reader.open(series, measurements(series.instances[5].sop_instance_uid))
    text = reader.read("2.25.50")
    for line in ("Measurement Report", "Not verified   Incomplete", "Finding: Nodule", "Area: 3.10 mm²"):
        assert line in text
    assert "Image Region: point 2 · Ball 2 mm, image 6" in text
    assert "1 image is not in this case" in text


def test_a_click_on_a_reference_shows_its_image_beside_the_document(reader: Reader, balls: ModuleType) -> None:
    series = balls.ball_series(slices=12)
    wanted = series.instances[5]
    reader.open(series, measurements(wanted.sop_instance_uid))
    reader.read("2.25.50")
    session, view = reader.panel.session, reader.panel.beside.view
    assert session is not None
    view.text.anchorClicked.emit(QUrl("place:0"))
    reader.until(reader.panel.is_settled)
    assert session.views.layout == "1x2"
    state = session.views[0].state
    stack = session.case.stack(state.stack)
    assert stack is not None
    assert stack.instance(state.index) is wanted
    assert not view.isHidden()
    (mark,) = session.marks.all
    assert (mark.label, mark.chosen, mark.index) == ("Area: 3.10 mm²", True, state.index)
    # the point lies where the report says: 30.0, 20.0 from the corner of the first pixel, 1 mm pixels
    x, y, z = wanted.frames[0].position
    assert mark.points[0] == pytest.approx((x + 29.5, y + 19.5, z))


def test_codes_are_told_on_hover(reader: Reader, balls: ModuleType) -> None:
    series = balls.ball_series(slices=3)
    reader.open(series, measurements(series.instances[1].sop_instance_uid))
    reader.read("2.25.50")
    text = reader.panel.beside.view.text
    found = text.document().find("Nodule")
    assert found.charFormat().toolTip() == "Nodule (1, 99X)"


def test_a_reference_to_another_document_opens_it(reader: Reader, balls: ModuleType) -> None:
    pointer = item(
        "COMPOSITE", coded("1", "Earlier report"), ReferencedSOPSequence=image("2.25.52")["ReferencedSOPSequence"].value
    )
    first = written(item("CONTAINER", coded("1", "New"), pointer), COMPREHENSIVE, "2.25.51")
    second = written(item("CONTAINER", coded("1", "Old")), COMPREHENSIVE, "2.25.52")
    reader.open(balls.ball_series(slices=3), first, second)
    assert "Earlier report: Old" in reader.read("2.25.51")
    view = reader.panel.beside.view
    view.text.anchorClicked.emit(QUrl("place:0"))
    reader.until(lambda: view.message == "" and view.text.toPlainText().startswith("Old"))


def test_escape_closes_a_document_and_the_picture_is_back(reader: Reader, balls: ModuleType) -> None:
    series = balls.ball_series(slices=3)
    reader.open(series, measurements(series.instances[1].sop_instance_uid))
    reader.read("2.25.50")
    view, canvas = reader.panel.beside.view, reader.panel.canvases[0]
    assert (view.isHidden(), canvas.isHidden()) == (False, True)
    assert view.geometry() == canvas.geometry()
    QTest.keyClick(view.text, Qt.Key.Key_Escape)
    assert (view.isHidden(), canvas.isHidden()) == (True, False)
    assert view.text.toPlainText() == ""
    reader.until(reader.panel.is_settled)


def test_escape_closes_a_document_also_from_a_picture_beside_it(reader: Reader, balls: ModuleType) -> None:
    series = balls.ball_series(slices=3)
    reader.open(series, measurements(series.instances[1].sop_instance_uid))
    assert reader.panel.run("layout.1x2")
    reader.read("2.25.50")
    QTest.keyClick(reader.panel.canvases[1], Qt.Key.Key_Escape)
    assert reader.panel.beside.view.isHidden()


def test_documents_are_reached_by_keys_one_after_the_other(reader: Reader, balls: ModuleType) -> None:
    series = balls.ball_series(slices=3)
    reader.open(
        series,
        key_objects("113000", "Of Interest", image(series.instances[0].sop_instance_uid), uid="2.25.60"),
        encapsulated(b"<ClinicalDocument><title>Summary</title></ClinicalDocument>", CDA, "2.25.61"),
    )
    session = reader.panel.session
    assert session is not None
    seen = []
    for _press in range(3):
        QTest.keyClick(reader.panel, Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
        seen.append(session.document)
    assert seen[0] == seen[2]
    assert set(seen) == {"2.25.60", "2.25.61"}


def test_a_pdf_shows_all_its_pages_goes_by_page_keys_and_zooms(reader: Reader, balls: ModuleType) -> None:
    reader.open(balls.ball_series(slices=3), encapsulated(pages(3), PDF, "2.25.70", DocumentTitle="Letter"))
    reader.read("2.25.70")
    pdf = reader.panel.beside.view.pdf
    reader.until(lambda: len(pdf.sheets) == 3 and pdf.sheets[0].drawn)
    below = [
        (one.geometry().bottom(), other.geometry().top())
        for one, other in zip(pdf.sheets, pdf.sheets[1:], strict=False)
    ]
    assert all(top > bottom for bottom, top in below)
    assert pdf.page == 0
    QTest.keyClick(pdf, Qt.Key.Key_PageDown)
    assert pdf.page == 1
    reader.until(lambda: pdf.sheets[1].drawn)
    before = pdf.sheets[0].width()
    QTest.keyClick(pdf, Qt.Key.Key_Plus)
    assert pdf.sheets[0].width() > before
    assert pdf.page == 1


@pytest.mark.parametrize(
    ("pdf", "said"),
    [
        (b"%PDF-1.7 nothing", "The PDF can't be read: it is damaged or no PDF"),
        (b"", "The PDF can't be read: it is damaged or no PDF"),
    ],
)
def test_a_broken_pdf_is_said(reader: Reader, balls: ModuleType, pdf: bytes, said: str) -> None:
    reader.open(balls.ball_series(slices=3), encapsulated(pdf, PDF, "2.25.71"))
    assert reader.read("2.25.71") == said


def test_a_locked_pdf_is_said(reader: Reader, balls: ModuleType) -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen import canvas

    buffer = io.BytesIO()
    drawn = canvas.Canvas(buffer, encrypt=StandardEncryption("secret", strength=128))
    drawn.showPage()
    drawn.save()
    reader.open(balls.ball_series(slices=3), encapsulated(buffer.getvalue(), PDF, "2.25.72"))
    assert reader.read("2.25.72") == "The PDF can't be read: it is locked with a password"


def test_a_dose_report_has_its_numbers_on_top(reader: Reader, balls: ModuleType) -> None:
    event = item(
        "CONTAINER",
        coded("113819", "CT Acquisition"),
        item("TEXT", coded("125203", "Acquisition Protocol"), TextValue="Chest"),
        number("113830", "Mean CTDIvol", "5.31", "mGy"),
        number("113838", "DLP", "201.20", "mGy.cm"),
    )
    root = item("CONTAINER", coded("113701", "X-Ray Radiation Dose Report"), event)
    reader.open(balls.ball_series(slices=3), written(root, RDSR, "2.25.80"))
    lines = reader.read("2.25.80").splitlines()
    table = lines[lines.index("Irradiations") + 1 :]
    assert [line for line in table if line][:10] == [
        "№", "Protocol", "CTDIvol", "DLP", "1", "Chest", "5.31 mGy", "201.20 mGy.cm",
        "CT Acquisition", "Acquisition Protocol: Chest",
    ]  # fmt: skip


def test_markup_in_a_document_stays_text(reader: Reader, balls: ModuleType) -> None:
    text = '<b>bold</b> <img src="http://localhost/x.png"> & <script>'
    root = item("CONTAINER", coded("1", "<h1>Title</h1>"), item("TEXT", None, TextValue=text))
    reader.open(balls.ball_series(slices=3), written(root, COMPREHENSIVE, "2.25.81"))
    shown = reader.read("2.25.81")
    assert text in shown
    assert "<h1>Title</h1>" in shown


def test_a_document_of_another_patient_is_said(reader: Reader, balls: ModuleType) -> None:
    from workstation.dicom.content import Patient

    series = balls.ball_series(slices=3)
    mine = written(item("CONTAINER", coded("1", "Mine")), COMPREHENSIVE, "2.25.82")
    reader.open(series, mine)
    reader.read("2.25.82")
    assert reader.panel.beside.view.warning == ""
    reader.open(series, mine, patient=Patient("Other^One", "P-2"))
    reader.read("2.25.82")
    assert "Other One" in reader.panel.beside.view.warning


def test_rejected_images_are_counted_in_the_strip_and_come_by_a_click(reader: Reader, balls: ModuleType) -> None:
    series = balls.ball_series(slices=6)
    named = [image(series.instances[k].sop_instance_uid) for k in (1, 2)]
    reader.open(series, key_objects("113001", "Rejected for Quality Reasons", *named, uid="2.25.90"))
    strip = reader.panel.strip
    assert [card.stack.count for card in strip.cards.values()] == [4]
    strip.rejected_wanted.emit()
    reader.until(reader.panel.is_settled)
    assert [card.stack.count for card in strip.cards.values()] == [4, 2]


def test_choosing_a_series_takes_the_place_of_the_document(reader: Reader, balls: ModuleType) -> None:
    series = balls.ball_series(slices=3)
    reader.open(series, measurements(series.instances[1].sop_instance_uid))
    reader.read("2.25.50")
    (key,) = reader.panel.strip.cards
    reader.panel.strip.chosen.emit(key)
    reader.until(reader.panel.is_settled)
    assert reader.panel.beside.view.isHidden()
    assert not reader.panel.canvases[0].isHidden()


def test_segments_are_listed_with_volume_and_switch(reader: Reader, shared_data: Path) -> None:
    folder = shared_data / "seg_sr_pm" / "dcmqi"
    files = [folder / name for name in ("01.dcm", "02.dcm", "03.dcm", "partial_overlaps.dcm")]
    data = {parse_instance(file.read_bytes()).sop_instance_uid: file.read_bytes() for file in files}
    panel = reader.panel
    panel.open_case([parse_instance(raw) for raw in data.values()], [], data.__getitem__)
    reader.until(lambda: panel.is_loaded() and panel.is_settled())
    session = panel.session
    assert session is not None
    assert panel.beside.layers.isHidden()
    QTest.keyClick(panel, Qt.Key.Key_J)
    (layer,) = session.case.layers.all
    reader.until(lambda: layer.loaded is not None and panel.is_settled())
    boxes = panel.beside.layers.findChildren(QCheckBox)
    assert len(boxes) == 5
    assert all(box.isChecked() for box in boxes)
    with_all = panel.grab().toImage()
    boxes[0].click()
    reader.until(panel.is_settled)
    assert layer.hidden
    assert panel.grab().toImage() != with_all
    panel.beside.layers.closed.emit()
    assert panel.beside.layers.isHidden()
    assert not layer.visible


def test_volumes_have_the_digits_their_size_supports() -> None:
    assert [volume_text(ml) for ml in (None, 1234.5, 12.34, 1.234, 0.0123)] == [
        "—", "1234 ml", "12.3 ml", "1.23 ml", "0.012 ml",
    ]  # fmt: skip
