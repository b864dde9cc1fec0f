"""What differs from frame to frame: geometry, rescale, windows, and the keys that tell phases and contrasts apart.

A single-frame object has one entry; an enhanced object one a frame, from its Shared (5200,9229) and Per-frame
(5200,9230) Functional Groups, the latter going before (PS3.3 C.7.6.16).
"""

from dataclasses import dataclass, replace

from workstation.dicom.diffusion import b_value_of, gradient_of
from workstation.dicom.kinds import MOSAIC
from workstation.dicom.lut import VoiTable, Window, voi_tables_of, windows_of
from workstation.dicom.real_world import RealWorldMapping, real_world_of
from workstation.dicom.text import Header


@dataclass(frozen=True)
class FrameGeometry:
    """One frame. Positions and direction cosines are LPS millimetres (PS3.3 C.7.6.2.1.1).

    `position` is the centre of the first pixel; `orientation` the direction of a row (of increasing column), then of a
    column (of increasing row); `pixel_spacing` is (between rows, between columns). Stored values become modality values
    by `slope` · stored + `intercept`.
    """

    position: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    pixel_spacing: tuple[float, ...] | None = None
    slice_thickness: float | None = None
    slope: float = 1.0
    intercept: float = 0.0
    rescale_type: str = ""
    windows: tuple[Window, ...] = ()
    voi_tables: tuple[VoiTable, ...] = ()
    real_world: tuple[RealWorldMapping, ...] = ()
    mapping: RealWorldMapping | None = None
    image_type: tuple[str, ...] = ()
    stack_id: str = ""
    in_stack_position: int | None = None
    temporal_position: int | None = None
    dimension_index: tuple[int, ...] = ()
    b_value: float | None = None
    gradient: tuple[float, ...] = ()
    echo_time: float | None = None
    trigger_time: float | None = None
    cardiac_phase: float | None = None
    inversion_time: float | None = None
    flip_angle: float | None = None
    energy_window: int | None = None
    acquisition_number: int | None = None
    complex_component: str = ""
    kernel: str = ""
    sequence_name: str = ""

    @property
    def located(self) -> bool:
        """Whether its header says where its pixels stand in the patient; a mosaic's position is none of its tiles'."""
        placed = self.position is not None and self.orientation is not None and self.pixel_spacing is not None
        return placed and MOSAIC not in self.image_type


def frame_from_header(header: Header, *, signed: bool) -> FrameGeometry:
    """The values of a classic object, which stand at the top level of its header."""
    slope = header.number(0x00281053)
    intercept = header.number(0x00281052) or 0.0
    return FrameGeometry(
        position=header.floats(0x00200032, 3),
        orientation=header.floats(0x00200037, 6),
        pixel_spacing=_spacing(header),
        slice_thickness=header.number(0x00180050),
        slope=1.0 if slope is None or slope == 0 else slope,
        intercept=intercept,
        rescale_type=header.text(0x00281054),
        windows=windows_of(header),
        voi_tables=voi_tables_of(
            header, signed=0x00283000 not in header and _below_zero(signed, slope or 1.0, intercept)
        ),
        real_world=real_world_of(header, signed=signed),
        image_type=header.texts(0x00080008),
        temporal_position=header.integer(0x00200100),
        b_value=b_value_of(header),
        gradient=gradient_of(header),
        echo_time=header.number(0x00180081),
        trigger_time=header.number(0x00181060),
        inversion_time=header.number(0x00180082),
        flip_angle=header.number(0x00181314),
        complex_component=header.text(0x00089208),
        sequence_name=header.text(0x00180024),
    )


def frames_from_groups(
    header: Header, classic: FrameGeometry, count: int, *, signed: bool
) -> tuple[FrameGeometry, ...]:
    """One entry a frame from the functional groups; a single shared entry when all are equal or there are no groups."""
    shared = header.item(0x52009229)
    own = tuple(header.items(0x52009230))
    if shared is None and not own:
        return (classic,)
    common = _overlaid(classic, shared, signed=signed) if shared is not None else classic
    if not own:
        return (common,)
    frames = [_overlaid(common, item, signed=signed) for item in own[:count]]
    frames.extend([common] * (count - len(frames)))
    if len({frame.position for frame in frames}) > 1:
        # some makers leave the word behind when they store the slices of a mosaic as frames
        frames = [replace(frame, image_type=tuple(t for t in frame.image_type if t != MOSAIC)) for frame in frames]
    return (frames[0],) if all(frame == frames[0] for frame in frames) else tuple(frames)


def _below_zero(signed: bool, slope: float, intercept: float) -> bool:
    """Whether rescaled values, the input of a VOI LUT, go below 0 (C.11.2.1.1); those out of a table never do."""
    return signed or intercept < 0 or slope < 0


def _spacing(header: Header) -> tuple[float, ...] | None:
    values = header.floats(0x00280030, 2)
    return values if values is not None and values[0] > 0 and values[1] > 0 else None


def _overlaid(base: FrameGeometry, group: Header, *, signed: bool) -> FrameGeometry:
    """`base` with what the functional groups of one item say."""
    changes: dict[str, object] = {}

    def take(name: str, value: object) -> None:
        if value is not None and value not in ((), ""):
            changes[name] = value

    if plane := group.item(0x00209113):
        take("position", plane.floats(0x00200032, 3))
    if orientation := group.item(0x00209116):
        take("orientation", orientation.floats(0x00200037, 6))
    if measures := group.item(0x00289110):
        take("pixel_spacing", _spacing(measures))
        take("slice_thickness", measures.number(0x00180050))
    slope, intercept = base.slope, base.intercept
    if transformation := group.item(0x00289145):
        slope = transformation.number(0x00281053) or slope
        own = transformation.number(0x00281052)
        intercept = intercept if own is None else own
        take("slope", slope)
        take("intercept", intercept)
        take("rescale_type", transformation.text(0x00281054))
    if voi := group.item(0x00289132):
        take("windows", windows_of(voi))
        take("voi_tables", voi_tables_of(voi, signed=_below_zero(signed, slope, intercept)))
    take("real_world", real_world_of(group, signed=signed))
    if content := group.item(0x00209111):
        take("stack_id", content.text(0x00209056))
        take("in_stack_position", content.integer(0x00209057))
        take("temporal_position", content.integer(0x00209128))
        take("acquisition_number", content.integer(0x00209156))
        take("dimension_index", tuple(int(value) for value in content.numbers(0x00209157)))
    for frame_type in (0x00189226, 0x00189329, 0x00189751, 0x00189504):  # MR, CT, PET, tomosynthesis
        if item := group.item(frame_type):
            take("image_type", item.texts(0x00089007))
            take("complex_component", item.text(0x00089208))
    if diffusion := group.item(0x00189117):
        take("b_value", diffusion.number(0x00189087))
        take("gradient", gradient_of(diffusion.item(0x00189076) or diffusion))
    if echo := group.item(0x00189114):
        take("echo_time", echo.number(0x00189082))
    if cardiac := group.item(0x00189118):
        take("trigger_time", cardiac.number(0x00209153))
        take("cardiac_phase", cardiac.number(0x00209241))
    if timing := group.item(0x00189112):
        take("flip_angle", timing.number(0x00181314))
    if modifier := group.item(0x00189115):
        take("inversion_time", modifier.number(0x00189079))
    if reconstruction := group.item(0x00189314):
        take("kernel", "\\".join(reconstruction.texts(0x00181210)))
    values = {name: getattr(base, name) for name in FrameGeometry.__dataclass_fields__}
    return FrameGeometry(**{**values, **changes})
