"""One input to its files: frames of an image, or a plane through a volume, and what is to be said about them.

Pictures are made by `viewing`, values by `imaging`; here is only what goes where.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workstation.cli.inputs import Input
from workstation.cli.png import png
from workstation.dicom.geometry import FrameRef, build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.part10 import inflated_once
from workstation.dicom.pixels import decode_frame_named
from workstation.dicom.spacing import Spacing, spacing_of
from workstation.errors import Unsupported, WorkstationError
from workstation.imaging.filling import filling_of
from workstation.imaging.modality import modality_type, modality_values
from workstation.imaging.reslice import Slab, SlabMode, reslice
from workstation.imaging.voi import AUTO, VoiTable, Window
from workstation.imaging.volume import IDENTITY, Volume, stack_bytes, transform_of
from workstation.language import _, number_text
from workstation.viewing.fidelity import lossy_note
from workstation.viewing.hanging import load_presets
from workstation.viewing.loading import sheet_of
from workstation.viewing.memory import machine_budget
from workstation.viewing.overlay_store import read_planes
from workstation.viewing.picture import Picture, develop, request_for
from workstation.viewing.slices import at_slice
from workstation.viewing.stacks import ShownStack, start_state
from workstation.viewing.vectors import Vec, scale, vec
from workstation.viewing.viewport import PlaneKind, ViewportState, VoiChoice

logger = logging.getLogger(__name__)

Status = Literal["ok", "refused", "unreadable"]

_MOST_PIXELS = 1 << 28
_AXES: dict[str, Vec] = {"axial": (0.0, 0.0, 1.0), "coronal": (0.0, 1.0, 0.0), "sagittal": (1.0, 0.0, 0.0)}


@dataclass(frozen=True)
class View:
    """How to show: a window (centre, width) or a VOI by name; the picture's (width, height), None: 1:1."""

    window: tuple[float, float] | None = None
    voi: str = ""
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Cut:
    """A plane through volumes; `at` in mm of the patient, None: the middle. Directions are of an oblique one."""

    name: str
    right: tuple[float, ...] = ()
    down: tuple[float, ...] = ()
    at: float | None = None
    slab_mm: float = 0.0
    mode: SlabMode = "mean"


@dataclass(frozen=True)
class Outcome:
    """What came of an input. `output` is a list for more than one file; `spacing` is (row, column) in mm, or None."""

    path: str
    output: str | list[str] | None = None
    status: Status = "ok"
    message: str = ""
    sop_class: str = ""
    transfer_syntax: str = ""
    decoder: str = ""
    frames: int = 0
    shape: tuple[int, ...] | None = None
    units: str = ""
    spacing: tuple[float, float] | None = None
    spacing_source: str = ""
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """For JSON, all fields in their order."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


@dataclass
class Render:
    """The order of a command line. `frame` counts from 1; 0 are all, None is the default of pictures or values."""

    folder: Path
    raw: bool
    frame: int | None
    view: View
    cut: Cut | None = None
    number: int = 0

    def image(self, source: Input) -> Outcome:
        """The frames asked for of one object. Never raises for what is wrong with it."""
        self.number += 1
        outcome = Outcome(source.path)
        made: list[Path] = []
        try:
            data = source.read()
            instance = parse_instance(data)
            outcome = _described(outcome, instance)
            wanted = self._frames(instance)
            if self.raw:
                outcome = self._values(outcome, instance, data, wanted, made)
            else:
                outcome = self._pictures(outcome, instance, data, wanted, made)
        except Exception as error:  # noqa: BLE001 - a mistake of ours with one file must not cost the rest of the folder
            for path in made:
                path.unlink(missing_ok=True)
            return _failed(outcome, error)
        names = [str(path) for path in made]
        return replace(outcome, output=names[0] if len(names) == 1 else names)

    def planes(self, sources: Iterable[Input]) -> Iterator[Outcome]:
        """The plane through each volume that the objects are of; a line for each stack and each unreadable object."""
        by_uid: dict[str, Input] = {}
        instances: list[Instance] = []
        for source in sources:
            try:
                instance = parse_instance(source.read())
                if not instance.has_pixels:
                    raise Unsupported(_("The object has no picture"))
            except Exception as error:  # noqa: BLE001 - as above
                yield _failed(Outcome(source.path), error)
                continue
            by_uid[instance.sop_instance_uid] = source
            instances.append(instance)
        for stack in build_stacks(instances):
            self.number += 1
            outcome = _described(Outcome(by_uid[stack.first.sop_instance_uid].path), stack.first)
            try:
                yield self._plane(outcome, ShownStack("", stack, stack.first.study), by_uid)
            except Exception as error:  # noqa: BLE001 - as above
                yield _failed(outcome, error)

    def _frames(self, instance: Instance) -> list[int]:
        """Frames counted from 0."""
        if not instance.has_pixels:
            raise Unsupported(_("The object has no picture"))
        wanted = (0 if self.raw else 1) if self.frame is None else self.frame
        if wanted > instance.number_of_frames:
            raise Unsupported(
                _("The object has no frame {number}").format(number=wanted),
                _("it has {count}").format(count=instance.number_of_frames),
            )
        return [wanted - 1] if wanted else list(range(instance.number_of_frames))

    def _path(self, instance: Instance, ending: str) -> Path:
        """By number and UID: what a file or a folder of the user is called may be a name."""
        uid = re.sub(r"[^0-9.]", "", instance.sop_instance_uid)[:64]
        return self.folder / f"{self.number:04d}_{uid}{ending}"

    def _values(
        self, outcome: Outcome, instance: Instance, data: bytes, wanted: list[int], made: list[Path]
    ) -> Outcome:
        assert instance.pixels is not None
        # what a colour volume does to bits is for showing them: here colour is as it was stored
        grey = not instance.pixels.colour
        transforms = [transform_of(FrameRef(instance, frame)) if grey else IDENTITY for frame in wanted]
        dtype = modality_type(instance.pixels, transforms)
        shape: tuple[int, ...] = (len(wanted), instance.rows, instance.columns)
        shape = (*shape, 3) if instance.pixels.colour else shape
        target: NDArray[Any] | None = None
        decoder, notes = "", outcome.notes
        data = inflated_once(data, instance.transfer_syntax_uid)
        if instance.colour_profile is not None:
            # values are as the object holds them; its ICC profile is a matter of showing them
            instance, notes = replace(instance, colour_profile=None), [*notes, _("colours of its own ICC profile")]
        for number, (frame, transform) in enumerate(zip(wanted, transforms, strict=True)):
            stored, decoder = decode_frame_named(instance, data, frame)
            if target is None:
                # made only when there is something to write; frame by frame, so that a long cine needs no memory
                made.append(self._path(instance, ".npy"))
                target = np.lib.format.open_memmap(made[0], mode="w+", dtype=dtype, shape=shape)
            target[number] = modality_values(stored, transform, dtype)
        return replace(outcome, decoder=decoder, shape=shape, notes=notes)

    def _pictures(
        self, outcome: Outcome, instance: Instance, data: bytes, wanted: list[int], made: list[Path]
    ) -> Outcome:
        places = {
            ref.frame: (stack, k)
            for stack in (ShownStack("", one, instance.study) for one in build_stacks([instance]))
            for k, ref in enumerate(stack.stack.frames)
        }
        notes: list[str] = []
        pixels = inflated_once(data, instance.transfer_syntax_uid)
        shape, decoder = (), ""
        for frame in wanted:
            stack, k = places[frame]
            picture, decoder, said = self._still(stack, k, data, pixels)
            ending = f"_f{frame + 1:04d}.png" if len(wanted) > 1 else ".png"
            made.append(self._path(instance, ending))
            made[-1].write_bytes(png(picture.pixels))
            shape = picture.pixels.shape
            notes += [note for note in said if note not in notes]
        return replace(outcome, decoder=decoder, shape=shape, notes=[*outcome.notes, *notes])

    def _still(self, stack: ShownStack, k: int, data: bytes, pixels: bytes) -> tuple[Picture, str, list[str]]:
        """Image `k` as a viewport that opens the stack and goes there shows it, the decoder's name, and notes."""
        opened = start_state(stack, PlaneKind.STACK, *(self.view.size or (2, 2)))
        opened = replace(opened, voi=self._choice(stack, k))
        if self.view.size is None:
            opened = _one_to_one(stack, opened, opened.index)
        if stack.voi(opened.voi, k) is None and stack.count > 1:
            # as a viewport does: made once, from the image that it opens with
            sheet, _name = _sheet(stack, opened.index, pixels)
            stack.auto_voi = develop(request_for(stack, opened, sheet), None)[0].voi
        state = at_slice(opened, stack, k)
        if self.view.size is None:
            state = _one_to_one(stack, state, k)
        sheet, name = _sheet(stack, k, pixels)
        ref = stack.stack.frames[k]
        planes, failed = read_planes(ref.instance, ref.frame, lambda _uid: data)
        picture, _samples = develop(request_for(stack, state, sheet, planes=planes), None)
        notes = _greys(picture)
        if picture.marks is not None:
            # as the canvas draws them over the picture; a file has one layer
            picture.pixels[picture.marks != 0] = 255
            notes.append(_("overlay planes in white"))
        if failed:
            notes.append(_("an overlay can't be read"))
        if ref.instance.shutter is not None:
            notes.append(_("shutter"))
        return picture, name, notes

    def _choice(self, stack: ShownStack, k: int) -> VoiChoice:
        if self.view.window is not None:
            return VoiChoice("manual", "", Window(*self.view.window))
        name = self.view.voi
        if not name:
            return stack.first_choice()
        if name == AUTO:
            return VoiChoice("auto")
        offered = stack.alternatives(k)
        for index, alternative in enumerate(offered):
            if name.casefold() in (alternative.name.casefold(), str(index + 1)):
                return VoiChoice("file", alternative.name, index=index)
        for preset in load_presets():
            if preset.fits(stack) and name.casefold() in (preset.id.casefold(), preset.title.casefold()):
                return VoiChoice("preset", preset.title, preset.window)
        names = ", ".join(f"{index + 1} {one.name}".rstrip() for index, one in enumerate(offered))
        raise Unsupported(_("There is no such VOI"), _("the file offers {names}").format(names=names or _("none")))

    def _plane(self, outcome: Outcome, stack: ShownStack, by_uid: dict[str, Input]) -> Outcome:
        if not stack.is_volume:
            raise Unsupported(_("The images are no volume"), stack.stack.reason)
        state = self._cut(stack)
        volume, decoder, failures = _filled(stack, by_uid)
        mm = state.mm_per_pixel
        notes = [note for note in (stack.stack.reason, *outcome.notes) if note]
        if failures:
            notes.append(_("{count} images unreadable").format(count=len(failures)))
        path = self._path(stack.first, f"_{state.kind.value}" + (".npy" if self.raw else ".png"))
        shape: tuple[int, ...]
        if self.raw:
            cut = reslice(volume, state.plane, state.slab)
            values = np.where(cut.inside, cut.values.astype(np.float64), np.nan)[None]
            np.save(path, values)
            shape = values.shape
        else:
            picture, _samples = develop(request_for(stack, state, volume), None)
            path.write_bytes(png(picture.pixels))
            shape = picture.pixels.shape
            notes += _greys(picture)
        return replace(
            outcome,
            output=str(path),
            decoder=decoder,
            frames=stack.count,
            shape=shape,
            spacing=(mm, mm),
            spacing_source=stack.stack.spacing.source,
            notes=notes,
        )

    def _cut(self, stack: ShownStack) -> ViewportState:
        """The state of a viewport with the plane."""
        assert self.cut is not None
        cut = self.cut
        width, height = self.view.size or (2, 2)
        kind = PlaneKind(cut.name)
        state = start_state(stack, PlaneKind.AXIAL if kind is PlaneKind.OBLIQUE else kind, width, height)
        if kind is PlaneKind.OBLIQUE:
            state = replace(state, kind=kind, right=vec(cut.right), down=vec(cut.down))
        axis = _AXES.get(cut.name, state.normal)
        state = replace(state, slab=Slab(cut.slab_mm, cut.mode), voi=self._choice(stack, state.index))
        if cut.at is not None:
            low, high = stack.span(axis)
            reach = stack.step(axis) / 2
            if not low - reach <= cut.at <= high + reach:
                raise Unsupported(
                    _("The plane lies outside the volume"),
                    _("it reaches from {low} to {high} mm").format(low=number_text(low, 2), high=number_text(high, 2)),
                )
        if self.view.size is None:
            spacing = stack.stack.spacing
            mm = min(spacing.row_mm, spacing.column_mm)
            wide, high = (np.ptp(stack.span(way)) + stack.step(way) for way in (state.right, state.down))
            state = replace(state, width=_count(wide / mm), height=_count(high / mm))
            _bounded(state)
            state = replace(stack.fitted(state), mm_per_pixel=mm)
        else:
            state = stack.fitted(state)
        return state if cut.at is None else state.through(scale(axis, cut.at))


def _described(outcome: Outcome, instance: Instance) -> Outcome:
    notes = []
    spacing: Spacing | None = None
    if instance.has_pixels and instance.pixels is not None:
        spacing = spacing_of(instance)
        if spacing.doubt:
            notes.append(_(spacing.doubt))
        if instance.presentation_intent == "FOR PROCESSING":
            notes.append(_("for processing, not for diagnosis"))
        if instance.pixels.lossy:
            notes.append(lossy_note(instance.pixels))
    return replace(
        outcome,
        sop_class=instance.sop_class_uid,
        transfer_syntax=instance.transfer_syntax_uid,
        frames=instance.number_of_frames,
        units=instance.units,
        spacing=(spacing.row_mm, spacing.column_mm) if spacing is not None and spacing.in_mm else None,
        spacing_source=spacing.source if spacing is not None else "",
        notes=notes,
    )


def _failed(outcome: Outcome, error: Exception) -> Outcome:
    if isinstance(error, OSError):
        # the world's, but not the input's: a full disk ends the work
        raise error
    if not isinstance(error, WorkstationError):
        logger.error("%s: not rendered", outcome.path, exc_info=error)
        return replace(
            outcome,
            status="unreadable",
            message=_("The program failed at it: {error}").format(error=type(error).__name__),
        )
    status: Status = "refused" if isinstance(error, Unsupported) else "unreadable"
    return replace(outcome, status=status, message=str(error), output=None)


def _one_to_one(stack: ShownStack, state: ViewportState, k: int) -> ViewportState:
    """Image `k` with a pixel of the picture for each of its own; where those are oblong, for their shorter side."""
    matrix, instance = stack.matrix(k), stack.instance(k)
    across, along = (float(np.linalg.norm(matrix[:3, axis])) for axis in (0, 1))
    mm = min(across, along)
    state = replace(state, width=_count(instance.columns * across / mm), height=_count(instance.rows * along / mm))
    _bounded(state)
    return replace(state, centre=stack.centre(k), mm_per_pixel=mm, fitted=False)


def _count(pixels: float) -> int:
    return max(round(pixels), 1)


def _bounded(state: ViewportState) -> None:
    if state.width * state.height > _MOST_PIXELS:
        raise Unsupported(
            _("The picture would be too large"),
            f"{state.width} × {state.height}",
            _("Give a size by --size."),
        )


def _sheet(stack: ShownStack, k: int, data: bytes) -> tuple[Volume, str]:
    """What image `k` is drawn from, and the decoder's name."""
    ref = stack.stack.frames[k]
    stored, name = decode_frame_named(ref.instance, data, ref.frame)
    sheet = sheet_of(stack, k)
    sheet.put(0, stored)
    return sheet, name


def _filled(stack: ShownStack, by_uid: dict[str, Input]) -> tuple[Volume, str, list[WorkstationError]]:
    """The volume of a stack, a decoder's name, and what of it could not be read; raises where nothing could."""
    needed, there = stack_bytes(stack.stack), machine_budget()
    if needed > there:
        raise Unsupported(
            _("The volume is larger than the memory for it"),
            _("{needed} GB of {there} GB").format(needed=number_text(needed / 1e9), there=number_text(there / 1e9)),
        )
    filling = filling_of(stack.stack)
    name, failures, kept = "", [], ("", b"")
    for number, ref in enumerate(stack.stack.frames):
        uid = ref.instance.sop_instance_uid
        try:
            if kept[0] != uid:
                data = by_uid[uid].read()
                kept = (uid, inflated_once(data, ref.instance.transfer_syntax_uid))
            stored, name = decode_frame_named(ref.instance, kept[1], ref.frame)
        except WorkstationError as error:
            failures.append(error)
            continue
        filling.put(number, stored)
    if len(failures) == stack.count:
        raise failures[0]
    return filling.volume, name, failures


def _greys(picture: Picture) -> list[str]:
    """What to say of a window that no header gave."""
    voi = picture.voi
    if voi is None or isinstance(voi, VoiTable) or voi.explanation != AUTO:
        return []
    numbers = {"center": number_text(voi.center, 1, trim=True), "width": number_text(voi.width, 1, trim=True)}
    return [_("window {center} / {width} made from the pixels").format(**numbers)]
