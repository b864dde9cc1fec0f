"""The decoder table: for each transfer syntax the decoders by name, in the order they are tried.

`imagecodecs` releases the GIL and scales over threads; the pylibjpeg plug-ins hold it and stand behind. Each decoder
takes a code stream and the header's description and returns samples as the code stream has them, shape (rows, columns)
or (rows, columns, 3): bits and colour are put right in `pixels`.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom import transfer_syntaxes as ts
from workstation.dicom.codestreams import jpeg_2000_header, jpeg_header

if TYPE_CHECKING:  # a decoder process needs no more than this module: four of them must be cheap
    from workstation.dicom.instance import PixelDescription

Samples = NDArray[Any]


@dataclass(frozen=True)
class Codestream:
    """One frame's compressed bytes and what the header says of it."""

    data: bytes
    rows: int
    columns: int
    pixels: "PixelDescription"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape a decoded frame must have."""
        samples = self.pixels.samples_per_pixel
        return (self.rows, self.columns) if samples == 1 else (self.rows, self.columns, samples)


@dataclass(frozen=True)
class Decoder:
    """A named decoder. `decode` raises whatever its library raises; `needs` is its module and the codec within."""

    name: str
    decode: Callable[[Codestream], Samples]
    needs: str = ""

    def missing(self) -> str:
        """Why it isn't available here; empty when it is."""
        module, _dot, codec = self.needs.partition(" ")
        if not module:
            return ""
        from workstation.language import _

        try:
            found = import_module(module)
        except ImportError:
            return _("{module} is not installed").format(module=module)
        if codec and not getattr(found, codec).available:
            return _("{module} was built without it").format(module=module)
        return ""


def _imagecodecs_jpeg(stream: Codestream) -> Samples:
    import imagecodecs

    if stream.pixels.samples_per_pixel != 3:
        return imagecodecs.jpeg8_decode(stream.data)
    header = jpeg_header(stream.data)
    if header is not None and not header.lossy:
        # libjpeg converts no colours of a lossless code
        return imagecodecs.jpeg8_decode(stream.data, colorspace="RGB", outcolorspace="RGB")
    # the code stream's own marker counts; without one, the header, which is wrong less often than libjpeg's guess
    ycc = header.transformed if header is not None else None
    if ycc is None:
        ycc = stream.pixels.photometric.startswith("YBR")
    return imagecodecs.jpeg8_decode(stream.data, colorspace="YCBCR" if ycc else "RGB", outcolorspace="RGB")


def _imagecodecs_ljpeg(stream: Codestream) -> Samples:
    import imagecodecs

    return imagecodecs.ljpeg_decode(stream.data)


def _imagecodecs_sof3(stream: Codestream) -> Samples:
    import imagecodecs

    return imagecodecs.jpegsof3_decode(stream.data)


def _imagecodecs_jpeg_ls(stream: Codestream) -> Samples:
    import imagecodecs

    return imagecodecs.jpegls_decode(stream.data)


def _imagecodecs_jpeg_2000(stream: Codestream) -> Samples:
    import imagecodecs

    return imagecodecs.jpeg2k_decode(stream.data, planar=False)


def _imagecodecs_htj2k(stream: Codestream) -> Samples:
    import imagecodecs

    header = jpeg_2000_header(stream.data)
    if header is not None and header.lossy:
        # OpenJPH's values beyond the range would come wrapped: white as black
        raise ValueError("values of an irreversible code are not clipped")
    return imagecodecs.htj2k_decode(stream.data, planar=False)


def _imagecodecs_jpeg_xl(stream: Codestream) -> Samples:
    import imagecodecs

    return imagecodecs.jpegxl_decode(stream.data)


def _planes(stream: Codestream, raw: bytes | bytearray, dtype: "np.dtype[Any]") -> Samples:
    samples = stream.pixels.samples_per_pixel
    planes = np.frombuffer(raw, dtype).reshape(samples, stream.rows, stream.columns)
    return planes[0] if samples == 1 else np.ascontiguousarray(planes.transpose(1, 2, 0))


def _imagecodecs_rle(stream: Codestream) -> Samples:
    import imagecodecs

    dtype = np.dtype(f"<u{stream.pixels.bits_allocated // 8}")
    return _planes(stream, imagecodecs.dicomrle_decode(stream.data, dtype), dtype)


def _pylibjpeg_rle(stream: Codestream) -> Samples:
    from rle.rle import decode_frame

    area = stream.rows * stream.columns
    try:
        raw = decode_frame(stream.data, area, stream.pixels.bits_allocated, "<")
    except BaseException as error:
        # a panic of Rust is no Exception, and would end the thread
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError(str(error)) from None
    return _planes(stream, raw, np.dtype(f"<u{stream.pixels.bits_allocated // 8}"))


def _imagecodecs_packbits(stream: Codestream) -> Samples:
    """Segment by segment (PS3.5 G.3): bears segments that are longer than the picture, as some encoders pad them."""
    import imagecodecs

    count, *starts = struct.unpack_from("<16I", stream.data)
    size, area = stream.pixels.bits_allocated // 8, stream.rows * stream.columns
    if count != size * stream.pixels.samples_per_pixel or count > 15:
        raise ValueError(f"{count} segments")
    ends = [*starts[1:count], len(stream.data)]
    planes = np.empty((stream.pixels.samples_per_pixel, area, size), np.uint8)
    for number, (start, end) in enumerate(zip(starts[:count], ends, strict=True)):
        segment = imagecodecs.packbits_decode(stream.data[start:end])
        if len(segment) < area:
            raise ValueError(f"segment {number + 1} is too short")
        # a sample's most significant byte comes first
        planes[number // size, :, size - 1 - number % size] = np.frombuffer(segment, np.uint8, area)
    return _planes(stream, planes.tobytes(), np.dtype(f"<u{size}"))


def _pylibjpeg_openjpeg(stream: Codestream) -> Samples:
    from openjpeg.utils import decode

    decoded: Samples = decode(stream.data)
    return decoded


_JPEG_LOSSY = (Decoder("imagecodecs jpeg8", _imagecodecs_jpeg, "imagecodecs JPEG8"),)
_JPEG_LOSSLESS = (
    Decoder("imagecodecs jpeg8 lossless", _imagecodecs_jpeg, "imagecodecs JPEG8"),
    Decoder("imagecodecs ljpeg", _imagecodecs_ljpeg, "imagecodecs LJPEG"),
    Decoder("imagecodecs jpegsof3", _imagecodecs_sof3, "imagecodecs JPEGSOF3"),
)
_JPEG_LS = (Decoder("imagecodecs jpegls", _imagecodecs_jpeg_ls, "imagecodecs JPEGLS"),)
_OPENJPEG = Decoder("pylibjpeg openjpeg", _pylibjpeg_openjpeg, "openjpeg")
_JPEG_2000 = (Decoder("imagecodecs jpeg2k", _imagecodecs_jpeg_2000, "imagecodecs JPEG2K"), _OPENJPEG)
_HTJ2K = (Decoder("imagecodecs htj2k", _imagecodecs_htj2k, "imagecodecs HTJ2K"), _OPENJPEG)
_RLE = (
    Decoder("imagecodecs dicomrle", _imagecodecs_rle, "imagecodecs DICOMRLE"),
    Decoder("imagecodecs packbits", _imagecodecs_packbits, "imagecodecs PACKBITS"),
    Decoder("pylibjpeg rle", _pylibjpeg_rle, "rle"),
)
_JPEG_XL = (Decoder("imagecodecs jpegxl", _imagecodecs_jpeg_xl, "imagecodecs JPEGXL"),)

DECODERS: dict[str, tuple[Decoder, ...]] = {
    uid: decoders
    for uids, decoders in (
        (ts.JPEG_BASELINE | ts.JPEG_EXTENDED | ts.JPEG_PROGRESSIVE, _JPEG_LOSSY),
        (ts.JPEG_LOSSLESS, _JPEG_LOSSLESS),
        (ts.JPEG_LS, _JPEG_LS),
        (ts.JPEG_2000, _JPEG_2000),
        (ts.HTJ2K, _HTJ2K),
        (ts.RLE, _RLE),
        (ts.JPEG_XL, _JPEG_XL),
    )
    for uid in sorted(uids)
}
