"""Look-up tables and windows as the header gives them (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.text import Header

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


@dataclass(frozen=True)
class Window:
    """A VOI window: centre and width in modality units, and the function that maps them (PS3.3 C.11.2.1.2, .3)."""

    center: float
    width: float
    function: VoiFunction = "LINEAR"
    explanation: str = ""


@dataclass(frozen=True)
class VoiTable:
    """A look-up table: input `first_mapped + n` gives entry n, inputs beyond the ends give the end entries.

    `data` holds the entries as little-endian uint16; `bits` says how many of them an entry uses.
    """

    first_mapped: int
    bits: int
    data: bytes = field(repr=False)
    explanation: str = ""

    @classmethod
    def of(
        cls, first_mapped: int, bits: int, values: Sequence[int] | NDArray[np.uint16], explanation: str = ""
    ) -> "VoiTable":
        """A table from plain entries."""
        return cls(first_mapped, bits, np.asarray(values, dtype="<u2").tobytes(), explanation)

    @property
    def values(self) -> NDArray[np.uint16]:
        """The entries, shape (n,), read-only."""
        return np.frombuffer(self.data, dtype="<u2")


@dataclass(frozen=True)
class Palette:
    """Red, green and blue tables of a PALETTE COLOR image."""

    red: VoiTable
    green: VoiTable
    blue: VoiTable


def windows_of(header: Header) -> tuple[Window, ...]:
    """All windows of a header or of a Frame VOI LUT item, in their order; widths that mean nothing are left out."""
    centers, widths = header.numbers(0x00281050), header.numbers(0x00281051)
    explanations = header.texts(0x00281055)
    named = header.text(0x00281056)
    function: VoiFunction = "LINEAR"
    if named == "LINEAR_EXACT":
        function = "LINEAR_EXACT"
    elif named == "SIGMOID":
        function = "SIGMOID"
    return tuple(
        Window(float(center), float(width), function, explanations[index] if index < len(explanations) else "")
        for index, (center, width) in enumerate(zip(centers, widths, strict=False))
        if width > 0
    )


def table_of(
    header: Header, *, signed: bool, descriptor: int = 0x00283002, data: int = 0x00283006, explanation: int = 0x00283003
) -> VoiTable | None:
    """A table from its descriptor and data; None when either is missing or the data are shorter than promised."""
    described = header.numbers(descriptor)
    raw = header.raw(data)
    if len(described) != 3 or raw is None:
        return None
    entries = int(described[0]) & 0xFFFF or 65536
    first = int(described[1])
    if signed and first > 32767:
        first -= 65536
    bits = int(described[2])
    if len(raw) >= 2 * entries:
        order = ">u2" if not header.little_endian(data) else "<u2"
        values = np.frombuffer(raw, order, entries)
    elif len(raw) >= entries and bits <= 8:
        values = np.frombuffer(raw, np.uint8, entries).astype("<u2")
    else:
        return None
    return VoiTable(first, bits, values.astype("<u2").tobytes(), header.text(explanation))


def voi_tables_of(header: Header, *, signed: bool) -> tuple[VoiTable, ...]:
    """All tables of the VOI LUT Sequence (0028,3010); `signed` is the sign of their input."""
    found = (table_of(item, signed=signed) for item in header.items(0x00283010))
    return tuple(table for table in found if table is not None)


def modality_table_of(header: Header, *, signed: bool) -> tuple[VoiTable | None, str]:
    """The Modality LUT Sequence (0028,3000) and its Modality LUT Type (0028,3004)."""
    item = header.item(0x00283000)
    if item is None:
        return None, ""
    return table_of(item, signed=signed), item.text(0x00283004)


def palette_of(header: Header) -> Palette | None:
    """The palette of a PALETTE COLOR image (PS3.3 C.7.9), or None."""
    tables = []
    for number in (1, 2, 3):
        table = table_of(header, signed=False, descriptor=0x00281100 + number, data=0x00281200 + number)
        if table is None:
            table = _segmented(header, 0x00281100 + number, 0x00281220 + number)
        if table is None:
            return None
        tables.append(table)
    return Palette(*tables)


def _segmented(header: Header, descriptor: int, data: int) -> VoiTable | None:
    """Segmented palette data (PS3.3 C.7.9.2): discrete, linear and indirect segments, expanded."""
    described, raw = header.numbers(descriptor), header.raw(data)
    if len(described) != 3 or raw is None:
        return None
    entries, bits = int(described[0]) & 0xFFFF or 65536, int(described[2])
    order = "<u2" if header.little_endian(data) else ">u2"
    words = np.frombuffer(raw, order if bits > 8 else np.uint8, len(raw) // 2 if bits > 8 else len(raw)).tolist()
    result: list[int] = []
    if not _expand(words, 0, len(words), result, nested=False) or len(result) < entries:
        return None
    return VoiTable.of(int(described[1]), bits, result[:entries])


def _expand(words: list[int], at: int, count: int, result: list[int], *, nested: bool) -> bool:
    segments = 0
    while at + 1 < len(words) and not (nested and segments >= count):
        kind, length = words[at], words[at + 1]
        if kind == 0:
            result.extend(words[at + 2 : at + 2 + length])
            at += 2 + length
        elif kind == 1 and result and at + 2 < len(words):
            start, end = result[-1], words[at + 2]
            result.extend(round(start + (end - start) * step / length) for step in range(1, length + 1))
            at += 3
        elif kind == 2 and not nested and at + 3 < len(words):
            target = words[at + 2] | words[at + 3] << 16
            if not _expand(words, target, length, result, nested=True):
                return False
            at += 4
        else:
            return False
        segments += 1
        if len(result) > 65536:
            return False
    return True
