"""Colour of any number of bits in a volume: white is white."""

import numpy as np
import pytest

from tests.pixel_objects import image, opened
from workstation.dicom.geometry import build_stacks
from workstation.dicom.pixels import decode_frame
from workstation.imaging.volume import Volume


@pytest.mark.parametrize(
    ("bits", "allocated"), [(6, 8), (8, 8), (8, 16), (10, 16), (12, 16), (16, 16), (24, 32), (32, 32)]
)
def test_colour_fills_its_range_whatever_the_bits_that_are_stored(bits: int, allocated: int) -> None:
    top = (1 << bits) - 1
    rgb = np.array([[[0, top, top // 2], [top, top, top]]], f"<u{allocated // 8}")
    instance, data = opened(image(rgb, photometric="RGB", BitsStored=bits, HighBit=bits - 1))
    volume = Volume.of_stack(build_stacks([instance])[0])
    volume.put(0, decode_frame(instance, data))
    shown = volume.array[0]
    assert shown.dtype == (np.uint8 if bits <= 8 else np.uint16)
    # what is painted are the upper eight bits, and PS3.3 C.7.6.3.1.2 has white at the greatest stored value
    eight = shown if shown.dtype == np.uint8 else shown >> 8
    scale = 255 / top
    assert np.abs(eight - rgb * scale).max() < 4
    assert volume.array.shape == (1, 1, 2, 3)
