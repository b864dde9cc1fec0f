"""Which breast and which view a mammogram shows, from codes before texts (PS3.3 C.8.11.7, PS3.16 CID 4014, 4015).

A medio-lateral view is not a medio-lateral oblique one;
the text in View Position is believed only where no code says more.
"""

from dataclasses import dataclass

from workstation.dicom.text import Header

# SNOMED CT, and SNOMED RT as older devices write it (schemes SRT, SNM3, 99SDM)
_VIEWS = {
    "399162004": "CC", "R-10242": "CC",
    "399192008": "XCCL", "R-1024A": "XCCL",
    "399101009": "XCCM", "R-1024B": "XCCM",
    "399196006": "FB", "R-10244": "FB",
    "399368009": "MLO", "R-10226": "MLO",
    "399099002": "LMO", "R-10230": "LMO",
    "399188001": "SIO", "R-102D0": "SIO",
    "441555000": "ISO",
    "399260004": "ML", "R-10224": "ML",
    "399352003": "LM", "R-10228": "LM",
    "127457009": "specimen", "G-8310": "specimen",
}  # fmt: skip
_MODIFIERS = {
    "399163009": "magnification", "R-102D6": "magnification",
    "399055006": "spot", "R-102D7": "spot",
    "399209000": "implant displaced", "R-102D5": "implant displaced",
    "399161006": "cleavage", "R-102D2": "cleavage",
    "399011000": "axillary tail", "R-102D1": "axillary tail",
    "399110001": "tangential", "R-102C2": "tangential",
    "399197002": "rolled lateral", "R-102D3": "rolled lateral",
    "399226006": "rolled medial", "R-102D4": "rolled medial",
}  # fmt: skip
_TEXTS = frozenset(_VIEWS.values()) - {"specimen"}


@dataclass(frozen=True)
class MammographyView:
    """`laterality` is R, L, B or "". `view` is the usual letters (CC, MLO, ML …), "" when unknown.

    `modifiers` are plain English names of CID 4015.
    """

    laterality: str = ""
    view: str = ""
    modifiers: tuple[str, ...] = ()
    implant: bool = False
    partial: bool = False

    @property
    def name(self) -> str:
        """As a film is marked: `R MLO`."""
        return " ".join(part for part in (self.laterality, self.view) if part)


def mammography_of(header: Header) -> MammographyView | None:
    """The view of a mammogram or a breast tomosynthesis; None for any other image."""
    if header.text(0x00080060) != "MG":
        return None
    view = header.item(0x00540220)
    codes = [item.text(0x00080100) for item in view.items(0x00540222)] if view is not None else []
    return MammographyView(
        laterality=laterality_of(header),
        view=(_VIEWS.get(view.text(0x00080100), "") if view is not None else "") or _by_text(header.text(0x00185101)),
        modifiers=tuple(_MODIFIERS[code] for code in codes if code in _MODIFIERS),
        implant=header.text(0x00281300) == "YES",
        partial=header.text(0x00281350) == "YES",
    )


def laterality_of(header: Header) -> str:
    """Image Laterality (0020,0062), else Frame Laterality (0020,9072), else the series' Laterality (0020,0060)."""
    shared = header.item(0x52009229)
    anatomy = shared.item(0x00209071) if shared is not None else None
    frame = anatomy.text(0x00209072) if anatomy is not None else ""
    return header.text(0x00200062) or frame or header.text(0x00200060)


def _by_text(text: str) -> str:
    written = text.strip().upper()
    return written if written in _TEXTS else ""
