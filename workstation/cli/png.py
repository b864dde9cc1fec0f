"""8-bit pictures as PNG files (ISO/IEC 15948), without a toolkit.

Only what a rendered picture needs: grey or RGB, no interlacing, and no text chunks that could carry a name.
"""

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_UP = 2


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture of shape (rows, columns), grey, or (rows, columns, 3), RGB."""
    rows, columns = pixels.shape[:2]
    lines: NDArray[Any] = pixels.reshape(rows, -1)
    # each line as its difference to the one above: smooth pictures become half as large
    filtered = np.empty((rows, lines.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = lines[0]
    filtered[1:, 1:] = lines[1:] - lines[:-1]
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
