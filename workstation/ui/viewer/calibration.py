"""Asking for the length of a known object: the reader's own calibration of an image without patient geometry."""

from PySide6.QtWidgets import QInputDialog, QWidget

from workstation.language import _
from workstation.viewing.drawings import Drawing

_LONGEST_MM = 2000.0


def ask_length(parent: QWidget, drawing: Drawing) -> float | None:
    """The mm that a drawn length stands for; 0 takes a calibration back, None leaves all as it was."""
    known, given = QInputDialog.getDouble(
        parent,
        _("Calibrate by a known length"),
        _("Length of the line in mm (0: no calibration):"),
        drawing.known_mm or 10.0,
        0.0,
        _LONGEST_MM,
        2,
    )
    return known if given else None
