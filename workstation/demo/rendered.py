"""Rendered pictures and thumbnails (WADO-RS, PS3.18 §10.4.1.1.3): the stored window, a wished window, PNG or JPEG."""

from pathlib import Path

import numpy as np
import pydicom
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workstation.demo import transcoding
from workstation.demo.answers import refusal
from workstation.demo.negotiation import wishes
from workstation.demo.store import Store, StoredInstance

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
        """GET …/rendered?window=centre,width,function&viewport=width,height."""
        try:
            view = request.query_params.get("viewport")
            size = _numbers(view, 2) if view else None
            wished = request.query_params.get("window")
            window = _numbers(wished, 2) if wished else None
        except _BadView as error:
            return refusal(400, str(error))
        return self._picture(request, size, window)

    def thumbnail(self, request: Request) -> Response:
        """GET …/thumbnail: the middle of what is addressed, small."""
        return self._picture(request, (THUMBNAIL, THUMBNAIL), None)

    def _picture(self, request: Request, size: tuple[float, ...] | None, window: tuple[float, ...] | None) -> Response:
        get = request.path_params.get
        instances = self._store.instances(get("study"), get("series"), get("instance"))
        if not instances:
            return refusal(404, "no such objects")
        kind = next(
            (kind for wish in wishes(request) for kind in ("image/jpeg", "image/png") if wish.takes(kind)), None
        )
        if kind is None:
            return refusal(406, "image/jpeg and image/png are what there is")
        for instance in _from_the_middle(instances):
            frame = int(get("frame", instance.frames // 2 + 1))
            if not 1 <= frame <= instance.frames:
                return refusal(404, "no such frame")
            try:
                grey = _grey(instance.path, frame - 1, window)
            except transcoding.NoPixels:
                continue
            return Response(_encode(_fit(grey, size) if size else grey, kind), media_type=kind)
        return refusal(406, "nothing to show")


def _numbers(text: str, count: int) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in text.split(",")[:count])
    except ValueError as error:
        raise _BadView("numbers, separated by commas, are wanted") from error
    if len(found) < count or found[1] < 1:
        raise _BadView("two numbers are wanted, the second at least 1")
    return found


def _from_the_middle(instances: list[StoredInstance]) -> list[StoredInstance]:
    middle = len(instances) // 2
    ordered = sorted(enumerate(instances), key=lambda pair: abs(pair[0] - middle))
    return [instance for _place, instance in ordered[:20]]


def _grey(
    path: Path, frame: int, window: tuple[float, ...] | None
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """One frame as 8-bit grey or RGB, rows × columns [× 3]; the linear window of PS3.3 C.11.2.1.2."""
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
    else:
        centre, width = window
    grey = np.clip(((values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5) * 255, 0, 255)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        grey = 255 - grey
    return np.round(grey).astype(np.uint8)


def _first(value: object) -> float | None:
    if value is None or value == "":
        return None
    many = isinstance(value, pydicom.multival.MultiValue)
    return float(str(value[0] if many else value))  # type: ignore[index]


def _fit(
    picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", size: tuple[float, ...]
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
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


def _encode(picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", kind: str) -> bytes:
    import imagecodecs

    picture = np.ascontiguousarray(picture)
    if kind == "image/png":
        return bytes(imagecodecs.png_encode(picture))
    return bytes(imagecodecs.jpeg8_encode(picture, level=90))
