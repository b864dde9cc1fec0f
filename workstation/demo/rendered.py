"""Rendered pictures and thumbnails (WADO-RS, PS3.18 §10.4.1.1.3): the stored window, a wished window, PNG or JPEG."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pydicom
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workstation.demo import transcoding
from workstation.demo.answers import refusal
from workstation.demo.negotiation import wishes
from workstation.demo.store import Store, StoredInstance

Picture: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]"
Levels: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"

THUMBNAIL = 128
_INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"


class _BadView(ValueError):
    """A rendering parameter that is not understood."""


class Rendered:
    """The rendering service on a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Instances and frames as pictures; every level as a thumbnail."""
        return [
            Route(_INSTANCE + "/rendered", self.rendered),
            Route(_INSTANCE + "/frames/{frame:int}/rendered", self.rendered),
            Route("/studies/{study}/thumbnail", self.thumbnail),
            Route("/studies/{study}/series/{series}/thumbnail", self.thumbnail),
            Route(_INSTANCE + "/thumbnail", self.thumbnail),
            Route(_INSTANCE + "/frames/{frame:int}/thumbnail", self.thumbnail),
        ]

    def rendered(self, request: Request) -> Response:
        """GET …/rendered?window=centre,width,function&viewport=width,height,x,y,columns,rows&quality=1…100."""
        get = request.query_params.get
        try:
            size, region = _viewport(get("viewport", ""))
            wish = _Wish(size, region, _window(get("window", "")), _quality(get("quality", "")))
            return self._picture(request, wish)
        except _BadView as error:
            return refusal(400, str(error))

    def thumbnail(self, request: Request) -> Response:
        """GET …/thumbnail: the middle of what is addressed, small."""
        return self._picture(request, _Wish(size=(THUMBNAIL, THUMBNAIL)))

    def _picture(self, request: Request, wish: "_Wish") -> Response:
        get = request.path_params.get
        instances = self._store.instances(get("study"), get("series"), get("instance"))
        if not instances:
            return refusal(404, "no such objects")
        kinds = ("image/jpeg", "image/png")
        kind = next((kind for taken in wishes(request) for kind in kinds if taken.takes(kind)), None)
        if kind is None:
            return refusal(406, "image/jpeg and image/png are what there is")
        for instance in _from_the_middle(instances):
            frame = int(get("frame", instance.frames // 2 + 1))
            if not 1 <= frame <= instance.frames:
                return refusal(404, "no such frame")
            try:
                grey = _grey(instance.path, frame - 1, wish.window)
            except transcoding.NoPixels:
                continue
            if wish.region is not None:
                grey = _cut(grey, wish.region)
            shown = _fit(grey, wish.size) if wish.size else grey
            return Response(_encode(shown, kind, wish.quality), media_type=kind)
        return refusal(406, "nothing to show")


@dataclass(frozen=True)
class _Window:
    centre: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True)
class _Wish:
    """How a picture is wanted: `size` is width × height, `region` x, y, columns, rows of the frame."""

    size: tuple[float, ...] | None = None
    region: tuple[float, ...] | None = None
    window: _Window | None = None
    quality: int = 90


def _window(text: str) -> _Window | None:
    """centre,width,function (PS3.18 §8.3.5.1.4); without a function it is the linear one."""
    if not text:
        return None
    parts = text.split(",")
    numbers = _numbers(parts[:2], 2)
    function = parts[2].upper().replace("-", "_") if len(parts) == 3 else "LINEAR"
    least = 1 if function == "LINEAR" else 0
    if len(parts) > 3 or function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID") or numbers[1] < least or not numbers[1]:
        raise _BadView("a window is centre, width and LINEAR, LINEAR_EXACT or SIGMOID")
    return _Window(numbers[0], numbers[1], function)


def _viewport(text: str) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """width,height or width,height,x,y,columns,rows (PS3.18 §8.3.5.1.3)."""
    if not text:
        return None, None
    parts = text.split(",")
    numbers = _numbers(parts, len(parts))
    if len(parts) not in (2, 6) or min(numbers[:2]) < 1:
        raise _BadView("a viewport is width and height, and the region shown in it")
    return numbers[:2], numbers[2:] or None


def _quality(text: str) -> int:
    if not text:
        return 90
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise _BadView("the quality is a number from 1 to 100")
    return int(text)


def _numbers(parts: Sequence[str], count: int) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in parts)
    except ValueError as error:
        raise _BadView("numbers, separated by commas, are wanted") from error
    if len(found) < count or not all(map(isfinite, found)):
        raise _BadView("more numbers are wanted")
    return found


def _cut(picture: Picture, region: tuple[float, ...]) -> Picture:
    x, y, columns, rows = (round(number) for number in region)
    if x < 0 or y < 0 or columns < 1 or rows < 1 or x + columns > picture.shape[1] or y + rows > picture.shape[0]:
        raise _BadView("the region is not inside the frame")
    return picture[y : y + rows, x : x + columns]


def _from_the_middle(instances: list[StoredInstance]) -> list[StoredInstance]:
    middle = len(instances) // 2
    ordered = sorted(enumerate(instances), key=lambda pair: abs(pair[0] - middle))
    return [instance for _place, instance in ordered[:20]]


def _grey(path: Path, frame: int, window: _Window | None) -> Picture:
    """One frame as 8-bit grey or RGB, rows × columns [× 3]; the windows of PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    if "Rows" not in dataset:
        raise transcoding.NoPixels
    stored = transcoding.decode(path, frame)
    if stored.ndim == 3:
        return stored.astype(np.uint8)
    values = stored.astype(np.float64) * float(dataset.get("RescaleSlope", 1) or 1)
    values += float(dataset.get("RescaleIntercept", 0) or 0)
    if window is None:
        centre, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
        if centre is None or width is None or width < 1:
            low, high = float(values.min()), float(values.max())
            centre, width = (low + high) / 2, max(high - low, 2.0)
        window = _Window(centre, width)
    grey = np.clip(_levels(values, window) * 255, 0, 255)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        grey = 255 - grey
    return np.round(grey).astype(np.uint8)


def _levels(values: Levels, window: _Window) -> Levels:
    if window.function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - window.centre) / window.width, -700, 700)))
    if window.function == "LINEAR_EXACT":
        return (values - window.centre) / window.width + 0.5
    return (values - (window.centre - 0.5)) / max(window.width - 1, 1e-6) + 0.5


def _first(value: object) -> float | None:
    if value is None or value == "":
        return None
    many = isinstance(value, pydicom.multival.MultiValue)
    return float(str(value[0] if many else value))  # type: ignore[index]


def _fit(picture: Picture, size: tuple[float, ...]) -> Picture:
    """Scaled into width × height with its shape kept, each pixel the mean of those it covers."""
    rows, columns = picture.shape[:2]
    scale = min(size[0] / columns, size[1] / rows)
    height, width = max(1, round(rows * scale)), max(1, round(columns * scale))
    down = max(1, int(1 / scale))
    if down > 1:
        cut = picture[: rows // down * down, : columns // down * down]
        blocks = cut.reshape(rows // down, down, columns // down, down, *picture.shape[2:])
        picture = blocks.mean(axis=(1, 3)).astype(np.uint8)
        rows, columns = picture.shape[:2]
    across = np.minimum(np.arange(width) * columns // width, columns - 1)
    downwards = np.minimum(np.arange(height) * rows // height, rows - 1)
    return picture[downwards][:, across]


def _encode(picture: Picture, kind: str, quality: int) -> bytes:
    import imagecodecs

    picture = np.ascontiguousarray(picture)
    if kind == "image/png":
        return bytes(imagecodecs.png_encode(picture))
    return bytes(imagecodecs.jpeg8_encode(picture, level=quality))
