"""Transfer syntaxes by what their pixel data are (PS3.5 A.4, PS3.6 A-1)."""

_JPEG = "1.2.840.10008.1.2.4."

NATIVE = frozenset(("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"))
RLE = frozenset(("1.2.840.10008.1.2.5",))
JPEG_BASELINE = frozenset((_JPEG + "50",))
JPEG_EXTENDED = frozenset((_JPEG + "51",))
JPEG_PROGRESSIVE = frozenset((_JPEG + "53", _JPEG + "55"))
JPEG_LOSSLESS = frozenset((_JPEG + "57", _JPEG + "70"))
JPEG_LS = frozenset((_JPEG + "80", _JPEG + "81"))
JPEG_2000 = frozenset((_JPEG + "90", _JPEG + "91"))
HTJ2K = frozenset((_JPEG + "201", _JPEG + "202", _JPEG + "203"))
JPEG_XL = frozenset((_JPEG + "110", _JPEG + "111", _JPEG + "112"))
VIDEO = frozenset(
    _JPEG + number
    for number in ("100", "100.1", "101", "101.1", "102", "102.1", "103", "103.1", "104", "104.1", "105", "105.1",
                   "106", "106.1", "107", "108")
)  # fmt: skip

JPEG = JPEG_BASELINE | JPEG_EXTENDED | JPEG_PROGRESSIVE | JPEG_LOSSLESS
ENCAPSULATED = RLE | JPEG | JPEG_LS | JPEG_2000 | HTJ2K | JPEG_XL | VIDEO
