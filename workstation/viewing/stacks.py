"""A stack as the reading room sees it: where each of its images lies, and what can be said about it.

Each image has a matrix from pixel (column i, row j, both counted from the centre of the first pixel) to mm. Where the
image has a place in the patient the mm are LPS; an image without one (a radiograph, a secondary capture) lies in a
plane of its own, so that one way of drawing and measuring serves both; such a stack shows no letters from geometry and
links with nothing.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.content import ImageReference, StudyHeader
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.geometry import Stack
from workstation.dicom.instance import Instance
from workstation.dicom.real_values import mappings_of
from workstation.dicom.real_world import RealWorldMapping
from workstation.dicom.spacing import Spacing, spacing_of
from workstation.dicom.suv import SUV_UNIT
from workstation.imaging.voi import Voi, Window
from workstation.imaging.volume import stack_bytes
from workstation.language import N_, _, ngettext
from workstation.viewing.mammography import hung
from workstation.viewing.vectors import Vec, cross, dot, unit, vec
from workstation.viewing.viewport import ORTHOGONAL_AXES, PlaneKind, ViewportState, VoiChoice

Matrix = NDArray[np.float64]

# images nearer than this stand in one place
_SAME_PLACE_MM = 0.01
# the soft-tissue window of a CT that names none
_CT_WINDOW = (40.0, 400.0)


@dataclass(frozen=True)
class Alternative:
    """One way to grey that the file itself offers."""

    name: str
    voi: Voi


@dataclass(frozen=True)
class Awaited:
    """A series of which more is on its way: how many of its objects are here, and are expected (0: not known)."""

    received: int
    expected: int

    @property
    def note(self) -> str:
        """In words, for the reader."""
        if self.expected > self.received:
            return _("{received} of {expected} images are here; more are coming").format(
                received=self.received, expected=self.expected
            )
        told = ngettext(
            "{count} image is here; more are coming", "{count} images are here; more are coming", self.received
        )
        return told.format(count=self.received)


class ShownStack:
    """A stack of the open case. `key` is stable for the same images: series UID and the number of the split.

    While its series still comes it is `awaited`: images one by one, no volume, and nothing said of what lies between.
    """

    computed = False
    """Whether its values are computed from several frames: nothing a file says of stored values holds for them."""
    awaited: Awaited | None = None
    hangs_as_volume: bool
    """Whether it is hung before single images: it is a volume, or what is here of it looks like one."""
    outstanding = 0
    """Images of its series that are still to come and that it is hung for as if they were here."""

    def __init__(
        self, key: str, stack: Stack, study: StudyHeader, *, prior: bool = False, reason: str = "", note: str = ""
    ) -> None:
        self.key = key
        self.stack = stack
        self.study = study
        self.prior = prior
        self.reason = reason
        self.no_suv = note
        """Why the values of a PET are no SUV; empty where they are, and of anything else."""
        self.plain = stack
        """The stack before its values became real-world values."""
        self.values = -1
        """Which of `mappings` the values are; -1 for those of the rescale."""
        self.no_real_world = ""
        """Why the values are not the real-world ones that the header offers."""
        self.auto_voi: Voi | None = None
        """Made once from the first pixels seen, so that scrolling does not flicker."""
        self.hangs_as_volume = self.is_volume
        self.positioned = self.is_volume or stack.positions > 0
        self._matrices = self._volume_matrices() if self.is_volume else self._own_matrices()
        self._centres = self._frame_centres()
        normals = np.cross(self._matrices[:, :3, 0], self._matrices[:, :3, 1])
        self._normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)

    @property
    def count(self) -> int:
        return len(self.stack.frames)

    @property
    def weight(self) -> int:
        """How many images speak for hanging it first; of equal ones the first offered is hung."""
        return self.count + self.outstanding

    @property
    def first(self) -> Instance:
        return self.stack.frames[0].instance

    @property
    def modality(self) -> str:
        return self.stack.modality

    @property
    def is_volume(self) -> bool:
        return self.stack.is_volume and self.stack.ijk_to_lps is not None

    @property
    def colour(self) -> bool:
        pixels = self.first.pixels
        return pixels is not None and pixels.colour

    @property
    def frame_of_reference_uid(self) -> str:
        """Empty when positions of this stack can't be compared with those of another."""
        return self.stack.frame_of_reference_uid if self.positioned else ""

    @property
    def space(self) -> str:
        """The name of the space its points live in."""
        return self.frame_of_reference_uid or self.key

    @property
    def calibrated(self) -> bool:
        """Whether its mm are mm."""
        return self.stack.spacing.in_mm

    @property
    def units(self) -> str:
        return self.first.units

    @property
    def turned(self) -> tuple[int, bool]:
        """How it opens: quarter turns clockwise, and whether mirrored first; other than 0 for mammograms alone."""
        return hung(self.first) or (0, False)

    @property
    def mapping(self) -> RealWorldMapping | None:
        """The mapping that made the values; None where the rescale did."""
        return self.stack.frames[0].geometry.mapping

    @property
    def values_name(self) -> str:
        """Which real-world values the values are; empty for those of the rescale and for SUV."""
        return "" if self.mapping is None else self.mapping.name

    @property
    def meaning(self) -> tuple[str, ...]:
        """Equal for stacks whose values mean the same, so that a window of the one holds for the other."""
        return self.modality, self.units, self.values_name

    @property
    def nbytes(self) -> int:
        """The memory that its pixels take."""
        return stack_bytes(self.stack)

    @property
    def mappings(self) -> tuple[RealWorldMapping, ...]:
        """The real-world values that the header offers; none beside SUV, which go before."""
        return () if self.units == SUV_UNIT else mappings_of(self.plain)

    @property
    def title(self) -> str:
        mammogram = self.first.mammography
        if mammogram is not None and mammogram.name:
            return mammogram.name
        title = self.stack.title or self.first.series_description or self.modality
        # first, as a narrow place cuts the end
        return f"{self.stack.part} · {title}" if self.stack.part else title

    def spacing(self, k: int) -> Spacing:
        """The spacing of image `k` by its own header; images of one stack may differ in it."""
        ref = self.stack.frames[k]
        return self.stack.spacing if self.positioned else spacing_of(ref.instance, ref.frame)

    def instance(self, k: int) -> Instance:
        return self.stack.frames[k].instance

    def geometry(self, k: int) -> FrameGeometry:
        return self.stack.frames[k].geometry

    def reference(self, k: int) -> ImageReference:
        ref = self.stack.frames[k]
        return ref.instance.reference(ref.frame + 1 if ref.instance.number_of_frames > 1 else None)

    def corner(self, k: int) -> tuple[int, int]:
        """Column and row of image `k`'s first pixel in the stored image: other than 0 for the tiles of a mosaic."""
        ref = self.stack.frames[k]
        return ref.instance.mosaic.corner(ref.frame) if ref.instance.mosaic is not None else (0, 0)

    def matrix(self, k: int) -> Matrix:
        """4×4, pixel (i, j, 0, 1) of image `k` to mm."""
        matrix: Matrix = self._matrices[k]
        return matrix

    def axes(self, k: int) -> tuple[Vec, Vec]:
        """Unit directions of increasing column and of increasing row."""
        matrix = self._matrices[k]
        return unit(vec(matrix[:3, 0])), unit(vec(matrix[:3, 1]))

    def centre(self, k: int) -> Vec:
        """The middle of image `k`."""
        return vec(self._centres[k])

    def nearest(self, point: Vec) -> int:
        """The image whose plane lies nearest to the point."""
        away = np.abs(np.einsum("ki,ki->k", self._normals, np.asarray(point) - self._centres))
        return int(np.argmin(away))

    def pixel_of(self, k: int, point: Vec) -> Vec:
        """(column, row, mm off the plane) of a point on image `k`, pixel centres at integers."""
        matrix = self._matrices[k]
        column, row, away = np.linalg.solve(matrix[:3, :3], np.asarray(point) - matrix[:3, 3])
        return float(column), float(row), float(away)

    def step(self, normal: Vec) -> float:
        """The distance of slices along a direction: for a reformat that of the voxels it crosses, in mm."""
        if not self.is_volume:
            return self.slice_step
        matrix = np.asarray(self.stack.ijk_to_lps)
        along = np.abs(np.asarray(normal) @ matrix[:3, :3])
        directions = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
        main = int(np.argmax(np.abs(np.asarray(normal) @ directions)))
        return float(along[main])

    @cached_property
    def objects(self) -> frozenset[str]:
        """The SOP Instance UIDs of its images."""
        return frozenset(ref.instance.sop_instance_uid for ref in self.stack.frames)

    @cached_property
    def slice_step(self) -> float:
        """Median distance of neighbouring images along the normal in mm; 1 where images have no place."""
        if self.count < 2 or not self.positioned:
            return 1.0
        right, down = self.axes(0)
        along = self._centres @ np.asarray(cross(right, down))
        steps = np.abs(np.diff(along))
        if self.awaited is not None:
            # the usual step is that of holes as long as most images are to come; the least is that of neighbours
            apart = steps[steps > _SAME_PLACE_MM]
            return float(apart.min()) if apart.size else 1.0
        return float(np.median(steps)) or 1.0

    @cached_property
    def step_range(self) -> tuple[float, float]:
        """The least and the greatest distance of neighbouring images along the normal in mm."""
        right, down = self.axes(0)
        steps = np.abs(np.diff(self._centres @ np.asarray(cross(right, down))))
        return (float(steps.min()), float(steps.max())) if steps.size else (self.slice_step, self.slice_step)

    def span(self, normal: Vec) -> tuple[float, float]:
        """The least and the greatest position of voxel centres along a direction, in mm from the origin."""
        along = self._corners() @ np.asarray(normal)
        return float(along.min()), float(along.max())

    def middle(self) -> Vec:
        """The middle of the stack."""
        corners = self._corners()
        return vec((corners.min(axis=0) + corners.max(axis=0)) / 2)

    def axes_of(self, kind: PlaneKind, index: int) -> tuple[Vec, Vec]:
        """Rightwards and downwards for a plane before flips and turns."""
        return self.axes(index) if kind is PlaneKind.STACK else ORTHOGONAL_AXES[kind]

    def fitted(self, state: ViewportState) -> ViewportState:
        """The state with the whole picture just fitting its place, centred."""
        right, down = state.axes
        corners = self._image_corners(state.index) if state.kind is PlaneKind.STACK else self._corners(edges=True)
        across, along = corners @ np.asarray(right), corners @ np.asarray(down)
        wide, high = float(np.ptp(across)), float(np.ptp(along))
        mm = max(wide / max(state.width, 1), high / max(state.height, 1), 1e-3)
        shift_right = (across.max() + across.min()) / 2 - dot(state.centre, right)
        shift_down = (along.max() + along.min()) / 2 - dot(state.centre, down)
        centre = np.asarray(state.centre) + shift_right * np.asarray(right) + shift_down * np.asarray(down)
        return replace(state, centre=vec(centre), mm_per_pixel=mm, fitted=True)

    def alternatives(self, k: int) -> tuple[Alternative, ...]:
        """Every window and VOI LUT the file offers for an image, by name."""
        frame = self.geometry(k)
        tables = [Alternative(table.explanation or f"LUT {n + 1}", table) for n, table in enumerate(frame.voi_tables)]
        windows = [Alternative(window.explanation, window) for window in frame.windows]
        return (*windows, *tables)

    def plain_window(self, state: ViewportState, voi: Voi | None) -> Window | None:
        """The window of an acquired image over the values of its rescale, which hold elsewhere too; None for others."""
        plain = self.stack is self.plain and not self.computed and state.kind is PlaneKind.STACK
        return voi if plain and isinstance(voi, Window) else None

    def first_choice(self) -> VoiChoice:
        """The greys a stack opens with: the file's first, the soft-tissue window of a CT, or made from the pixels."""
        if self.units == SUV_UNIT:
            return VoiChoice("preset", N_("SUV 0 to 10"), Window(5.0, 10.0, "LINEAR_EXACT"))
        if self.alternatives(0):
            return VoiChoice("file")
        if self.units == "HU":
            return VoiChoice("preset", N_("Soft tissue"), Window(*_CT_WINDOW))
        return VoiChoice("auto")

    def voi(self, choice: VoiChoice, k: int) -> Voi | None:
        """What a choice means for image `k`; None as long as it has to be made from pixels not yet seen."""
        if choice.source == "file":
            offered = self.alternatives(k)
            if offered:
                return offered[min(choice.index, len(offered) - 1)].voi
            return self.auto_voi
        return self.auto_voi if choice.source == "auto" else choice.voi

    def _volume_matrices(self) -> NDArray[np.float64]:
        """Of the images of a volume, all at once: a series of thousands opens on the main thread."""
        volume = np.asarray(self.stack.ijk_to_lps, dtype=np.float64)
        places = np.array([self.stack.place_of(k) for k in range(self.count)])
        matrices = np.zeros((self.count, 4, 4))
        matrices[:, :3, :2] = volume[:3, :2]
        normal = np.cross(volume[:3, 0], volume[:3, 1])
        matrices[:, :3, 2] = normal / np.linalg.norm(normal)
        matrices[:, :3, 3] = volume[:3, 3] + places[:, None] * volume[:3, 2]
        matrices[:, 3, 3] = 1
        return matrices

    def _own_matrices(self) -> NDArray[np.float64]:
        return np.array([self._own_matrix(k) for k in range(self.count)])

    def _own_matrix(self, k: int) -> Matrix:
        placed = self.stack.frame_to_lps(k) if self.positioned else None
        if placed is not None:
            return placed
        matrix = np.eye(4)
        spacing = self.spacing(k)
        matrix[0, 0], matrix[1, 1] = spacing.column_mm, spacing.row_mm
        matrix[2, 3] = k
        return matrix

    def _frame_centres(self) -> NDArray[np.float64]:
        sizes = np.array([(ref.instance.columns, ref.instance.rows) for ref in self.stack.frames], dtype=np.float64)
        middles = np.einsum("kij,kj->ki", self._matrices[:, :3, :2], (sizes - 1) / 2)
        return np.asarray(middles + self._matrices[:, :3, 3])

    def _image_corners(self, k: int) -> NDArray[np.float64]:
        """The outer corners of image `k`'s pixels."""
        instance, matrix = self.instance(k), self._matrices[k]
        columns, rows = instance.columns - 0.5, instance.rows - 0.5
        pixels = np.array([[i, j, 0, 1] for i in (-0.5, columns) for j in (-0.5, rows)])
        return np.asarray((pixels @ matrix.T)[:, :3])

    def _corners(self, edges: bool = False) -> NDArray[np.float64]:
        """The corners of the first and the last image: outer edges of the pixels, or centres of the corner ones."""
        inset = 0.0 if edges else 1.0
        found = []
        for k in (0, self.count - 1):
            instance, matrix = self.instance(k), self._matrices[k]
            low = -0.5 + inset / 2
            columns, rows = instance.columns - 0.5 - inset / 2, instance.rows - 0.5 - inset / 2
            pixels = np.array([[i, j, 0, 1] for i in (low, columns) for j in (low, rows)])
            found.append((pixels @ matrix.T)[:, :3])
        return np.concatenate(found)


def start_state(stack: ShownStack, kind: PlaneKind, width: int, height: int) -> ViewportState:
    """A stack as it opens: the middle image, or the middle of its volume, fitted; a mammogram as it hangs."""
    index = stack.count // 2
    turns, flipped = stack.turned
    right, down = stack.axes_of(kind, index)
    state = ViewportState(
        stack=stack.key,
        kind=kind,
        index=index,
        centre=stack.centre(index) if kind is PlaneKind.STACK else stack.middle(),
        right=right,
        down=down,
        width=width,
        height=height,
        voi=stack.first_choice(),
        inverted=False,
        turns=turns,
        flipped=flipped,
    )
    return stack.fitted(state)
