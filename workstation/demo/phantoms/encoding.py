"""Frames into the bytes of a transfer syntax, and files into the cache.

`imagecodecs` writes lossless JPEG with predictor 6, which is process 14 (1.2.840.10008.1.2.4.57); it can't write the
selection value 1 that .70 demands. Its JPEG-LS and HTJ2K streams always say 16 bits; see `bits_stored`.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

Frame = NDArray[np.uint16]

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"
RLE = "1.2.840.10008.1.2.5"

IMPLEMENTATION = "2.25.232893341063372254961640118413379420137"


def _jpeg_lossless(frame: Frame, bits: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.ljpeg_encode(frame, bitspersample=bits))


def _jpeg_ls(frame: Frame, bits: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegls_encode(frame))


def _jpeg_2000(frame: Frame, bits: int) -> bytes:
    import imagecodecs

    return bytes(
        imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k", reversible=True, bitspersample=bits, numthreads=1)
    )


def _htj2k(frame: Frame, bits: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.htj2k_encode(frame, reversible=True))


def _rle(frame: Frame, bits: int) -> bytes:
    from rle.utils import encode_pixel_data

    rows, columns = frame.shape
    plain = frame.astype("<u2").tobytes()
    return bytes(
        encode_pixel_data(plain, byteorder="<", rows=rows, columns=columns, samples_per_pixel=1, bits_allocated=16)
    )


ENCODERS: dict[str, Callable[[Frame, int], bytes]] = {
    JPEG_LOSSLESS: _jpeg_lossless,
    JPEG_LS: _jpeg_ls,
    JPEG_2000: _jpeg_2000,
    HTJ2K: _htj2k,
    RLE: _rle,
}


def bits_stored(bits: int, syntax: str) -> int:
    """BitsStored for values of `bits` bits, so that header and codestream say the same."""
    return 16 if syntax in (JPEG_LS, HTJ2K) else bits


def save(dataset: Dataset, frame: Frame, syntax: str, path: Path) -> None:
    """Write one single-frame object; `frame` holds unsigned values below 2 ** BitsStored."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = "IRIS_PHANTOM_1"
    dataset.file_meta = meta
    dataset.add_new("PixelData", "OW", b"")
    if syntax == EXPLICIT:
        dataset["PixelData"].value = frame.astype("<u2").tobytes()
    else:
        dataset["PixelData"].value = encapsulate([ENCODERS[syntax](frame, int(dataset.BitsStored))], has_bot=True)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
