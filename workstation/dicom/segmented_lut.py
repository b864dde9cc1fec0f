"""Segmented palette data (PS3.3 C.7.9.2) to plain entries: discrete, linear and indirect segments.

An indirect segment's offset is one of bytes by the standard, and one of entries in files that some programs wrote and
read. The number of entries that the descriptor promises tells which is meant.
"""

_MOST_SEGMENTS = 1 << 17


class _Broken(Exception):
    """The segments mean nothing."""


def expanded(units: list[int], entries: int, *, wide: bool) -> list[int] | None:
    """Exactly `entries` values from units of 16 bits (`wide`) or 8; None when the segments don't give as many."""
    for bytes_a_unit in (2, 1) if wide else (1,):
        expansion = _Expansion(units, entries, bytes_a_unit, wide=wide)
        try:
            expansion.run()
        except _Broken:
            continue
        if len(expansion.values) == entries:
            return expansion.values
    return None


class _Expansion:
    """One walk over the segments."""

    def __init__(self, units: list[int], entries: int, bytes_a_unit: int, *, wide: bool) -> None:
        self.values: list[int] = []
        self._units = units
        self._entries = entries
        self._bytes_a_unit = bytes_a_unit
        self._wide = wide
        self._segments = 0

    def run(self) -> None:
        """Expand all segments; a unit of padding may be left behind them."""
        at = 0
        while at + 1 < len(self._units) and len(self.values) < self._entries:
            at = self._segment(at, nested=False)

    def _segment(self, at: int, *, nested: bool) -> int:
        """Expand the segment at a place; the place behind it."""
        units = self._units
        self._segments += 1
        if at + 2 >= len(units) or self._segments > _MOST_SEGMENTS:
            raise _Broken
        kind, length = units[at], units[at + 1]
        at += 2
        if kind == 0:
            self.values.extend(units[at : at + length])
            return at + length
        if kind == 1:
            self._line(units[at], length)
            return at + 1
        if kind == 2 and not nested:
            size = 2 if self._wide else 4
            offset = sum(unit << (16 if self._wide else 8) * n for n, unit in enumerate(units[at : at + size]))
            self._copy(offset, length)
            return at + size
        raise _Broken

    def _line(self, end: int, length: int) -> None:
        """From the value before to `end` in equal steps; the first entry is one step away from it."""
        if not self.values or length > self._entries:
            raise _Broken
        start = self.values[-1]
        self.values.extend(round(start + (end - start) * step / length) for step in range(1, length + 1))

    def _copy(self, offset: int, count: int) -> None:
        """Expand once more `count` segments from an offset on."""
        if offset % self._bytes_a_unit or not self.values:
            raise _Broken
        at = offset // self._bytes_a_unit
        for _segment in range(count):
            at = self._segment(at, nested=True)
            if len(self.values) > self._entries:
                raise _Broken
