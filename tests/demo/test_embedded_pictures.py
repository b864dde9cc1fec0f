"""Rendered pictures, thumbnails, frames and transcoded objects of the embedded IRIS."""

import io
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate

MakeObject = Callable[..., bytes]
INSTANCE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.9"
RAMP = (np.arange(64 * 64) % 2000).astype("<u2").reshape(64, 64)


def jpeg_ls(make_object: MakeObject, frames: int = 1) -> bytes:
    """A JPEG-LS object of a ramp; further frames hold the ramp plus one."""
    streams = [bytes(imagecodecs.jpegls_encode(RAMP + number)) for number in range(frames)]
    return make_object(
        SOPInstanceUID="1.2.9",
        TransferSyntaxUID=pydicom.uid.JPEGLSLossless,
        Rows=64,
        PixelRepresentation=0,
        NumberOfFrames=frames,
        PixelData=encapsulate(streams),
    )


def only_part(answer: Any) -> bytes:
    body: bytes = answer.content.partition(b"\r\n\r\n")[2]
    return body[: body.rindex(b"\r\n--iris-")]


def grey(answer: Any) -> NDArray[Any]:
    assert answer.status_code == 200, answer.text
    decode = imagecodecs.png_decode if answer.headers["Content-Type"] == "image/png" else imagecodecs.jpeg8_decode
    picture: NDArray[Any] = decode(answer.content)
    return picture


def test_a_wished_window_is_the_linear_one_of_the_standard(client: Any, make_object: MakeObject) -> None:
    client.store([make_object(SOPInstanceUID="1.2.9", Rows=64, RescaleIntercept=0)])
    picture = grey(client.get(INSTANCE + "/rendered?window=1000,401,linear", "image/png"))
    # PS3.3 C.11.2.1.2: c - 0.5 is the middle, w - 1 the span
    values = np.arange(64 * 64) % 4096
    expected = np.clip(((values - 999.5) / 400 + 0.5) * 255, 0, 255).reshape(64, 64)
    assert np.abs(picture.astype(float) - expected).max() <= 0.51


def test_a_picture_is_jpeg_unless_png_is_asked_for(client: Any, make_object: MakeObject) -> None:
    client.store([make_object(SOPInstanceUID="1.2.9", Rows=64)])
    assert client.get(INSTANCE + "/rendered", "*/*").headers["Content-Type"] == "image/jpeg"
    assert client.get(INSTANCE + "/rendered?accept=image/png", "text/html").headers["Content-Type"] == "image/png"
    assert client.get(INSTANCE + "/rendered", "image/gif").status_code == 406


def test_monochrome1_is_shown_inverted(client: Any, make_object: MakeObject) -> None:
    client.store([make_object(SOPInstanceUID="1.2.9", Rows=64, PhotometricInterpretation="MONOCHROME1")])
    picture = grey(client.get(INSTANCE + "/rendered?window=0,2000", "image/png"))
    assert picture[0, 0] > picture[-1, -1]


@pytest.mark.parametrize("level", ["/studies/1.2.3", "/studies/1.2.3/series/1.2.3.1", INSTANCE, INSTANCE + "/frames/1"])
def test_every_level_has_a_thumbnail(client: Any, make_object: MakeObject, level: str) -> None:
    client.store([make_object(SOPInstanceUID="1.2.9", Rows=512)])
    assert grey(client.get(level + "/thumbnail", "image/png")).shape == (128, 128)


def test_what_has_no_picture_shows_none(client: Any, make_object: MakeObject) -> None:
    client.store([make_object(SOPInstanceUID="1.2.9", Columns=None, PixelData=None)])
    assert client.get(INSTANCE + "/rendered", "image/png").status_code in (404, 406)
    assert client.get("/studies/7/thumbnail", "image/png").status_code == 404


def test_compressed_frames_come_as_they_are_stored(client: Any, make_object: MakeObject) -> None:
    client.store([jpeg_ls(make_object, frames=2)])
    answer = client.get(INSTANCE + "/frames/2", 'multipart/related; type="image/jls"')
    assert answer.headers["Content-Type"].startswith('multipart/related; type="image/jls"')
    assert np.array_equal(imagecodecs.jpegls_decode(only_part(answer)), RAMP + 1)
    anyhow = client.get(INSTANCE + "/frames/1", 'multipart/related; type="application/octet-stream"; transfer-syntax=*')
    assert np.array_equal(imagecodecs.jpegls_decode(only_part(anyhow)), RAMP)


def test_compressed_frames_are_decoded_when_raw_ones_are_wanted(client: Any, make_object: MakeObject) -> None:
    client.store([jpeg_ls(make_object, frames=2)])
    answer = client.get(INSTANCE + "/frames/2", 'multipart/related; type="application/octet-stream"')
    assert only_part(answer) == (RAMP + 1).astype("<u2").tobytes()


def test_an_object_is_decoded_for_who_takes_explicit_little_endian_only(client: Any, make_object: MakeObject) -> None:
    sent = jpeg_ls(make_object)
    client.store([sent])
    answer = client.get("/studies/1.2.3", 'multipart/related; type="application/dicom"')
    received = pydicom.dcmread(io.BytesIO(only_part(answer)))
    assert received.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert received.PixelData == RAMP.astype("<u2").tobytes()
    assert received.SOPInstanceUID == "1.2.9"
    alone = client.get(INSTANCE, "application/dicom")
    assert alone.headers["Content-Type"] == "application/dicom"
    assert pydicom.dcmread(io.BytesIO(alone.content)).PixelData == received.PixelData
    assert client.get(INSTANCE, "application/dicom; transfer-syntax=*").content == sent
    wish = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80'
    assert only_part(client.get("/studies/1.2.3", wish)) == sent
