"""The segments of the layers that are shown: colour, label, volume, a switch each; their density, and who made them."""

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.language import _, number_text
from workstation.ui import theme
from workstation.ui.texts import coded
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.segment_layers import LayerSegment, SegmentLayer

WIDTH = 224


class LayerList(QScrollArea):
    """Shown while a layer is. `closed`: all layers are to go off."""

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session: ReadingSession | None = None
        self._seen: tuple[object, ...] = ()
        self.setFixedWidth(WIDTH)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(_("Segments"))
        self.hide()

    def set_session(self, session: ReadingSession | None) -> None:
        self._session = session
        self._seen = ()
        self.refresh()

    def refresh(self) -> None:
        """The list anew, when other layers are shown or one has been read."""
        session = self._session
        layers = () if session is None else tuple(layer for layer in session.case.layers.all if layer.visible)
        seen = tuple((layer.key, layer.loaded is None, layer.trouble) for layer in layers)
        self.setVisible(bool(layers))
        if seen == self._seen:
            return
        self._seen = seen
        body = QFrame()
        theme.set_role(body, "panel")
        column = QVBoxLayout(body)
        column.setContentsMargins(10, 8, 10, 10)
        column.setSpacing(6)
        column.addLayout(self._head())
        for layer in layers:
            self._add(column, layer)
        column.addStretch(1)
        self.setWidget(body)

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        title = QLabel(_("Segments"), self)
        theme.set_role(title, "heading")
        close = QToolButton(self)
        close.setIcon(theme.icon("mdi6.close"))
        close.setIconSize(QSize(18, 18))
        close.setToolTip(_("Hide the segmentations"))
        close.setAccessibleName(_("Hide the segmentations"))
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.set_role(close, "quiet")
        close.clicked.connect(self.closed)
        row.addWidget(title, 1)
        row.addWidget(close)
        return row

    def _label(self, text: str, role: str = "") -> QLabel:
        label = QLabel(text, self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        if role:
            theme.set_role(label, role)
        return label

    def _add(self, column: QVBoxLayout, layer: SegmentLayer) -> None:
        column.addSpacing(4)
        column.addWidget(self._label(layer.title))
        loaded = layer.loaded
        if loaded is None:
            column.addWidget(self._label(layer.trouble or _("Loading…"), "error" if layer.trouble else "muted"))
            return
        session = self._session
        if session is not None and session.case.names_another(layer.instance):
            column.addWidget(self._label(_("It names another patient"), "error"))
        if session is not None and not any(layer.lies_on(stack) for stack in session.case.stacks):
            column.addWidget(self._label(_("It lies on no series of this case"), "warning"))
        made = list(dict.fromkeys(one.made_by for one in loaded.segments if one.made_by))
        by_program = any(one.segment.algorithm == "AUTOMATIC" for one in loaded.segments)
        for line in made:
            column.addWidget(self._label(line, "warning" if by_program else "muted"))
        if loaded.note:
            column.addWidget(self._label(loaded.note, "muted"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 1)
        for row, one in enumerate(loaded.segments):
            self._segment(grid, row, layer, one)
        column.addLayout(grid)
        slider = QSlider(Qt.Orientation.Horizontal, self)
        slider.setRange(0, 100)
        slider.setValue(round(layer.opacity * 100))
        slider.setAccessibleName(_("Opacity"))
        slider.setToolTip(_("Opacity; outlines always stay"))
        slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        slider.valueChanged.connect(lambda value: self._set_opacity(layer, value))
        row_ = QHBoxLayout()
        row_.addWidget(self._label(_("Opacity"), "muted"))
        row_.addWidget(slider, 1)
        column.addLayout(row_)

    def _segment(self, grid: QGridLayout, row: int, layer: SegmentLayer, one: LayerSegment) -> None:
        segment = one.segment
        swatch = QPixmap(14, 14)
        swatch.fill(QColor(*segment.colour))
        box = QCheckBox(self)
        box.setText(box.fontMetrics().elidedText(segment.label, Qt.TextElideMode.ElideRight, WIDTH - 140))
        box.setIcon(QIcon(swatch))
        box.setIconSize(QSize(14, 14))
        box.setChecked(segment.number not in layer.hidden)
        box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        codes = [code for code in (segment.category, segment.kind) if code is not None]
        told = (segment.label, *map(coded, codes), segment.description, one.made_by)
        box.setToolTip("\n".join(part for part in told if part))
        box.toggled.connect(partial(self._switch, layer, segment.number))
        volume = self._label(volume_text(one.millilitres), "muted")
        volume.setWordWrap(False)
        if one.millilitres is None:
            volume.setToolTip(_("The distance of its slices is not known"))
        grid.addWidget(box, row, 0)
        grid.addWidget(volume, row, 1, Qt.AlignmentFlag.AlignRight)

    def _switch(self, layer: SegmentLayer, number: int, visible: bool) -> None:
        if self._session is not None:
            self._session.case.layers.show_segment(layer, number, visible)

    def _set_opacity(self, layer: SegmentLayer, value: int) -> None:
        if self._session is not None:
            self._session.case.layers.set_opacity(layer, value / 100)


def volume_text(millilitres: float | None) -> str:
    """A volume with as many digits as its size supports."""
    if millilitres is None:
        return "—"
    digits = 0 if millilitres >= 100 else 1 if millilitres >= 10 else 2 if millilitres >= 0.1 else 3
    return _("{ml} ml").format(ml=number_text(millilitres, digits))
