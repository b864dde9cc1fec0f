"""Neutral pointer events, and what a gesture is: a generator that takes them one by one."""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from workstation.viewing.reading_session import ReadingSession

Button = Literal["left", "middle", "right", "none"]
# a press that moved less than this was a click
_CLICK = 4.0


@dataclass(frozen=True)
class PointerEvent:
    """A press, move or release at device pixel (x, y); `ratio` is device pixels per logical one.

    `finish` is the key that ends a graphic of any number of points.
    """

    kind: Literal["press", "move", "release", "finish"]
    x: float
    y: float
    button: Button = "none"
    shift: bool = False
    control: bool = False
    ratio: float = 1.0

    def far_from(self, other: "PointerEvent") -> bool:
        return math.hypot(self.x - other.x, self.y - other.y) > _CLICK * self.ratio


Gesture = Generator[None, PointerEvent, None]
Start = Callable[["ReadingSession", int, PointerEvent], Gesture]
