"""What the tour does with pictures: find the lesion by scrolling, go close, and click on its edges.

It knows of the case what the screen shows. Distances come from the picture's own scale, as a scale bar would give it.
"""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from workstation.dicom.content import Measurement
from workstation.errors import NothingToShow
from workstation.language import _
from workstation.ui.tour.eye import Picture, Spot, body_edges, edges_along, find_persistent_spot, find_spots
from workstation.ui.tour.hands import Hands
from workstation.ui.viewer.canvas import Canvas
from workstation.ui.viewer.panel import ViewerPanel

SCROLL = 3
CLOSE = 0.12
"""Millimetres a pixel when an edge is clicked."""


@dataclass(frozen=True)
class Measured:
    """A length that was drawn: millimetres and where the scale came from."""

    tracking_uid: str
    millimetres: float
    spacing_source: str
    plane: str


class PictureReader:
    """Reads one viewer by hand and eye."""

    def __init__(self, viewer: ViewerPanel, hands: Hands) -> None:
        self._viewer = viewer
        self._hands = hands

    def settle(self) -> None:
        """Wait until each viewport has painted what was asked of it."""
        self._hands.wait(self._viewer.is_settled, _("for the picture"))

    def load(self) -> None:
        """Wait until all images that are shown are there."""
        self._hands.wait(self._viewer.is_loaded, _("for the images"))
        self.settle()

    def canvas(self, number: int = 0) -> Canvas:
        return self._viewer.canvases[number]

    def picture(self, number: int = 0) -> Picture:
        """What the viewport shows, without graphics, as grey values."""
        shown = self.canvas(number).picture
        if shown is None:
            raise NothingToShow(_("The viewport is empty"))
        pixels = shown.pixels
        return pixels if pixels.ndim == 2 else np.asarray(pixels.mean(axis=2), dtype=np.uint8)

    def scale(self, number: int = 0) -> float:
        """Millimetres a device pixel."""
        shown = self.canvas(number).picture
        return 1.0 if shown is None else shown.state.mm_per_pixel

    def start_over(self) -> None:
        """Leave the three planes of an earlier visit, fit the picture, show lungs."""
        session = self._viewer.session
        if session is not None and session.views.layout == "mpr":
            self._hands.press("M", self.canvas())
            self.settle()
        for key in ("R", "1"):
            self._hands.press(key, self.canvas())
        self.settle()

    def find_lesion(self) -> Spot | None:
        """Scroll through the stack of the first viewport to the roundest lasting spot; None when there is none."""
        canvas = self.canvas()
        self._hands.press("Home", canvas)
        self.settle()
        count = self._slices()
        seen = [find_spots(self.picture(), self.scale())]
        for _slice in range(SCROLL, count, SCROLL):
            self._scroll(SCROLL)
            seen.append(find_spots(self.picture(), self.scale()))
        found = find_persistent_spot(seen, self.scale())
        if found is None:
            return None
        number, spot = found
        self._scroll((number - len(seen) + 1) * SCROLL)
        return spot

    def widest_slice(self, spot: Spot) -> Spot:
        """Go to the slice, among the neighbours, on which the spot is widest; the spot as it is there."""
        widths = []
        self._scroll(-SCROLL)
        for _slice in range(2 * SCROLL + 1):
            widths.append(self._width(spot))
            self._scroll(1)
        # a plateau of equal widths: its middle
        best = np.flatnonzero(np.asarray(widths) >= max(widths) * 0.995)
        self._scroll(int(best[len(best) // 2]) - 2 * SCROLL - 1)
        return self.centred(spot)

    def centred(self, spot: Spot, number: int = 0) -> Spot:
        """The spot with its centre in the middle of its edges, both ways."""
        picture, scale = self.picture(number), self.scale(number)
        x, y = spot.x, spot.y
        for _again in range(2):
            across = edges_along(picture, x, y, (1.0, 0.0), 1.7 * spot.radius_mm / scale)
            x += 0.0 if across is None else (across[0] + across[1]) / 2
            along = edges_along(picture, x, y, (0.0, 1.0), 1.7 * spot.radius_mm / scale)
            y += 0.0 if along is None else (along[0] + along[1]) / 2
        return Spot(x, y, spot.radius_mm, spot.contrast)

    def go_close(self, spot: Spot, number: int = 0) -> Spot:
        """Enlarge the picture about the spot with the wheel until a pixel is small beside its edge."""
        canvas = self.canvas(number)
        for _notch in range(40):
            if self.scale(number) <= CLOSE:
                break
            self._hands.wheel(canvas, self._logical(canvas, spot.x, spot.y), 1, control=True)
            self.settle()
        return self.centred(spot, number)

    def measure_spot(self, spot: Spot, number: int = 0) -> Measured:
        """Click on the left and on the right edge of the spot with the length tool."""
        edges = edges_along(self.picture(number), spot.x, spot.y, (1.0, 0.0), 1.7 * spot.radius_mm / self.scale(number))
        if edges is None:
            raise NothingToShow(_("The edge of the finding is not to be seen"))
        return self._length((spot.x + edges[0], spot.y), (spot.x + edges[1], spot.y), number)

    def measure_prior(self, spot: Spot) -> Measured | None:
        """The same finding in the second viewport, linked to the first: its length, or None when it is not there."""
        if len(self._viewer.canvases) < 2 or self.canvas(1).picture is None:
            return None
        self.settle()
        earlier = self.centred(spot, 1)
        if edges_along(self.picture(1), earlier.x, earlier.y, (1.0, 0.0), 1.7 * spot.radius_mm / self.scale(1)) is None:
            return None
        return self.measure_spot(earlier, 1)

    def measure_body(self, number: int = 0) -> Measured:
        """Click on the outermost edges of what the middle row shows."""
        picture = self.picture(number)
        row = picture.shape[0] // 2
        edges = body_edges(picture, row)
        if edges is None:
            raise NothingToShow(_("The picture is empty"))
        return self._length((edges[0], row), (edges[1], row), number)

    def draw_ellipse(self, spot: Spot, number: int = 0) -> None:
        """Draw an ellipse well inside the spot."""
        canvas = self.canvas(number)
        half = 0.55 * spot.radius_mm / self.scale(number)
        self._hands.press("E", canvas)
        self._hands.drag(
            canvas,
            self._logical(canvas, spot.x - half, spot.y - half),
            self._logical(canvas, spot.x + half, spot.y + half),
        )
        self._hands.press("W", canvas)
        self.settle()

    def bring_to_middle(self, spot: Spot) -> None:
        """Pan the first viewport until the spot is in its middle: three planes then go through it."""
        canvas, picture = self.canvas(), self.picture()
        middle = self._logical(canvas, (picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2)
        # with the left button a drag that begins on the selected measurement moves the measurement
        self._hands.drag(canvas, self._logical(canvas, spot.x, spot.y), middle, Qt.MouseButton.MiddleButton)
        self.settle()

    def point_at(self, spot: Spot, number: int = 0) -> None:
        """Put the crosshair on the spot."""
        canvas = self.canvas(number)
        self._hands.press("C", canvas)
        self._hands.click(canvas, self._logical(canvas, spot.x, spot.y))
        self._hands.press("W", canvas)
        self.settle()

    def spot_near(self, x: float, y: float, spot: Spot, number: int) -> Spot:
        """The spot as it lies around a pixel of another viewport."""
        return self.centred(Spot(x, y, spot.radius_mm, spot.contrast), number)

    def _length(self, start: tuple[float, float], end: tuple[float, float], number: int) -> Measured:
        canvas = self.canvas(number)
        before = {each.tracking_uid for each in self._measurements()}
        self._hands.press("L", canvas)
        self._hands.click(canvas, self._logical(canvas, *start))
        self._hands.click(canvas, self._logical(canvas, *end))
        self._hands.press("W", canvas)
        self._hands.wait(lambda: len(self._measurements()) > len(before), _("for the length"))
        self.settle()
        drawn = next(each for each in self._measurements() if each.tracking_uid not in before)
        return Measured(drawn.tracking_uid, drawn.primary.value, drawn.spacing_source, drawn.anchor.plane)

    def _measurements(self) -> tuple[Measurement, ...]:
        session = self._viewer.session
        return () if session is None else session.store.measurements()

    def _width(self, spot: Spot) -> float:
        edges = edges_along(self.picture(), spot.x, spot.y, (1.0, 0.0), 1.7 * spot.radius_mm / self.scale())
        return 0.0 if edges is None else edges[1] - edges[0]

    def _slices(self) -> int:
        session = self._viewer.session
        return 0 if session is None else session.views.slices(0).count

    def _scroll(self, steps: int) -> None:
        for _step in range(abs(steps)):
            self._hands.press("Down" if steps > 0 else "Up", self.canvas())
        self.settle()

    @staticmethod
    def _logical(canvas: QWidget, x: float, y: float) -> tuple[float, float]:
        """A device pixel (centres at integers) as a logical position in the widget."""
        ratio = canvas.devicePixelRatioF()
        return (x + 0.5) / ratio, (y + 0.5) / ratio
