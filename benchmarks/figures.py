"""What a benchmark hands over: samples of ours and of a peer from the same run, and the aim."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Statistic = Literal["median", "p95", "most"]
_NAMES = {"median": "", "p95": ", p95", "most": ", longest"}


@dataclass(frozen=True)
class Figure:
    """One measurement. Times are milliseconds; `aim` is the most that `statistic` of `ours` may be."""

    work: str
    ours: tuple[float, ...]
    aim: float | None = None
    unit: str = "ms"
    statistic: Statistic = "median"
    peer: str = ""
    theirs: tuple[float, ...] = ()
    note: str = ""

    @property
    def value(self) -> float:
        return summary(self.ours, self.statistic)

    @property
    def ratio(self) -> float | None:
        """Ours to the peer's, the same statistic of both."""
        return self.value / summary(self.theirs, self.statistic) if self.theirs else None

    @property
    def met(self) -> bool | None:
        return None if self.aim is None else self.value <= self.aim

    def plain(self) -> dict[str, Any]:
        """The figure for JSON, samples included."""
        return {
            "work": self.work,
            "unit": self.unit,
            "statistic": self.statistic,
            "value": self.value,
            "samples": list(self.ours),
            "peer": self.peer,
            "peer_samples": list(self.theirs),
            "ratio": self.ratio,
            "aim": self.aim,
            "met": self.met,
            "note": self.note,
        }


@dataclass
class Report:
    """The figures of a run and the machine they are from."""

    machine: str
    figures: list[Figure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add(self, figures: Iterable[Figure]) -> None:
        self.figures += figures

    def table(self) -> str:
        """Markdown that reads well in a terminal too."""
        header = ("work", "ours (min–max)", "peer", "peer's (min–max)", "ratio", "aim", "")
        rows = [header, *(_row(figure) for figure in self.figures)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([self.machine, "", *lines, *(f"\nleft out: {what}" for what in self.left_out)])

    def json(self) -> str:
        plain = {"machine": self.machine, "figures": [f.plain() for f in self.figures], "left_out": self.left_out}
        return json.dumps(plain, indent=1, ensure_ascii=False)


def summary(values: Sequence[float], statistic: Statistic) -> float:
    """The statistic of samples; p95 is the nearest rank."""
    if statistic == "median":
        return statistics.median(values)
    ordered = sorted(values)
    return ordered[-1] if statistic == "most" else ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def _row(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    verdict = {None: "", True: "met", False: "missed"}[figure.met]
    aim = "" if figure.aim is None else f"≤ {figure.aim:g} {figure.unit}"
    return (
        figure.work + _NAMES[figure.statistic],
        _spread(figure.ours, figure),
        figure.peer,
        _spread(figure.theirs, figure) if figure.theirs else "",
        ratio,
        aim,
        verdict,
    )


def _spread(values: Sequence[float], figure: Figure) -> str:
    value, low, high = summary(values, figure.statistic), min(values), max(values)
    if len(values) == 1:
        return f"{_number(value)} {figure.unit}"
    return f"{_number(value)} {figure.unit} ({_number(low)}–{_number(high)})"


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
