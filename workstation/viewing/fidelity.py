"""What the reader must know about a picture that is not simply the acquired pixels; silent when there is nothing."""

from workstation.dicom.instance import PixelDescription
from workstation.dicom.spacing import PATIENT, REGION
from workstation.imaging.reslice import SlabMode
from workstation.language import N_, _, number_text
from workstation.viewing.loading import StackLoader
from workstation.viewing.rulers import Scales, spacing_at
from workstation.viewing.slices import slices_of
from workstation.viewing.stacks import ShownStack
from workstation.viewing.subtraction import SubtractedStack
from workstation.viewing.viewport import PlaneKind, ViewportState

# slices this many times as far apart as their pixels make a reformat visibly interpolated
_COARSE = 1.5
SLAB_NAMES: dict[SlabMode, str] = {"mean": N_("mean"), "mip": "MIP", "minip": "MinIP"}


def fidelity_notes(
    stack: ShownStack, loader: StackLoader, state: ViewportState, scales: Scales | None = None
) -> tuple[str, ...]:
    """Short notes for the badge, the weightiest first. `scales`: the reader's own calibrations."""
    notes: list[str] = []
    reformat = state.kind is not PlaneKind.STACK
    instance = stack.instance(state.index)
    if stack.awaited is not None:
        notes.append(stack.awaited.note)
    if not reformat and state.index in loader.failures:
        notes.append(_("this image can't be shown"))
    if loader.failures and (reformat or len(loader.failures) < stack.count):
        notes.append(_("{count} images unreadable").format(count=len(loader.failures)))
    elif loader.partly:
        notes.append(_("memory holds {loaded} of {count}").format(loaded=loader.loaded_count, count=stack.count))
        if reformat:
            notes.append(_("too little memory for a reformat"))
    elif stack.awaited is None and not loader.complete and (reformat or not loader.finished):
        notes.append(_("partial {loaded} of {count}").format(loaded=loader.loaded_count, count=stack.count))
    if instance.pixels is not None and instance.pixels.lossy:
        notes.append(lossy_note(instance.pixels))
    if instance.colour_profile is not None and instance.colour_profile.fault:
        notes.append(_("colours as they stand: {reason}").format(reason=instance.colour_profile.fault))
    if instance.supplemental_palette:
        notes.append(_("its colours are not shown, only its greys"))
    spacing, step = stack.stack.spacing, stack.slice_step
    if reformat and stack.stack.uneven:
        steps = [number_text(mm, 2, trim=True) for mm in stack.step_range]
        notes.append(_("uneven slices {least}–{most} mm, interpolated").format(least=steps[0], most=steps[1]))
    elif reformat and step > _COARSE * min(spacing.row_mm, spacing.column_mm):
        notes.append(_("interpolated, {step} mm source").format(step=number_text(step, 2, trim=True)))
    if reformat and state.slab.thickness_mm > slices_of(state, stack).step:
        thickness = _("{mm} mm").format(mm=number_text(state.slab.thickness_mm, 2, trim=True))
        notes.append(f"{_(SLAB_NAMES[state.slab.mode])} {thickness}")
    if isinstance(stack, SubtractedStack):
        notes.append(stack.note(state.index))
    if state.interpolation == "cubic":
        notes.append(_("cubic interpolation"))
    if stack.stack.gaps:
        notes.append(_("gaps between slices"))
    if stack.no_suv:
        notes.append(_("no SUV: {reason}").format(reason=stack.no_suv))
    source = loader.source(state.index)
    if source is not None and source.rounded:
        notes.append(_("values rounded to 7 digits"))
    notes += _scale_notes(stack, state.index, scales or {})
    return tuple(notes)


def lossy_note(pixels: PixelDescription) -> str:
    """That a picture was compressed with a loss, and how far, where that is known."""
    if pixels.ratio <= 1:
        return _("lossy source")
    return _("lossy source {ratio}:1").format(ratio=number_text(pixels.ratio, 0))


def _scale_notes(stack: ShownStack, k: int, scales: Scales) -> list[str]:
    """Where millimetres come from, unless from the patient's geometry, and what speaks against them."""
    spacing = spacing_at(stack, k, scales)
    if not spacing.in_mm:
        by_region = bool(stack.instance(k).ultrasound_regions)
        return [_("scale differs by region") if by_region else _("not to scale")]
    said = [] if spacing.source in (PATIENT, REGION) else [_("scale: {source}").format(source=_(spacing.source))]
    return [*said, _(spacing.doubt)] if spacing.doubt else said
