"""What is painted above a picture: texts in the corners, letters, scale bar, slider, lines, measurements.

All of it comes from the state of the picture that is painted, never from a newer one, so that graphics lie on the
pixels they belong to. Coordinates are logical pixels; `at` turns the device pixels of `viewing` into them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from workstation.language import _, ngettext, number_text
from workstation.ui import theme
from workstation.ui.viewer import wording
from workstation.ui.viewer.lettering import EDGE, GROUND, SHADE, TEXT_POINTS, text_picture, wrapped
from workstation.ui.viewer.mark_painting import paint_marks_of_others
from workstation.ui.viewer.measurement_painting import MeasurementPainter
from workstation.ui.viewer.presented_painting import GraphicPainter
from workstation.ui.viewer.slider import MARGIN, SLIDER_WIDTH, paint_slider
from workstation.viewing.appearance_notes import appearance_notes, presentation_in_force
from workstation.viewing.fidelity import fidelity_notes
from workstation.viewing.orientation import EdgeLetters, letters_of_axes, letters_of_projection
from workstation.viewing.picture import Picture
from workstation.viewing.presented_graphics import graphics_of
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.reformats import PLANES
from workstation.viewing.rulers import spacing_at
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import PlaneKind, ViewportState, bar_length_mm

PLANE_COLOURS = {
    PlaneKind.AXIAL: QColor("#e07a6a"),
    PlaneKind.CORONAL: QColor("#7fc488"),
    PlaneKind.SAGITTAL: QColor("#dcbc5a"),
    PlaneKind.OBLIQUE: QColor("#b59ae0"),
    PlaneKind.STACK: QColor("#8a98a8"),
}
# between texts of two corners
_APART = 16.0
# what a text in a left corner may have of the width
_LEFT = 0.58
# where this share of what is under a text has grey values above this, it takes a dark ground
_BRIGHT, _SHARE = 90, 0.2
# rows that a description of a study or series may take
_DESCRIBED = 2
# notes may take this much of a viewport's height
_NOTES = 0.3


@dataclass(frozen=True)
class Look:
    """What belongs on the canvas: a key image leaves out who the patient is, the slider and the frame."""

    identity: bool = True
    controls: bool = True


Line = tuple[str, QColor]


@dataclass(frozen=True)
class Words:
    """A text with its place."""

    place: QRectF
    text: str
    color: QColor
    bold: bool = False


class Overlay:
    """Paints above the picture of one viewport."""

    def __init__(self, session: ReadingSession, number: int, painter: QPainter, rect: QRectF, ratio: float) -> None:
        self._session = session
        self._number = number
        self._painter = painter
        self._rect = rect
        self._ratio = ratio
        self.taken: list[QRectF] = []
        """Where texts stand that no label of a measurement covers."""
        self.notes: tuple[str, ...] = ()
        self.badge: list[QRectF] = []
        """All notes on the picture, and where the badge with them stands; some may have found no room in it."""
        font = QFont(painter.font())
        font.setPointSizeF(TEXT_POINTS)
        painter.setFont(font)
        self._metrics = QFontMetricsF(font)
        self._line = self._metrics.height()

    def paint(self, picture: Picture, stack: ShownStack, look: Look) -> None:
        state = picture.state
        if stack.prior:
            band = QRectF(self._rect.left(), self._rect.top(), self._rect.width(), 3)
            self._painter.fillRect(band, QColor(theme.current().warning))
        self._painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        corners = self._corners(picture, stack, look)
        letters = self._letters(stack, state)
        self.taken = [words.place for words in corners + letters]
        self._presented(stack, state)
        self._lines(state)
        measurements = MeasurementPainter(self._painter, self._rect, self._ratio, self._metrics)
        measurements.paint(self._session.annotations, self._session.store.selected, state, self.taken)
        inside = self._rect.adjusted(MARGIN, MARGIN, -MARGIN - SLIDER_WIDTH, -MARGIN)
        others = self._session.marks.visible(state, stack)
        paint_marks_of_others(self._painter, others, self.at, self._text, inside)
        self._scale_bar(stack, state, corners)
        for words in corners + letters:
            self._back(words.place, picture)
        for words in corners + letters:
            self._write(words)
        if look.controls:
            paint_slider(self._painter, self._rect, self._session, stack, state)

    def at(self, x: float, y: float) -> QPointF:
        """Device pixel (centres at integers) to logical coordinates."""
        return QPointF((x + 0.5) / self._ratio, (y + 0.5) / self._ratio)

    # texts

    def _text(self, x: float, y: float, text: str, color: QColor, bold: bool = False) -> None:
        """Text with its baseline at y."""
        if text:
            drawn = text_picture(text, color.rgb(), bold, self._painter.font().family(), self._ratio)
            self._painter.drawImage(QPointF(x - EDGE, y - self._metrics.ascent() - EDGE), drawn)

    def _back(self, place: QRectF, picture: Picture) -> None:
        """A dark ground under a text where the picture is so bright that the edge of its letters is not enough."""
        box = QRectF(place.topLeft() * self._ratio, place.bottomRight() * self._ratio).toAlignedRect()
        under = picture.pixels[max(box.top(), 0) : box.bottom(), max(box.left(), 0) : box.right()]
        if under.size and (under > _BRIGHT).mean() > _SHARE:
            self._painter.fillRect(place.adjusted(-3, 0, 3, 0), GROUND)

    def _write(self, words: Words) -> None:
        self._text(words.place.left(), words.place.top() + self._metrics.ascent(), words.text, words.color, words.bold)

    def _block(self, lines: list[Line], right: bool, bottom: bool, beside: Sequence[Words] = ()) -> list[Words]:
        """Lines in a corner, broken where they are too long; what is `beside` them and the edge's letter stay free."""
        whole = self._rect.width() - 2 * MARGIN - SLIDER_WIDTH
        half = self._rect.width() / 2 - MARGIN - 12 - (SLIDER_WIDTH if right else 0)
        edge = self._rect.right() - MARGIN - SLIDER_WIDTH if right else self._rect.left() + MARGIN
        rows: list[Line] = []
        # from the edge on, where the room is narrowest: how many rows lie before a line tells how wide it may be
        for line, color in reversed(lines) if bottom else lines:
            room = half
            if rows and right:
                room = whole - max((words.place.width() for words in beside[len(rows) :]), default=0.0) - _APART
            elif rows:
                room = _LEFT * whole
            broken = wrapped(line, room, self._metrics)
            if right and not bottom and len(broken) > _DESCRIBED:
                rest = " ".join(broken[_DESCRIBED - 1 :])
                broken[_DESCRIBED - 1 :] = [self._metrics.elidedText(rest, Qt.TextElideMode.ElideRight, room)]
            rows += [(part, color) for part in (reversed(broken) if bottom else broken)]
        found = []
        for row, (line, color) in enumerate(rows):
            wide = self._metrics.horizontalAdvance(line)
            x = edge - wide if right else edge
            y = self._rect.bottom() - MARGIN - (row + 1) * self._line if bottom else self._rect.top() + MARGIN
            found.append(Words(QRectF(x, y if bottom else y + row * self._line, wide, self._line), line, color))
        return found

    def _corners(self, picture: Picture, stack: ShownStack, look: Look) -> list[Words]:
        colours = theme.current()
        text, muted, warning = QColor(colours.text), QColor(colours.muted).lighter(120), QColor(colours.warning)
        state = picture.state
        small = self._rect.height() < 12 * self._line
        identity = wording.identity_lines(stack) if look.identity else []
        series = wording.series_lines(stack)
        if small:
            identity, series = identity[:1], series[:1] + series[-1:]
        prior = [(_("PRIOR"), warning)] if stack.prior else []
        where = wording.slice_lines(stack, state)
        plane = self._plane_colour(self._number, state.kind)
        named = [(where[0], plane)] if state.kind is not PlaneKind.STACK else []
        rest = where[len(named) :]
        zoom = self._zoom(stack, state)
        case = self._session.case
        notes = [
            *case.remarks(stack),
            *appearance_notes(case, stack, state),
            *fidelity_notes(stack, case.loader(stack.key), state, self._session.annotations.scales),
        ]
        self.notes = tuple(notes)
        stored, offers = self._stored_views(stack, state)
        greys = wording.grey_lines(state, picture.voi, zoom)
        who = self._block(_led(identity, text, muted), False, False)
        place = self._block(named + _led(rest, text, muted), False, True)
        how = [
            *((note, warning) for note in self._fitting(notes)),
            *((name, text) for name in stored),
            *((offer, muted) for offer in offers),
            *((line, text if "W" in line else muted) for line in greys),
        ]
        told = self._block(how, True, True, place)
        self.badge = [words.place for words in told if words.color == warning]
        return [
            *who,
            *self._block(prior + _led(series, text, muted), True, False, who),
            *place,
            *told,
        ]

    def _fitting(self, notes: Sequence[str]) -> list[str]:
        """As many notes as leave the picture to be seen, the weightiest first, and how many more there are."""
        room = self._rect.width() / 2
        rows, shown = _NOTES * self._rect.height() / self._line, list[str]()
        for note in notes:
            rows -= len(wrapped(note, room, self._metrics))
            if rows < 0 and shown:
                more = len(notes) - len(shown)
                return [*shown, ngettext("{count} more note", "{count} more notes", more).format(count=more)]
            shown.append(note)
        return shown

    def _zoom(self, stack: ShownStack, state: ViewportState) -> float:
        """Screen pixels a source pixel, along its row."""
        return stack.stack.spacing.column_mm / state.mm_per_pixel

    def _letters(self, stack: ShownStack, state: ViewportState) -> list[Words]:
        letters = letters_of_axes(*state.axes) if stack.positioned else EdgeLetters()
        if not stack.positioned:
            letters = letters_of_projection(stack.first.patient_orientation, state.turns, state.flipped)
        rect, height = self._rect, self._line
        x, y = rect.center().x(), rect.center().y() - height / 2
        right = rect.right() - MARGIN - SLIDER_WIDTH
        wide = self._metrics.horizontalAdvance
        places = (
            (letters.left, rect.left() + MARGIN, y),
            (letters.right, right - wide(letters.right), y),
            (letters.top, x - wide(letters.top) / 2, rect.top() + MARGIN),
            (letters.bottom, x - wide(letters.bottom) / 2, rect.bottom() - MARGIN - height),
        )
        color = QColor(theme.current().text)
        return [
            Words(QRectF(left, top, wide(text), height), text, color, bold=True) for text, left, top in places if text
        ]

    def _scale_bar(self, stack: ShownStack, state: ViewportState, corners: list[Words]) -> None:
        """In the middle or as near to it as the texts beside it allow; shorter, or left out, where they are long."""
        spacing = spacing_at(stack, state.index, self._session.annotations.scales)
        if not spacing.in_mm:
            return
        mm_per_pixel = state.mm_per_pixel * spacing.column_mm / stack.spacing(state.index).column_mm
        y = self._rect.bottom() - MARGIN - self._line - 6
        middle = self._rect.center().x()
        low, high = self._rect.left(), self._rect.right()
        for words in corners:
            if words.place.top() < y + 4 and words.place.bottom() > y - 7 - self._line:
                if words.place.center().x() < middle:
                    low = max(low, words.place.right())
                else:
                    high = min(high, words.place.left())
        room = high - low - 2 * MARGIN
        mm = bar_length_mm(mm_per_pixel, min(state.width / 5, max(room, 1.0) * self._ratio))
        length = mm / mm_per_pixel / self._ratio
        cm = _("{cm} cm").format(cm=number_text(mm / 10, 1, trim=True))
        label = cm if mm >= 10 else _("{mm} mm").format(mm=number_text(mm, 3, trim=True))
        wide = self._metrics.horizontalAdvance(label)
        half = max(length, wide) / 2
        if 2 * half > room:
            return
        x = min(max(middle, low + MARGIN + half), high - MARGIN - half)
        self.taken.append(QRectF(x - half, y - 7 - self._line, 2 * half, self._line + 11))
        left = x - length / 2
        bar = [
            QLineF(left, y, left + length, y),
            QLineF(left, y - 4, left, y + 4),
            QLineF(left + length, y - 4, left + length, y + 4),
        ]
        self._stroke(bar, QColor(theme.current().text), 1.5)
        self._text(x - wide / 2, y - 7, label, QColor("#e4e4e4"))

    # graphics

    def _presented(self, stack: ShownStack, state: ViewportState) -> None:
        """What the presentation state in force draws."""
        presentation = presentation_in_force(self._session.case, stack, state)
        if presentation is not None and state.overlays:
            strokes, labels = graphics_of(presentation, stack, state)
            GraphicPainter(self._painter, self._ratio).paint(strokes, labels)

    def _stored_views(self, stack: ShownStack, state: ViewportState) -> tuple[list[str], list[str]]:
        """The name of the presentation state in force, or what is on offer; the names of the overlay planes seen."""
        if state.kind is not PlaneKind.STACK:
            return [], []
        offered = self._session.case.presentations.offered(stack, state.index)
        presentation = presentation_in_force(self._session.case, stack, state)
        if presentation is not None:
            return [wording.presentation_name(presentation)], []
        planes = stack.instance(state.index).overlays if state.overlays else ()
        names = list(dict.fromkeys(plane.name for plane in planes if plane.name))
        fit = [one for one in offered if not one.refusal]
        if fit:
            offer = _("stored view: {title} (N)").format(title=fit[0].label or _(fit[0].kind))
            return [], [", ".join(names), offer] if names else [offer]
        return [], ([", ".join(names)] if names else []) + [one.refusal for one in offered[:1]]

    def _plane_colour(self, number: int, kind: PlaneKind) -> QColor:
        """A plane keeps its colour when it is turned."""
        own = PLANES[number] if self._session.views.layout == "mpr" and number < len(PLANES) else kind
        return PLANE_COLOURS[own]

    def _stroke(self, lines: list[QLineF], color: QColor, width: float, dashed: bool = False) -> None:
        """Lines on a dark edge, so that they are seen on bone."""
        self._painter.setPen(QPen(SHADE, width + 2))
        self._painter.drawLines(lines)
        pen = QPen(color, width)
        if dashed:
            pen.setDashPattern([4, 3])
        self._painter.setPen(pen)
        self._painter.drawLines(lines)

    def _lines(self, state: ViewportState) -> None:
        crosshair = self._session.reformats.crosshair(self._number)
        centre = None
        if crosshair is not None:
            x, y = state.plane.lps_to_pixel(crosshair)[:2]
            centre = self.at(float(x), float(y))
        for line in self._session.reformats.lines(self._number):
            whole = _shortened(QLineF(self.at(line.x0, line.y0), self.at(line.x1, line.y1)), 2 * self._line)
            parts = _with_gap(whole, centre, 18.0) if centre is not None else [whole]
            self._painter.setPen(QPen(self._plane_colour(line.viewport, line.kind), 1.0))
            self._painter.drawLines(parts)


def _led(lines: Sequence[str], first: QColor, others: QColor) -> list[Line]:
    """Lines of which the first is the weightiest."""
    return [(line, others if row else first) for row, line in enumerate(lines)]


def _shortened(line: QLineF, by: float) -> QLineF:
    """The line without its ends, where letters stand."""
    part = by / line.length() if line.length() > 4 * by else 0.0
    return QLineF(line.pointAt(part), line.pointAt(1 - part))


def _with_gap(line: QLineF, centre: QPointF, gap: float) -> list[QLineF]:
    """The line without the stretch around a point on it, where the reader looks."""
    length = line.length()
    if length == 0:
        return [line]
    along = ((centre.x() - line.x1()) * line.dx() + (centre.y() - line.y1()) * line.dy()) / length
    parts = []
    if along - gap > 0:
        parts.append(QLineF(line.p1(), line.pointAt((along - gap) / length)))
    if along + gap < length:
        parts.append(QLineF(line.pointAt((along + gap) / length), line.p2()))
    return parts
