"""Studies by files in the window: taken from a folder dropped onto the worklist, and exported as the reader chose."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog

from tests import tiny_instances
from workstation.archive import parcel
from workstation.ui.export_page import ExportPage, PassphrasePage

Seat = Callable[..., Any]
PASSPHRASE = "трость под зонтом 17"


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    folder = tmp_path / "medium"
    folder.mkdir()
    for number, data in enumerate(tiny_instances.ct_series(3, patient_name="Дисков^Пётр"), 1):
        (folder / str(number)).write_bytes(data)
    (folder / "cut").write_bytes(tiny_instances.ct_series(1)[0][:-20])
    return folder


def drop(reader: Any, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    page = reader.window.worklist
    # Qt gives a drop to whom took the drag
    QApplication.sendEvent(page, QDragEnterEvent(QPoint(50, 200), copy, data, left, none))
    QApplication.sendEvent(page, QDropEvent(QPointF(50, 200), copy, data, left, none))


def imported(reader: Any) -> Any:
    """The imported case, under the cursor."""
    reader.hands.wait(lambda: not reader.window.background.activities and reader.message, "for the import")
    case = reader.find("Дисков")
    reader.hands.wait(lambda: reader.window.worklist.select(case.case_uid), "for the row")
    return case


def asked(reader: Any) -> ExportPage:
    reader.window.exchange.ask_export()
    reader.hands.wait(lambda: bool(reader.shell.findChildren(ExportPage)), "for the page")
    (page,) = reader.shell.findChildren(ExportPage)
    return page


def test_a_folder_dropped_onto_the_worklist_is_imported_and_what_is_bad_is_said(seat: Seat, medium: Path) -> None:
    reader = seat()
    drop(reader, medium)
    case = imported(reader)
    assert case.origin == "import"
    table = reader.window.worklist.model
    shown = [str(table.index(table.row_of(case.case_uid), column).data()) for column in range(table.columnCount())]
    assert "3 here" in shown
    assert reader.message.startswith("3 objects imported\ncut: ")


def test_a_case_leaves_sealed_and_comes_back_by_its_passphrase(
    seat: Seat, medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcel, "_SCRYPT", (14, 8, 1))
    reader = seat()
    drop(reader, medium)
    imported(reader)
    target = tmp_path / "case.iris"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_any, **_options: (str(target), ""))
    page = asked(reader)
    page.passphrase.setText("short")
    reader.hands.press("Return", page.passphrase)
    page.again.setText("short")
    reader.hands.press("Return", page.again)
    assert "at least 12" in page.message
    page.passphrase.setText(PASSPHRASE)
    page.again.setText(PASSPHRASE + "!")
    reader.hands.press("Return", page.again)
    assert "differ" in page.message
    page.again.setText(PASSPHRASE)
    reader.hands.press("Return", page.again)
    reader.hands.wait(lambda: reader.message.startswith("case.iris"), "for the file")
    assert target.read_bytes().startswith(parcel.MAGIC)

    other = seat(reader.window._settings.__class__(tmp_path / "other", language="en", prefetch=False))
    drop(other, target)
    other.hands.wait(lambda: bool(other.shell.findChildren(PassphrasePage)), "for the question")
    (question,) = other.shell.findChildren(PassphrasePage)
    question.passphrase.setText(PASSPHRASE)
    other.hands.press("Return", question.passphrase)
    imported(other)
    assert other.message == "3 objects imported"


def test_a_case_leaves_without_its_patient(
    seat: Seat, medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = seat()
    drop(reader, medium)
    imported(reader)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_any, **_options: (str(tmp_path / "lesson"), ""))
    page = asked(reader)
    page.choose_anonymous()
    page.characteristics.setChecked(True)
    assert page.primary is not None
    page.primary.click()
    reader.hands.wait(lambda: reader.message.startswith("lesson: 3 objects"), "for the folder")
    made = sorted((tmp_path / "lesson").rglob("I0*"))
    assert len(made) == 3
    for path in made:
        ds = pydicom.dcmread(io.BytesIO(path.read_bytes()))
        assert str(ds.PatientName).startswith("ANON-")
        assert ds.PatientSex == "F"


def test_the_page_can_be_left(seat: Seat, medium: Path) -> None:
    reader = seat()
    drop(reader, medium)
    imported(reader)
    page = asked(reader)
    page.declined.emit()
    reader.hands.wait(lambda: not reader.shell.findChildren(ExportPage), "for the worklist")
    assert reader.window.worklist.isVisible()
