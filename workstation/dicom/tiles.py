"""A Siemens mosaic taken apart into its slices, where its CSA header says all that this needs; else shown as stored.

Its Image Position (Patient) is that of an image as large as the mosaic around the middle of the slices, so that the
first pixel of the first slice lies half the difference of their extents further in, along both axes. The slices follow
each other by Spacing Between Slices along the SliceNormalVector, whose sign is not always that of the orientation.
"""

import math
from dataclasses import replace

import numpy as np

from workstation.dicom.axes import orthonormal
from workstation.dicom.csa import Values, csa_floats, csa_image_header
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.instance import Instance
from workstation.dicom.kinds import MOSAIC
from workstation.dicom.mosaic import Mosaic
from workstation.dicom.native import native_samples
from workstation.dicom.private_blocks import private_block
from workstation.dicom.text import Header
from workstation.dicom.transfer_syntaxes import NATIVE
from workstation.errors import WorkstationError
from workstation.language import N_

_MOST_TILES = 1024
# written with eight digits; the normal with as many
_PARALLEL = 1e-4
_SAME_SPACING_MM = 1e-2


def taken_apart(instance: Instance, header: Header, body: bytes) -> Instance:
    """The object with its slices as frames, when it is a mosaic; else as it is, and why a mosaic stays one.

    `body` are the bytes that its frame offsets count in.
    """
    single = instance.number_of_frames == 1 and len(instance.frames) == 1
    if not single or MOSAIC not in instance.image_type or 0x52009230 in header:
        return instance
    made = _apart(instance, header, body)
    return replace(instance, mosaic_kept=made) if isinstance(made, str) else made


def _apart(instance: Instance, header: Header, body: bytes) -> Instance | str:
    values = csa_image_header(header)
    if values is None:
        return N_("it has no CSA header")
    count = _count(header, values)
    if not count:
        return N_("its CSA header doesn't say how many slices it holds")
    across = math.isqrt(count - 1) + 1
    if instance.rows % across or instance.columns % across:
        return N_("its size is no multiple of the number of its tiles")
    geometry = instance.frames[0]
    axes = orthonormal(geometry.orientation)
    if axes is None or geometry.position is None or geometry.pixel_spacing is None:
        return N_("it has no geometry in the patient")
    normal = csa_floats(values, "SliceNormalVector", 3)
    if normal is None:
        return N_("its CSA header doesn't say in which direction its slices follow")
    along = float(np.dot(normal, axes[2]))
    if abs(abs(along) - 1) > _PARALLEL or abs(float(np.linalg.norm(normal)) - 1) > _PARALLEL:
        return N_("its orientation and its CSA header contradict each other")
    step = _step(instance, values)
    if not step:
        return N_("the distance of its slices is missing or not clear")
    pixels = instance.pixels
    assert pixels is not None
    if pixels.colour or pixels.bits_allocated == 1 or instance.overlays or instance.shutter is not None:
        return N_("it has colours, overlays or a shutter")
    mosaic = Mosaic(across, count, instance.rows // across, instance.columns // across)
    if not _rest_is_empty(instance, mosaic, body):
        return N_("it shows more slices than its CSA header counts")
    kinds = tuple(kind for kind in geometry.image_type if kind != MOSAIC)
    if not kinds:
        return N_("its image type says nothing else")
    whole = np.array([instance.rows, instance.columns])
    inwards = (whole - (mosaic.rows, mosaic.columns)) / 2 * geometry.pixel_spacing
    first = np.array(geometry.position) + inwards[0] * axes[1] + inwards[1] * axes[0]
    way = axes[2] * math.copysign(step, along)
    return replace(
        instance,
        rows=mosaic.rows,
        columns=mosaic.columns,
        number_of_frames=count,
        frames=tuple(_slice(geometry, kinds, first + tile * way) for tile in range(count)),
        mosaic=mosaic,
    )


def _slice(geometry: FrameGeometry, kinds: tuple[str, ...], position: np.ndarray) -> FrameGeometry:
    return replace(geometry, image_type=kinds, position=tuple(float(value) for value in position))


def _count(header: Header, values: Values) -> int:
    """NumberOfImagesInMosaic; 0 where it is not said, or said differently in the two places that have it."""
    told = csa_floats(values, "NumberOfImagesInMosaic", 1)
    block = private_block(header, 0x0019, "SIEMENS MR HEADER")
    # a US whose VR implicit files don't have
    raw = header.raw(block | 0x0A) if block else None
    other = int.from_bytes(raw, "little" if header.little_endian else "big") if raw and len(raw) == 2 else None
    number = told[0] if told is not None else other
    if number is None or (other is not None and other != number):
        return 0
    return int(number) if number == int(number) and 1 <= number <= _MOST_TILES else 0


def _step(instance: Instance, values: Values) -> float:
    """Spacing Between Slices in mm; 0 where it is missing, or the CSA header has another."""
    own, told = instance.spacing_between_slices, csa_floats(values, "SpacingBetweenSlices", 1)
    step = own if own is not None else told[0] if told is not None else 0.0
    if step <= 0 or not math.isfinite(step):
        return 0.0
    return step if told is None or abs(told[0] - step) <= _SAME_SPACING_MM else 0.0


def _rest_is_empty(instance: Instance, mosaic: Mosaic, body: bytes) -> bool:
    """Whether the tiles behind the last slice hold one value; compressed ones are looked at when they are decoded."""
    spans = instance.frame_offsets[0]
    if not mosaic.empty or instance.transfer_syntax_uid not in NATIVE or not spans or instance.pixels is None:
        return True
    at, length = spans[0]
    try:
        stored = native_samples(instance, instance.pixels, memoryview(body), at, length, 0)
    except (WorkstationError, ValueError):
        # decoding says why
        return True
    rest = mosaic.rest(stored)
    return bool((rest == rest[0]).all())
