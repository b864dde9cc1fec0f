"""Transfer syntaxes by what their pixel data are (PS3.5 A.4, PS3.6 A-1).

What is decoded stands in groups; what is not stands in tables that say what it is, for the refusal's sake.
"""

_JPEG = "1.2.840.10008.1.2.4."

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

NATIVE = frozenset((IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED))
RLE = frozenset(("1.2.840.10008.1.2.5",))
JPEG_BASELINE = frozenset((_JPEG + "50",))
JPEG_EXTENDED = frozenset((_JPEG + "51",))
JPEG_PROGRESSIVE = frozenset((_JPEG + "53", _JPEG + "55"))
JPEG_LOSSLESS = frozenset((_JPEG + "57", _JPEG + "70"))
JPEG_LS = frozenset((_JPEG + "80", _JPEG + "81"))
JPEG_2000 = frozenset((_JPEG + "90", _JPEG + "91"))
HTJ2K = frozenset((_JPEG + "201", _JPEG + "202", _JPEG + "203"))
JPEG_XL = frozenset((_JPEG + "110", _JPEG + "111", _JPEG + "112"))

VIDEO: dict[str, str] = {
    _JPEG + number: kind
    for kind, numbers in (
        ("MPEG-2", ("100", "100.1", "101", "101.1")),
        ("MPEG-4 AVC/H.264", ("102", "102.1", "103", "103.1", "104", "104.1", "105", "105.1", "106", "106.1")),
        ("HEVC/H.265", ("107", "108")),
    )
    for number in numbers
} | {f"1.2.840.10008.1.2.7.{number}": f"SMPTE ST 2110-{part}" for number, part in ((1, 20), (2, 20), (3, 30))}
"""Videos and what kind each is: one stream holds all frames."""

UNDECODED: dict[str, str] = {
    **dict.fromkeys((_JPEG + number for number in ("52", "54", "56", "58")), "arithmetic JPEG"),
    **dict.fromkeys((_JPEG + str(number) for number in range(59, 67)), "hierarchical JPEG"),
    **dict.fromkeys((_JPEG + "92", _JPEG + "93"), "JPEG 2000 Part 2"),
    **dict.fromkeys((_JPEG + number for number in ("94", "95", "204", "205")), "JPIP"),
    "1.2.840.10008.1.2.1.98": "encapsulated uncompressed",
    "1.2.840.10008.1.2.8.1": "deflated frames",
}
"""Compressed frames that nothing here decodes, and what they are; the JPEG ones are retired."""

JPEG = JPEG_BASELINE | JPEG_EXTENDED | JPEG_PROGRESSIVE | JPEG_LOSSLESS
ENCAPSULATED = RLE | JPEG | JPEG_LS | JPEG_2000 | HTJ2K | JPEG_XL | frozenset(VIDEO) | frozenset(UNDECODED)
