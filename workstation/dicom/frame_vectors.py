"""Positions of the frames of multi-frame objects without functional groups: tomograms of nuclear medicine, dose grids.

The object has one position and orientation; a vector of slice numbers or of offsets says how far behind it each frame
stands.
"""

from dataclasses import replace

import numpy as np

from workstation.dicom.axes import orthonormal
from workstation.dicom.frame_values import FrameGeometry, frame_from_header, frames_from_groups
from workstation.dicom.text import Header

_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
_NUCLEAR = "1.2.840.10008.5.1.4.1.1.20"


def frames_of(header: Header, count: int, *, signed: bool) -> tuple[FrameGeometry, ...]:
    """One entry for each of `count` frames, or a single one that holds for all: by functional groups, or by vectors."""
    classic = frame_from_header(header, signed=signed)
    sop_class = header.text(0x00080016)
    if count > 1 and sop_class == _NUCLEAR:
        return _tomogram(header, classic, count)
    if count > 1 and sop_class == _DOSE:
        return _dose_grid(header, classic, count)
    return frames_from_groups(header, classic, count, signed=signed)


def _tomogram(header: Header, classic: FrameGeometry, count: int) -> tuple[FrameGeometry, ...]:
    """A reconstructed tomogram (PS3.3 C.8.4.8, C.8.4.15): the sign of Spacing Between Slices is the way along the
    normal. Time slots of a gated one and energy windows are kept to tell its repetitions apart."""
    detector = header.item(0x00540022)
    if classic.image_type[2:3] != ("RECON TOMO",) or detector is None:
        return (classic,)
    position = detector.floats(0x00200032, 3) or classic.position
    orientation = detector.floats(0x00200037, 6) or classic.orientation
    axes, spacing = orthonormal(orientation), header.number(0x00180088)
    numbers = header.numbers(0x00540080)
    if not numbers and header.integer(0x00540081) == count:
        numbers = tuple(float(number) for number in range(1, count + 1))
    if position is None or axes is None or not spacing or len(numbers) != count:
        return (classic,)
    phases = header.numbers(0x00540070) or header.numbers(0x00540100)
    windows = header.numbers(0x00540010)
    return tuple(
        replace(
            classic,
            position=_behind(position, axes[2] * spacing * (number - 1)),
            orientation=orientation,
            temporal_position=int(phases[frame]) if len(phases) == count else None,
            energy_window=int(windows[frame]) if len(windows) == count else None,
        )
        for frame, number in enumerate(numbers)
    )


def _dose_grid(header: Header, classic: FrameGeometry, count: int) -> tuple[FrameGeometry, ...]:
    """A dose grid (PS3.3 C.8.8.3.2): offsets along the normal from the position, or, where the first is not 0, the
    patient's z of each plane of an axial grid."""
    offsets = np.array(header.numbers(0x3004000C))
    axes = orthonormal(classic.orientation)
    if classic.position is None or axes is None or len(offsets) != count:
        return (classic,)
    if offsets[0] != 0:
        if abs(abs(axes[2][2]) - 1) > 1e-3:
            return (classic,)
        offsets = (offsets - classic.position[2]) * np.sign(axes[2][2])
    return tuple(replace(classic, position=_behind(classic.position, axes[2] * offset)) for offset in offsets)


def _behind(position: tuple[float, ...], way: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in np.asarray(position) + way)
