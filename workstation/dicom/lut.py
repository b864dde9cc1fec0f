"""Look-up tables and windows as the header gives them (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.segmented_lut import expanded
from workstation.dicom.text import Header

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


@dataclass(frozen=True)
class Window:
    """A VOI window: centre and width in modality units, and the function that maps them (PS3.3 C.11.2.1.2, .3)."""

    center: float
    width: float
    function: VoiFunction = "LINEAR"
    explanation: str = ""

    def moved(self, ratio: float, shift: float) -> "Window":
        """The same greys over values that are `ratio` (above 0) times as large, and then `shift` higher."""
        window = self
        if self.function == "LINEAR":
            # the half and the one of LINEAR are in its own units: only the exact form can be scaled
            width = max(max(self.width, 1.0) - 1.0, 1e-6)
            window = replace(self, center=self.center - 0.5, width=width, function="LINEAR_EXACT")
        return replace(window, center=window.center * ratio + shift, width=window.width * ratio)


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

    def entries_for(self, inputs: NDArray[Any]) -> NDArray[np.uint16]:
        """The entry for each input, the same shape; inputs are whole numbers, signed or float, of any range."""
        entries = self.values
        at: NDArray[np.intp] = np.clip(inputs - self.first_mapped, 0, len(entries) - 1).astype(np.intp)
        return entries[at]


BROKEN_TABLE = VoiTable(0, 0, b"")
"""Stands for a modality LUT that is there and can't be read: without it the stored values mean nothing."""


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
    described = _described(header, descriptor, signed=signed)
    raw = header.raw(data)
    if described is None or raw is None:
        return None
    entries, first, bits = described
    if not 1 <= bits <= 16:
        return None
    if len(raw) >= 2 * entries:
        order = ">u2" if not header.little_endian else "<u2"
        values = np.frombuffer(raw, order, entries)
    elif len(raw) >= entries and bits <= 8:
        values = np.frombuffer(_packed_bytes(header, data, raw), np.uint8, entries).astype("<u2")
    else:
        return None
    return VoiTable(first, bits, values.astype("<u2").tobytes(), header.text(explanation))


def _described(header: Header, descriptor: int, *, signed: bool) -> tuple[int, int, int] | None:
    """Entries, first mapped value and bits an entry (PS3.3 C.11.1.1.1): the value has the sign of the table's input.

    The element's value representation is US or SS, and often the wrong one: the input's sign counts.
    """
    described = header.numbers(descriptor)
    if len(described) != 3:
        return None
    first = int(described[1])
    if signed and first > 32767:
        first -= 65536
    elif not signed and first < 0:
        first += 65536
    return int(described[0]) & 0xFFFF or 65536, first, int(described[2])


def _packed_bytes(header: Header, data: int, raw: bytes) -> bytes:
    """8-bit entries in their order: in big-endian words each two stand the other way round."""
    if header.little_endian:
        return raw
    return np.frombuffer(raw, np.uint8, len(raw) // 2 * 2).reshape(-1, 2)[:, ::-1].tobytes()


def voi_tables_of(header: Header, *, signed: bool) -> tuple[VoiTable, ...]:
    """All tables of the VOI LUT Sequence (0028,3010); `signed` is the sign of their input."""
    found = (table_of(item, signed=signed) for item in header.items(0x00283010))
    return tuple(table for table in found if table is not None)


def modality_table_of(header: Header, *, signed: bool) -> tuple[VoiTable | None, str]:
    """The Modality LUT Sequence (0028,3000) and its Modality LUT Type (0028,3004); `BROKEN_TABLE` for one in pieces."""
    item = header.item(0x00283000)
    if item is None:
        return None, ""
    return table_of(item, signed=signed) or BROKEN_TABLE, item.text(0x00283004)


def segmented_table_of(header: Header, descriptor: int, data: int, *, signed: bool) -> VoiTable | None:
    """A table from segmented data (PS3.3 C.7.9.2); None when they don't expand to the entries promised."""
    described, raw = _described(header, descriptor, signed=signed), header.raw(data)
    if described is None or raw is None:
        return None
    entries, first, bits = described
    if bits > 8:
        order = "<u2" if header.little_endian else ">u2"
        units = np.frombuffer(raw, order, len(raw) // 2).tolist()
    else:
        units = list(_packed_bytes(header, data, raw))
    values = expanded(units, entries, wide=bits > 8)
    return None if values is None else VoiTable.of(first, bits, values)


def palette_of(header: Header, *, signed: bool = False) -> Palette | None:
    """The palette of a PALETTE COLOR image (PS3.3 C.7.9), or None. `signed` is the sign of the image's values."""
    tables = []
    for number in (1, 2, 3):
        table = table_of(header, signed=signed, descriptor=0x00281100 + number, data=0x00281200 + number)
        if table is None:
            table = segmented_table_of(header, 0x00281100 + number, 0x00281220 + number, signed=signed)
        if table is None:
            return None
        tables.append(table)
    return Palette(*tables)
