"""What an image type says its pixels are: magnitude or phase, water or fat, a map, a projection.

Most values of Image Type (0008,0008) tell how an image was acquired or filtered; slices that differ in those are still
one volume. The ones named here change what a pixel's value means, and such slices are never mixed.
"""

from collections.abc import Iterable

LOCALIZER, MOSAIC = "LOCALIZER", "MOSAIC"

# our name of a kind, and what makers write for it (with blanks and hyphens as underscores)
_KINDS = (
    ("M", "M", "MAGNITUDE"),
    ("P", "P", "PHASE", "PHASE_MAP"),
    ("R", "R", "REAL"),
    ("I", "I", "IMAGINARY"),
    ("WATER", "W", "WATER"),
    ("FAT", "F", "FAT"),
    ("IN_PHASE", "IN", "IP", "IN_PHASE", "INPHASE"),
    ("OUT_PHASE", "OPP", "OP", "OUT_PHASE", "OPP_PHASE", "OUT_OF_PHASE", "OUTPHASE"),
    ("FAT_FRACTION", "FF", "FAT_FRACTION"),
    ("WATER_FRACTION", "WF", "WATER_FRACTION"),
    ("T1_MAP", "T1_MAP"),
    ("T2_MAP", "T2_MAP"),
    ("T2*_MAP", "T2_STAR", "T2_STAR_MAP", "T2*_MAP"),
    ("R2*_MAP", "R2_STAR", "R2_STAR_MAP", "R2*_MAP"),
    ("ADC", "ADC", "ADC_MAP"),
    ("EADC", "EADC", "EXP_ADC"),
    ("FA", "FA", "FA_MAP", "FRACTIONAL_ANISOTROPY"),
    ("TENSOR", "TENSOR", "TENSOR_B0", "COLFA"),
    ("CBF", "CBF", "RCBF", "RELCBF"),
    ("CBV", "CBV", "RCBV", "RELCBV"),
    ("MTT", "MTT", "RELMTT"),
    ("TTP", "TTP"),
    ("TMAX", "TMAX"),
    ("SUBTRACTION", "SUB", "SUBTRACTION"),
    ("PROJECTION", "MIP", "MINIP", "MAX_IP", "MIN_IP", "PROJECTION_IMAGE"),
    (MOSAIC, "MOSAIC"),
    (LOCALIZER, "LOCALIZER"),
)
_KIND_OF = {value: row[0] for row in _KINDS for value in row[1:]}
# Philips writes the sequence behind the component: M_SE, P_FFE
_COMPONENTS = ("M_", "P_", "R_", "I_")


def kinds_of(image_type: tuple[str, ...], component: str = "") -> tuple[str, ...]:
    """The kinds named by an image type from its third value on (PS3.3 C.7.6.1.1.2), sorted, and a complex component."""
    return tuple(sorted(set(_named([*image_type[2:], component]))))


def _named(values: Iterable[str]) -> Iterable[str]:
    for value in values:
        written = value.strip().upper().replace(" ", "_").replace("-", "_")
        kind = _KIND_OF.get(written)
        if kind is None and written.startswith(_COMPONENTS):
            kind = _KIND_OF.get(written[0])
        if kind is not None:
            yield kind
