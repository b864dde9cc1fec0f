"""Segmentations over the pictures of a case: read when they are first shown, and what of them lies on which stack.

A layer belongs to every stack in its Frame of Reference; one whose masks have no place of their own belongs to the
images that they were drawn on. Off until a reader asks for it.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from workstation.dicom.content import StudyHeader
from workstation.dicom.geometry import frame_matrix
from workstation.dicom.instance import Instance
from workstation.dicom.kinds import LOCALIZER
from workstation.dicom.segmentation import SEGMENTATION_CLASSES, Segment, Segmentation, read_segmentation
from workstation.errors import WorkstationError
from workstation.imaging.labels import LabelPlane, Labels, Tint, grid_of, sheet_of
from workstation.jobs import Lane, Workers
from workstation.language import _
from workstation.viewing.loading import Deliver, Fetch
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import PlaneKind, ViewportState

log = logging.getLogger(__name__)

_ON_PLANE_MM = 0.1
_ALONG = 0.999
OPACITY = 0.4


@dataclass(frozen=True)
class LayerSegment:
    """A segment as it is listed; `millilitres` None where its volume can't be known."""

    segment: Segment
    millilitres: float | None

    @property
    def made_by(self) -> str:
        """Who or what drew it, in a reader's words (Segment Algorithm Type and Name); empty where it is not said."""
        segment = self.segment
        if segment.algorithm == "AUTOMATIC":
            return _("made by a program: {name}").format(name=segment.program or _("not named"))
        if segment.algorithm == "SEMIAUTOMATIC":
            return _("made with a program: {name}").format(name=segment.program or _("not named"))
        return _("drawn by hand") if segment.algorithm == "MANUAL" else ""


@dataclass(frozen=True, eq=False)
class LoadedLayer:
    """What a worker made of a segmentation: its list, and masks on a grid, or by image where there is no grid."""

    segments: tuple[LayerSegment, ...]
    colours: NDArray[np.uint8] = field(repr=False)
    grid: Labels | None
    sheets: dict[tuple[str, int | None], tuple[LabelPlane, ...]] = field(repr=False)
    note: str = ""

    @property
    def nbytes(self) -> int:
        """The memory of its labels."""
        if self.grid is not None:
            return self.grid.nbytes
        # a mask may be listed for several images
        masks = {id(plane.values): plane.values.nbytes for found in self.sheets.values() for plane in found}
        return sum(masks.values())


class SegmentLayer:
    """One segmentation object of the case. Changed through `SegmentLayers`."""

    def __init__(self, instance: Instance, study: StudyHeader, prior: bool) -> None:
        self.instance = instance
        self.study = study
        self.prior = prior
        self.visible = False
        self.opacity = OPACITY
        self.hidden: frozenset[int] = frozenset()
        self.loading = False
        self.trouble = ""
        self.loaded: LoadedLayer | None = None
        self._lies: dict[str, bool] = {}

    @property
    def key(self) -> str:
        return self.instance.sop_instance_uid

    @property
    def title(self) -> str:
        return self.instance.series_description or _("Segmentation")

    def lies_on(self, stack: ShownStack) -> bool:
        """Whether it can be drawn over a stack, as far as is known now."""
        loaded = self.loaded
        if loaded is None or loaded.grid is not None:
            return shares_space(self.instance, stack)
        # asked at each paint
        if stack.key not in self._lies:
            self._lies[stack.key] = any(self._planes(stack, k) for k in range(stack.count))
        return self._lies[stack.key]

    def look_again(self, keys: Collection[str]) -> None:
        """Other images stand under these keys of stacks now."""
        for key in keys:
            self._lies.pop(key, None)

    def tint(self, stack: ShownStack, state: ViewportState) -> Tint | None:
        """What to paint over a stack's picture; None where nothing of it lies there."""
        loaded = self.loaded
        if loaded is None or not self.visible:
            return None
        if loaded.grid is not None:
            volumes = loaded.grid.volumes if shares_space(self.instance, stack) else ()
        elif state.kind is PlaneKind.STACK:
            planes = self._planes(stack, state.index)
            volumes = sheet_of(planes, max(stack.slice_step, _ON_PLANE_MM)).volumes if planes else ()
        else:
            return None
        if not volumes:
            return None
        shown = np.ones(len(loaded.colours), np.bool_)
        shown[[number for number in self.hidden if number < len(shown)]] = False
        return Tint(volumes, loaded.colours, shown, self.opacity)

    def _planes(self, stack: ShownStack, k: int) -> tuple[LabelPlane, ...]:
        """The masks that lie on image `k` itself, where there is no grid."""
        loaded = self.loaded
        if loaded is None:
            return ()
        ref = stack.stack.frames[k]
        instance, uid = ref.instance, ref.instance.sop_instance_uid
        planes = loaded.sheets.get((uid, ref.frame + 1), ())
        if not planes and instance.number_of_frames == 1:
            # a mask of the whole object says nothing about one frame of many
            planes = loaded.sheets.get((uid, None), ())
        placed = []
        for plane in planes:
            if not np.isnan(plane.matrix).any():
                placed.append(plane)
            elif plane.frame_size == (instance.rows, instance.columns):
                placed.append(replace(plane, matrix=_unit_normal(stack.matrix(k))))
        return tuple(plane for plane in placed if _lies_in(plane.matrix, stack.matrix(k)))


class SegmentLayers:
    """The segmentations of a case, in the order they are offered. `room`: how many bytes their labels may take."""

    changed = Signal()
    """What a layer shows has changed, or it has been read."""

    def __init__(self, fetch: Fetch, workers: Workers, deliver: Deliver, room: int | None = None) -> None:
        self._room = room
        self.all: tuple[SegmentLayer, ...] = ()
        self._fetch = fetch
        self._workers = workers
        self._deliver = deliver

    @property
    def held_bytes(self) -> int:
        """The memory that all labels take now."""
        return sum(layer.loaded.nbytes for layer in self.all if layer.loaded is not None)

    def add(self, instances: Sequence[Instance], study: StudyHeader, *, prior: bool) -> None:
        """Offer the segmentations among the objects of a study."""
        found = [one for one in instances if one.sop_class_uid in SEGMENTATION_CLASSES and one.has_pixels]
        found.sort(key=lambda one: (one.series_number or 0, one.instance_number or 0, one.sop_instance_uid))
        self.all += tuple(SegmentLayer(one, study, prior) for one in found)

    def review(self, gone: Collection[str], changed: Collection[str]) -> None:
        """Objects were rejected, and other images stand under the keys of some stacks."""
        self.all = tuple(layer for layer in self.all if layer.key not in gone)
        for layer in self.all:
            layer.look_again(changed)

    def layer(self, key: str) -> SegmentLayer | None:
        return next((layer for layer in self.all if layer.key == key), None)

    def on(self, stack: ShownStack) -> tuple[SegmentLayer, ...]:
        """The visible layers that lie on a stack."""
        return tuple(layer for layer in self.all if layer.visible and layer.lies_on(stack))

    def tints(self, stack: ShownStack, state: ViewportState) -> tuple[Tint, ...]:
        """What is to be painted over a picture."""
        found = (layer.tint(stack, state) for layer in self.all if layer.visible)
        return tuple(tint for tint in found if tint is not None)

    def notes(self, stack: ShownStack) -> tuple[str, ...]:
        """One line for each layer on a stack: that it is there, and who made it."""
        lines = []
        for layer in self.on(stack):
            made = [] if layer.loaded is None else [one.made_by for one in layer.loaded.segments if one.made_by]
            lines.append(" · ".join((layer.title, *dict.fromkeys(made))))
        return tuple(lines)

    def show(self, layer: SegmentLayer, visible: bool) -> None:
        """Switch a layer on or off; the first time it is read on a worker."""
        layer.visible = visible
        if visible and layer.loaded is None and not layer.loading:
            self._load(layer)
        self.changed.emit()

    def toggle(self) -> None:
        """All layers off, or all on."""
        visible = not any(layer.visible for layer in self.all)
        for layer in self.all:
            self.show(layer, visible)

    def show_segment(self, layer: SegmentLayer, number: int, visible: bool) -> None:
        layer.hidden = layer.hidden - {number} if visible else layer.hidden | {number}
        self.changed.emit()

    def set_opacity(self, layer: SegmentLayer, opacity: float) -> None:
        layer.opacity = min(max(opacity, 0.0), 1.0)
        self.changed.emit()

    def _load(self, layer: SegmentLayer) -> None:
        layer.loading = True

        def work() -> None:
            loaded, trouble = None, ""
            try:
                loaded = load(read_segmentation(layer.instance, self._fetch(layer.key)), self._share())
            except WorkstationError as error:
                trouble = str(error)
            except Exception:
                log.exception("a segmentation could not be read")
                trouble = _("The segmentation can't be read")
            self._deliver(lambda: self._take(layer, loaded, trouble))

        self._workers.submit(Lane.DECODING, work)

    def _share(self) -> int | None:
        """How many bytes each of the layers that are being read may take."""
        if self._room is None:
            return None
        return max(self._room - self.held_bytes, 0) // max(sum(layer.loading for layer in self.all), 1)

    def _take(self, layer: SegmentLayer, loaded: LoadedLayer | None, trouble: str) -> None:
        layer.loading = False
        layer.loaded, layer.trouble = loaded, trouble
        self.changed.emit()


def shares_space(instance: Instance, stack: ShownStack) -> bool:
    """Whether positions in both mean the same: an equal Frame of Reference, and positions at all.

    A localizer of CT is a projection with the position of one plane (PS3.3 C.8.2.1.1.1): a segment cut in that plane
    would lie beside what it shows.
    """
    space = instance.frame_of_reference_uid
    if stack.modality == "CT" and LOCALIZER in stack.first.image_type:
        return False
    return bool(space) and space == stack.frame_of_reference_uid and instance.frame(0).position is not None


def laid_over(instances: Sequence[Instance]) -> tuple[Instance, ...]:
    """The segmentations in the space of a picture among the objects: those are layers, not pictures to scroll."""
    spaces = {
        one.frame_of_reference_uid
        for one in instances
        if one.sop_class_uid not in SEGMENTATION_CLASSES and one.frame(0).position is not None
    } - {""}
    return tuple(
        one
        for one in instances
        if one.sop_class_uid in SEGMENTATION_CLASSES
        and one.frame_of_reference_uid in spaces
        and one.frame(0).position is not None
    )


def load(segmentation: Segmentation, room: int | None = None) -> LoadedLayer:
    """The masks of a segmentation on a grid of at most `room` bytes, or by image, and the volume of each segment."""
    instance = segmentation.instance
    wanted = {one.number for one in segmentation.segments}
    planes: list[LabelPlane] = []
    counts: dict[int, float] = dict.fromkeys(wanted, 0.0)
    for frame in segmentation.frames:
        labels, found = _labels(segmentation, segmentation.values(frame), frame.segment, wanted)
        for number, count in found.items():
            counts[number] += count
        matrix = frame_matrix(instance.frame(frame.index))
        plane = LabelPlane(np.full((4, 4), np.nan) if matrix is None else matrix, labels).cut_out()
        planes.append(plane)
    grid = None
    if planes and instance.frame_of_reference_uid and not any(np.isnan(plane.matrix).any() for plane in planes):
        grid = grid_of(planes, segmentation.spacing_between_slices, instance.frame(0).slice_thickness, room)
    sheets: dict[tuple[str, int | None], list[LabelPlane]] = {}
    if grid is None:
        for plane, sources in zip(planes, segmentation.sources(), strict=True):
            for source in sources:
                sheets.setdefault(source, []).append(plane)
    voxel = grid.voxel_ml if grid is not None else None
    return LoadedLayer(
        segments=tuple(
            LayerSegment(one, None if voxel is None else counts[one.number] * voxel) for one in segmentation.segments
        ),
        colours=_colours(segmentation),
        grid=grid,
        sheets={source: tuple(found) for source, found in sheets.items()},
        note=_note(segmentation, grid),
    )


def _labels(
    segmentation: Segmentation, stored: NDArray[np.generic], segment: int, wanted: set[int]
) -> tuple[NDArray[np.int16], dict[int, float]]:
    """A frame as labels, and how many voxels each has: of occupancies their sum, of probabilities those from half."""
    if segmentation.kind == "LABELMAP":
        labels = np.where(np.isin(stored, sorted(wanted)), stored, 0).astype(np.int16)
        numbers, seen = np.unique(labels, return_counts=True)
        return labels, {n: float(c) for n, c in zip(numbers.tolist(), seen.tolist(), strict=True) if n}
    values = stored.astype(np.float64) / (segmentation.maximum if segmentation.kind == "FRACTIONAL" else 1)
    mask = values >= 0.5
    occupancy = segmentation.kind == "FRACTIONAL" and segmentation.fractional == "OCCUPANCY"
    count = float(values.sum()) if occupancy else float(np.count_nonzero(mask))
    return mask.astype(np.int16) * np.int16(segment), {segment: count}


def _note(segmentation: Segmentation, grid: Labels | None) -> str:
    notes = []
    if segmentation.kind == "FRACTIONAL":
        half = _("from half occupancy on") if segmentation.fractional == "OCCUPANCY" else _("from half probability on")
        notes.append(half)
    if grid is None:
        notes.append(_("only on the images that it was drawn on"))
    return ", ".join(notes)


def _colours(segmentation: Segmentation) -> NDArray[np.uint8]:
    highest = max((one.number for one in segmentation.segments), default=0)
    colours = np.zeros((highest + 1, 3), np.uint8)
    for one in segmentation.segments:
        colours[one.number] = one.colour
    return colours


def _unit_normal(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    made = matrix.copy()
    made[:3, 2] /= np.linalg.norm(made[:3, 2])
    return made


def _lies_in(mask: NDArray[np.float64], image: NDArray[np.float64]) -> bool:
    normal = image[:3, 2] / np.linalg.norm(image[:3, 2])
    along = abs(float(mask[:3, 2] @ normal))
    away = abs(float((mask[:3, 3] - image[:3, 3]) @ normal))
    return along > _ALONG and away < _ON_PLANE_MM
