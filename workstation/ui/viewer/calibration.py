"""Asking for the length of a known object: the reader's own calibration of an image without patient geometry."""

from PySide6.QtWidgets import QDoubleSpinBox, QInputDialog, QWidget

from workstation.language import _
from workstation.viewing.drawings import Drawing

_LONGEST_MM = 2000.0


def ask_length(parent: QWidget, drawing: Drawing) -> float | None:
    """The mm that a drawn length stands for; 0 takes a calibration back, None leaves all as it was."""
    dialog = QInputDialog(parent)
    dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
    dialog.setWindowTitle(_("Calibrate by a known length"))
    dialog.setLabelText(_("Length of the line in mm (0: no calibration):"))
    dialog.setDoubleRange(0.0, _LONGEST_MM)
    dialog.setDoubleDecimals(2)
    # Enter alone must calibrate nothing
    dialog.setDoubleValue(drawing.known_mm)
    for box in dialog.findChildren(QDoubleSpinBox):
        box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    try:
        return dialog.doubleValue() if dialog.exec() else None
    finally:
        dialog.deleteLater()
