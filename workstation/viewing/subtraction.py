"""Subtraction angiography in the viewer: the frames of an object less their masks, as a stack beside the object's own.

It is scrolled, windowed and hung like any stack. Its values are differences, or differences of logarithms, and have no
unit; where the header recommends subtraction it is offered first.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.content import StudyHeader
from workstation.dicom.geometry import Stack
from workstation.dicom.instance import Instance
from workstation.dicom.real_world import RealWorldMapping
from workstation.dicom.subtraction import MaskOperation, Subtraction
from workstation.imaging.subtraction import subtracted
from workstation.imaging.volume import Volume
from workstation.language import _, number_text
from workstation.viewing.loading import StackLoader
from workstation.viewing.stacks import Alternative, ShownStack
from workstation.viewing.viewport import VoiChoice


class SubtractedStack(ShownStack):
    """The frames of a multi-frame object that have a mask."""

    computed = True

    def __init__(self, key: str, stack: Stack, study: StudyHeader, *, prior: bool = False, reason: str = "") -> None:
        super().__init__(key, stack, study, prior=prior, reason=reason)
        found = self.first.subtraction
        assert found is not None
        self.subtraction: Subtraction = found

    @property
    def units(self) -> str:
        return ""

    @property
    def mapping(self) -> None:
        """None: mappings and their units are of stored values."""
        return

    @property
    def mappings(self) -> tuple[RealWorldMapping, ...]:
        return ()

    @property
    def meaning(self) -> tuple[str, ...]:
        """The logarithms of a header's are on its own scale, those made here natural ones."""
        return self.modality, "subtracted", self.key if self.subtraction.logarithmic else ""

    @property
    def nbytes(self) -> int:
        """Differences are float32, with a mask for where the moved mask does not reach."""
        return self.count * self.first.rows * self.first.columns * (np.dtype(np.float32).itemsize + 1)

    @property
    def weight(self) -> int:
        return self.first.number_of_frames if self.subtraction.recommended else 0

    @property
    def title(self) -> str:
        return _("Subtracted") + f" · {super().title}"

    def alternatives(self, k: int) -> tuple[Alternative, ...]:
        """None: the windows of the file are made for what was stored."""
        return ()

    def first_choice(self) -> VoiChoice:
        return VoiChoice("auto")

    def operation(self, k: int) -> MaskOperation:
        """What is subtracted from image `k`."""
        ref = self.stack.frames[k]
        found = self.subtraction.operation_for(ref.frame + 1, ref.instance.number_of_frames)
        assert found is not None
        return found

    def masks(self, k: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The frames averaged as image `k` and as its mask, counted from 1."""
        ref = self.stack.frames[k]
        found = self.operation(k).frames_for(ref.frame + 1, ref.instance.number_of_frames)
        assert found is not None
        return found

    def note(self, k: int) -> str:
        """Which mask image `k` was less, and how far that was moved."""
        frames = ", ".join(str(frame) for frame in self.masks(k)[1])
        down, right = self.operation(k).shift
        text = _("mask: frame {frames}").format(frames=frames)
        if down or right:
            moved = _("moved {right} × {down} px").format(
                right=number_text(right, 2, trim=True), down=number_text(down, 2, trim=True)
            )
            text += f", {moved}"
        return text


def subtracted_stack(shown: ShownStack) -> SubtractedStack | None:
    """The frames of a stack that have a mask, as a stack of their own; None where none has."""
    found = shown.first.subtraction
    if found is None or shown.colour or len({ref.instance.sop_instance_uid for ref in shown.stack.frames}) > 1:
        return None
    count = shown.first.number_of_frames
    frames = tuple(ref for ref in shown.stack.frames if found.operation_for(ref.frame + 1, count) is not None)
    if not frames:
        return None
    alone = shown.stack.alone(0, None)
    stack = replace(alone, frames=frames)
    return SubtractedStack(f"{shown.key}-", stack, shown.study, prior=shown.prior, reason=shown.reason)


def with_subtractions(stacks: list[ShownStack]) -> list[ShownStack]:
    """The stacks, each followed by its subtraction where it has one; where that is recommended, it goes before."""
    result: list[ShownStack] = []
    for shown in stacks:
        less = subtracted_stack(shown)
        if less is None:
            result.append(shown)
        else:
            result += [less, shown] if less.subtraction.recommended else [shown, less]
    return result


def counterpart(key: str) -> str:
    """The key of the subtracted stack for that of the plain one, and back."""
    return key[:-1] if key.endswith("-") else f"{key}-"


class Subtractor:
    """Makes the images of a subtracted stack. The mean of the masks used last is kept: most frames have the same.

    `frame` gives the stored values of a frame of an object, counted from 0.
    """

    def __init__(self, stack: SubtractedStack, frame: Callable[[Instance, int], NDArray[Any]]) -> None:
        self._stack = stack
        self._stored = frame
        self._mask: tuple[tuple[int, ...], NDArray[np.float64]] | None = None

    def sheet(self, k: int) -> Volume:
        """Image `k`."""
        stack = self._stack
        contrast, masks = stack.masks(k)
        kept = self._mask
        if kept is None or kept[0] != masks:
            kept = masks, np.mean([self._frame(k, number) for number in masks], axis=0)
            self._mask = kept
        values = subtracted(
            [self._frame(k, number) for number in contrast],
            [kept[1]],
            stack.operation(k).shift,
            logarithmic=stack.subtraction.logarithmic,
        )
        if self._counted_down:
            # a vessel is as bright or as dark as in the stored frames
            values = -values
        instance = stack.instance(k)
        sheet = Volume((1, instance.rows, instance.columns), np.float32, stack.matrix(k), is_spatial=False)
        sheet.put(0, values)
        return sheet

    def _frame(self, k: int, number: int) -> NDArray[np.float64]:
        """Values of frame `number`, counted from 1, that rise with the intensity of the beam."""
        instance = self._stack.instance(k)
        values = np.asarray(self._stored(instance, number - 1), np.float64)
        if self._counted_down and instance.pixels is not None:
            values = instance.pixels.stored_range[1] - values
        return values

    @property
    def _counted_down(self) -> bool:
        """Whether intensities have to be made of the stored values first."""
        return self._stack.subtraction.reversed and not self._stack.subtraction.logarithmic


class SubtractedLoader(StackLoader):
    """Loads a subtracted stack."""

    stack: SubtractedStack

    @cached_property
    def _subtractor(self) -> Subtractor:
        return Subtractor(self.stack, self._tried)

    def _decoded(self, k: int) -> Volume:
        return self._subtractor.sheet(k)
