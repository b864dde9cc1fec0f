"""The menu of a viewport and what a stored view paints, driven by the mouse."""

from collections.abc import Callable

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from tests.grey_images import image, item, lut_item, saved
from tests.presentation_states import presentation, reference, window
from workstation.dicom.parsing import parse_instance
from workstation.imaging.voi import Window
from workstation.ui.viewer.panel import ViewerPanel


@pytest.fixture
def panel(panel: ViewerPanel) -> ViewerPanel:
    panel.resize(900, 700)
    return panel


@pytest.fixture
def settle(panel: ViewerPanel, until: Callable[..., None]) -> Callable[..., None]:
    return lambda true=lambda: True: until(lambda: panel.is_loaded() and panel.is_settled() and true())


def opened(panel: ViewerPanel, settle: Callable[..., None], *objects: Dataset) -> None:
    raw = [saved(each) for each in objects]
    instances = [parse_instance(data) for data in raw]
    data = {instance.sop_instance_uid: each for instance, each in zip(instances, raw, strict=True)}
    panel.open_case(instances, [], data.__getitem__)
    settle()


def actions(menu: QMenu) -> dict[str, Callable[[], None]]:
    return {action.text().split("\t")[0]: action.trigger for action in menu.actions() if action.text()}


def menu_of(panel: ViewerPanel) -> dict[str, Callable[[], None]]:
    canvas = panel.canvases[0]
    QTest.mouseClick(canvas, Qt.MouseButton.RightButton, pos=QPoint(300, 300))
    found = QApplication.activePopupWidget()
    assert isinstance(found, QMenu)
    found.close()
    return actions(found)


def test_every_window_and_table_of_the_file_is_in_the_menu_by_name(
    panel: ViewerPanel, settle: Callable[..., None]
) -> None:
    ds = image(np.linspace(0, 4095, 6400).astype("<u2").reshape(80, 80), BitsStored=12, HighBit=11)
    ds.WindowCenter, ds.WindowWidth, ds.WindowCenterWidthExplanation = [100, 900], [200, 1800], ["SOFT", "WIDE"]
    ds.VOILUTSequence = Sequence(
        [lut_item(0, 12, np.arange(4096), LUTExplanation="FLAT"), lut_item(0, 12, range(4096))]
    )
    opened(panel, settle, ds)
    found = menu_of(panel)
    assert list(found)[:5] == [
        "SOFT  (W 200  L 100)",
        "WIDE  (W 1800  L 900)",
        "LUT: FLAT",
        "LUT: LUT 2",
        "Automatic",
    ]
    found["WIDE  (W 1800  L 900)"]()
    assert panel.session is not None
    assert panel.session.views.voi(0) == Window(900, 1800, "LINEAR", "WIDE")
    QTest.mousePress(panel.canvases[0], Qt.MouseButton.RightButton, pos=QPoint(300, 300))
    QTest.mouseMove(panel.canvases[0], QPoint(300, 340))
    QTest.mouseRelease(panel.canvases[0], Qt.MouseButton.RightButton, pos=QPoint(300, 340))
    assert QApplication.activePopupWidget() is None


def test_a_stored_view_is_chosen_from_the_menu_painted_and_left(
    panel: ViewerPanel, settle: Callable[..., None]
) -> None:
    ds = image(np.zeros((80, 80), "<u2"), WindowCenter=100, WindowWidth=200)
    line = item(
        GraphicAnnotationUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=2,
        GraphicData=[10.0, 40.0, 70.0, 40.0],
        GraphicType="POLYLINE",
        GraphicFilled="N",
    )
    note = item(ReferencedImageSequence=[reference(ds)], GraphicLayer="RED", GraphicObjectSequence=[line])
    state = presentation(ds, SoftcopyVOILUTSequence=window(500, 100), ContentCreatorName="Reader^First")
    state.GraphicAnnotationSequence = Sequence([note])
    layer = item(GraphicLayer="RED", GraphicLayerOrder=1)
    layer.GraphicLayerRecommendedDisplayCIELabValue = [0x8A00, 0xD000, 0xC200]
    state.GraphicLayerSequence = Sequence([layer])
    opened(panel, settle, ds, state)
    session = panel.session
    assert session is not None
    stack = session.views.stack(0)
    assert stack is not None
    settle(lambda: bool(session.case.presentations.offered(stack, 0)))

    def reds() -> int:
        shown = panel.canvases[0].grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        raw = np.frombuffer(shown.constBits(), np.uint8).reshape(shown.height(), shown.bytesPerLine())
        rgb = raw[:, : shown.width() * 3].reshape(shown.height(), shown.width(), 3).astype(int)
        return int(((rgb[..., 0] > 150) & (rgb[..., 1] < 100)).sum())

    assert reds() == 0
    (name,) = [text for text in menu_of(panel) if text.startswith("As stored")]
    assert name == "As stored by Reader First: MARKS, 2026-01-11"
    menu_of(panel)[name]()
    settle()
    assert reds() > 200
    panel.run("view.overlays")
    settle()
    assert reds() == 0
    menu_of(panel)["No stored view"]()
    assert session.views.presentation(0) is None
