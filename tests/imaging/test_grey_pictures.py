"""Whole pictures, bytes to 8-bit grey, beside what dcmtk's dcm2pnm makes of the same file and window."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.grey_images import dcm2pnm, image, lut_item, saved
from workstation.dicom.geometry import build_stacks
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.imaging.voi import Voi, Window, auto_window, to_grey
from workstation.imaging.volume import Volume

pytestmark = pytest.mark.oracle


def developed(data: bytes) -> tuple[Volume, bool]:
    """The modality values of a file's first frame, and whether they are shown inverted."""
    instance = parse_instance(data)
    volume = Volume.of_stack(build_stacks([instance])[0])
    volume.put(0, decode_frame(instance, data))
    return volume, instance.inverted


def shown(data: bytes, voi: Voi | None = None) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Our picture and where it is no padding."""
    volume, inverted = developed(data)
    padding = volume.padding_of(0)
    chosen = voi or auto_window(volume.array[0], padding)
    mask = np.zeros(volume.shape[1:3], np.bool_) if padding is None else padding
    return to_grey(volume.array[0], chosen, inverted, padding), ~mask


def assert_like_dcmtk(data: bytes, center: float, width: float, folder: Path) -> None:
    theirs = dcm2pnm(data, folder, "+Ww", str(center), str(width), "-O")
    ours, real = shown(data, Window(center, width))
    assert real.any()
    assert np.abs(ours.astype(int) - theirs)[real].max() <= 1


def ramp(dtype: str, low: int, high: int) -> NDArray[Any]:
    return np.linspace(low, high, 64 * 64).round().astype(dtype).reshape(64, 64)


PICTURES: dict[str, Dataset] = {
    "signed CT": image(ramp("<i2", -2048, 2047), RescaleSlope=1, RescaleIntercept=0, Modality="CT"),
    "unsigned CT": image(
        ramp("<u2", 0, 4095), BitsStored=12, HighBit=11, RescaleSlope=1, RescaleIntercept=-1024, Modality="CT"
    ),
    # dcmtk cuts modality values to integers: a fraction in the slope is for the formulas in test_voi
    "MR with a slope": image(
        ramp("<u2", 0, 4095), BitsStored=12, HighBit=11, RescaleSlope=2, RescaleIntercept=-11, Modality="MR"
    ),
    "MONOCHROME1 CR": image(
        ramp("<u2", 0, 1023), BitsStored=10, HighBit=9, PhotometricInterpretation="MONOCHROME1", Modality="CR"
    ),
    "inverse shape": image(ramp("<u2", 0, 1023), BitsStored=10, HighBit=9, PresentationLUTShape="INVERSE"),
    "modality table": image(
        ramp("<u2", 0, 255),
        BitsStored=8,
        HighBit=7,
        ModalityLUTSequence=Sequence([lut_item(0, 16, (np.arange(256) ** 1.9).astype("<u2"), ModalityLUTType="US")]),
    ),
    "8 bits": image(ramp("u1", 0, 255)),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(("center", "width"), [(40, 400), (500, 1000), (100, 2), (2048, 4096), (127.5, 255)])
def test_a_linear_window_gives_dcmtks_picture(name: str, center: float, width: float, tmp_path: Path) -> None:
    assert_like_dcmtk(saved(PICTURES[name]), center, width, tmp_path)


@pytest.mark.parametrize(
    ("path", "center", "width"),
    [
        ("ct_ge_tilt_irregular_28/01.dcm", 40, 350),
        ("seg_sr_pm/highdicom/dx_image.dcm", 2048, 4096),
        ("seg_sr_pm/highdicom/ct_image.dcm", 50, 400),
        ("encapsulated_fragments/CT1_UNC.explicit_little_endian.dcm", -600, 1500),
    ],
)
def test_a_linear_window_of_a_real_image_gives_dcmtks_picture(
    path: str, center: float, width: float, shared_data: Path, tmp_path: Path
) -> None:
    assert_like_dcmtk((shared_data / path).read_bytes(), center, width, tmp_path)


def test_a_linear_window_of_a_real_mr_gives_dcmtks_picture(shared_data: Path, tmp_path: Path) -> None:
    path = sorted((shared_data / "mr_acr_phantom_ge_11").glob("*"))[5]
    assert_like_dcmtk(path.read_bytes(), 600, 1200, tmp_path)


def test_a_sigmoid_and_the_tables_of_a_file_give_dcmtks_picture(tmp_path: Path) -> None:
    ds = image(ramp("<u2", 0, 4095), BitsStored=12, HighBit=11, WindowCenter=2000, WindowWidth=900)
    ds.VOILUTFunction = "SIGMOID"
    data = saved(ds)
    (window,) = parse_instance(data).windows
    theirs = dcm2pnm(data, tmp_path, "+Wi", "1", "-O")
    assert np.abs(shown(data, window)[0].astype(int) - theirs).max() <= 1
    entries = (4095 * np.sqrt(np.linspace(0, 1, 3000))).astype("<u2")
    ds.VOILUTSequence = Sequence([lut_item(500, 12, entries, LUTExplanation="ROOT")])
    data = saved(ds)
    (table,) = parse_instance(data).voi_tables
    assert table.explanation == "ROOT"
    theirs = dcm2pnm(data, tmp_path, "+Wl", "1", "-O")
    assert np.abs(shown(data, table)[0].astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_a_table_over_hounsfield_units_begins_below_zero(syntax: str, tmp_path: Path) -> None:
    ds = image(ramp("<u2", 0, 4095), BitsStored=12, HighBit=11, RescaleSlope=1, RescaleIntercept=-1024)
    entries = (65535 * np.linspace(0, 1, 3000) ** 2).astype("<u2")
    ds.VOILUTSequence = Sequence([lut_item(-1000, 16, entries, signed=True)])
    data = saved(ds, syntax)
    (table,) = parse_instance(data).voi_tables
    assert table.first_mapped == -1000
    theirs = dcm2pnm(data, tmp_path, "+Wl", "1", "-O")
    assert np.abs(shown(data, table)[0].astype(int) - theirs).max() <= 1


def test_every_window_and_table_of_a_real_mammogram_gives_dcmtks_picture(shared_data: Path, tmp_path: Path) -> None:
    data = next((shared_data / "mg").glob("*.dcm")).read_bytes()
    instance = parse_instance(data)
    assert (len(instance.windows), len(instance.voi_tables)) == (3, 3)
    assert {window.function for window in instance.windows} == {"SIGMOID"}
    volume, inverted = developed(data)
    padding = volume.padding_of(0)
    assert padding is not None
    for option, vois in (("+Wi", instance.windows), ("+Wl", instance.voi_tables)):
        for number, voi in enumerate(vois):
            ours = to_grey(volume.array[0], voi, inverted, padding)
            theirs = dcm2pnm(data, tmp_path, option, str(number + 1), "-O")
            assert np.abs(ours.astype(int) - theirs)[~padding].max() <= 1


@pytest.mark.golden(6)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", ["", "IDENTITY", "INVERSE"])
@pytest.mark.parametrize("padding", [(), (5,), (5, 300), (300, 5)])
def test_an_image_by_itself_is_inverted_once_and_its_padding_is_black_and_out_of_the_window(
    photometric: str, shape: str, padding: tuple[int, ...]
) -> None:
    values = ramp("<u2", 0, 1023)
    ds = image(values, BitsStored=10, HighBit=9, PhotometricInterpretation=photometric)
    if shape:
        ds.PresentationLUTShape = shape
    if padding:
        ds.PixelPaddingValue = padding[0]
    if len(padding) == 2:
        ds.PixelPaddingRangeLimit = padding[1]
    real = np.ones(values.shape, np.bool_)
    if padding:
        real = (values < min(padding)) | (values > max(padding))
    data = saved(ds)
    picture, free = shown(data, Window(512, 1024))
    np.testing.assert_array_equal(free, real)
    line = np.floor(values / 1023 * 255 + 0.5)
    # MONOCHROME1 means inverted already: with the shape INVERSE it is not inverted back
    upside_down = photometric == "MONOCHROME1" or shape == "INVERSE"
    expected = np.where(real, 255 - line if upside_down else line, 0)
    assert np.abs(picture - expected).max() <= 1
    automatic, _free = shown(data)
    low, high = np.percentile(values[real], (0.5, 99.5))
    ends = automatic[real & (values <= low)], automatic[real & (values >= high)]
    assert (ends[0] == (255 if upside_down else 0)).all()
    assert (ends[1] == (0 if upside_down else 255)).all()
