"""`python -m benchmarks.conformance [PATH…]`: is each image what others make of it, or refused for a true reason?

Each file goes through `render --raw`; its values are compared with those of GDCM, dcmtk or pydicom, exactly where the
coding is lossless. What we don't read is given to the others: a reason is true when none of them reads it either, or
when the conformance statement excludes its kind. The table goes into docs/conformance.md with --write.
"""

import argparse
import math
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import UID

from benchmarks.references import CannotRead, Judges, Values, rescale
from workstation.cli.inputs import Input
from workstation.cli.rendering import Outcome, Render, View

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "conformance.md"
BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"

_J = "1.2.840.10008.1.2.4."
_NO_PICTURE = "no picture"
_VIDEO = tuple(_J + n for n in ("100", "101", "102", "103", "104", "105", "106", "107", "108"))

# codings whose inverse transforms are defined to a tolerance only: right decoders differ by one stored value
_DCT = tuple(_J + n for n in ("50", "51", "53", "55"))
_WAVELET = tuple(_J + n for n in ("91", "203"))


@dataclass(frozen=True)
class Verdict:
    """What became of one file."""

    path: Path
    syntax: str
    kind: str
    status: str
    judge: str = ""
    difference: float = 0.0
    trouble: str = ""
    disagree: str = ""


@dataclass
class Row:
    """A line of the table."""

    files: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    judges: Counter[str] = field(default_factory=Counter)
    difference: float = 0.0


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 when a file is neither right nor refused for a true reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformance", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="files and folders; without them pydicom's and shared data")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.name}")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    began = perf_counter()
    verdicts = examined(list(_files(options.paths or default_paths())))
    report = table(verdicts)
    print(report)
    print(f"\n{perf_counter() - began:.0f} s")
    for verdict in verdicts:
        if verdict.disagree:
            print(f"judges disagree: {verdict.path}: {verdict.disagree}", file=sys.stderr)
    wrong = [verdict for verdict in verdicts if verdict.trouble]
    for verdict in wrong:
        print(f"WRONG: {verdict.path}: {verdict.trouble}", file=sys.stderr)
    if options.write:
        written(report)
    return 1 if wrong else 0


def default_paths() -> list[Path]:
    """pydicom's own test files, and the shared ones where they are."""
    from pydicom.data import get_testdata_files

    shared = ROOT.parent / "shared" / "data"
    return [*map(Path, get_testdata_files()), *([shared] if shared.is_dir() else [])]


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.is_file())


def examined(files: list[Path]) -> list[Verdict]:
    """A verdict for each file that claims to be DICOM."""
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="iris-conformance-") as name:
        folder = Path(name)
        judges = Judges(folder)
        render = Render(folder, True, None, View())
        try:
            for number, path in enumerate(files):
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r{number + 1} / {len(files)}\033[K")
                verdicts.append(_examined(path, render, judges))
        finally:
            judges.close()
    return [verdict for verdict in verdicts if verdict.status != "foreign"]


def _examined(path: Path, render: Render, judges: Judges) -> Verdict:
    data = path.read_bytes()
    outcome = render.image(Input(str(path), lambda: data))
    header = _header(path)
    syntax = outcome.transfer_syntax or _syntax(header)
    if outcome.status != "ok":
        verdict = _refused(path, outcome, syntax, header, judges)
        foreign = header is None and data[128:132] != b"DICM" and not verdict.trouble
        return replace(verdict, status="foreign") if foreign else verdict
    assert isinstance(outcome.output, str)
    ours = np.load(outcome.output, mmap_mode="r")
    try:
        return _compared(path, ours, outcome, header, judges)
    finally:
        del ours
        Path(outcome.output).unlink()


def _header(path: Path) -> Dataset | None:
    try:
        return dcmread(path, stop_before_pixels=True)
    except Exception:  # noqa: BLE001 - whatever pydicom raises for a broken file
        return None


def _nameless(path: Path) -> bool:
    """Whether it is an image that nothing can refer to: older than DICOM (ACR-NEMA), or stripped of its UIDs."""
    try:
        forced = dcmread(path, force=True, stop_before_pixels=True)
    except Exception:  # noqa: BLE001 - as above
        return False
    return "Rows" in forced and not forced.get("SOPInstanceUID")


def _syntax(header: Dataset | None) -> str:
    return "" if header is None else str(header.file_meta.get("TransferSyntaxUID", ""))


def _kind(header: Dataset) -> str:
    bits = f"{header.get('BitsStored', '?')} of {header.get('BitsAllocated', '?')} bits"
    for keyword in ("FloatPixelData", "DoubleFloatPixelData"):
        if keyword in header:
            bits = "float" if keyword == "FloatPixelData" else "double"
    sign = ", signed" if header.get("PixelRepresentation") == 1 else ""
    return f"{header.get('PhotometricInterpretation', '?')}, {bits}{sign}"


def _refused(path: Path, outcome: Outcome, syntax: str, header: Dataset | None, judges: Judges) -> Verdict:
    """A reason is true when nobody else makes a picture of the file, or the kind is excluded by the statement."""
    kind = _NO_PICTURE
    if syntax in _VIDEO:
        return Verdict(path, syntax, "video", outcome.status)
    if header is None and _nameless(path):
        return Verdict(path, syntax, "no SOP Instance UID", outcome.status)
    if header is not None and "Rows" in header:
        header = dcmread(path)
        if any(keyword in header for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
            kind = _kind(header)
    for name in judges.NAMES:
        try:
            shape = judges.values(name, path, header).shape
        except CannotRead:
            continue
        trouble = f"{outcome.status} ({outcome.message}), but {name} reads {shape}"
        return Verdict(path, syntax, kind, outcome.status, name, trouble=trouble)
    return Verdict(path, syntax, kind, outcome.status, "nobody reads it")


def _compared(
    path: Path, ours: NDArray[np.generic], outcome: Outcome, header: Dataset | None, judges: Judges
) -> Verdict:
    """The first judge that agrees makes it right; those before it disagree with that one, and that is told."""
    allowed = tolerance(outcome.transfer_syntax)
    kind = "(a header that pydicom can't read)" if header is None else _kind(header)
    said: list[str] = []
    for name in judges.NAMES:
        try:
            theirs = as_slices(judges.values(name, path, header), header, len(ours))
        except CannotRead as error:
            said.append(f"{name}: {error}")
            continue
        difference = greatest(ours, theirs, header)
        if difference is not None and difference <= allowed:
            disagree = "; ".join(s for s in said if "differs" in s)
            return Verdict(
                path,
                outcome.transfer_syntax,
                kind,
                "ok",
                name,
                difference,
                disagree=disagree and f"{disagree}; {name} agrees",
            )
        far = f"shape {theirs.shape}" if difference is None else f"by {difference:g}"
        said.append(f"{name} differs {far}")
    return Verdict(path, outcome.transfer_syntax, kind, "wrong", trouble="; ".join(said))


def tolerance(syntax: str) -> float:
    """The greatest difference in stored values that two right decoders of a coding may have."""
    return 1 if syntax in _DCT or syntax in _WAVELET else 0


def as_slices(stored: Values, header: Dataset | None, count: int) -> Values:
    """A mosaic as its slices, row by row of a square grid; anything else, and one that doesn't divide, as it is."""
    if header is None or "MOSAIC" not in header.get("ImageType", ()) or len(stored) != 1 or count < 2:
        return stored
    across = math.isqrt(count - 1) + 1
    rows, columns = stored.shape[1] // across, stored.shape[2] // across
    if stored.shape[1:] != (across * rows, across * columns):
        return stored
    return stored.reshape(across, rows, across, columns).swapaxes(1, 2).reshape(-1, rows, columns)[:count]


def greatest(ours: NDArray[np.generic], theirs: Values, header: Dataset | None) -> float | None:
    """The greatest difference in stored values; None when shapes differ."""
    if ours.shape != theirs.shape:
        return None
    most = 0.0
    for frame in range(len(ours)):
        slope = 1.0 if header is None else abs(rescale(header, frame)[0]) or 1.0
        away = np.abs(ours[frame].astype(np.float64) - theirs[frame].astype(np.float64))
        both = np.isnan(ours[frame].astype(np.float64)) & np.isnan(theirs[frame].astype(np.float64))
        away[both] = 0
        largest = float(away.max(initial=0))
        most = max(most, float("inf") if np.isnan(largest) else largest / slope)
    return most


def table(verdicts: list[Verdict]) -> str:
    """Markdown: a line for each transfer syntax and kind of image, and what has no picture."""
    rows: dict[tuple[str, str], Row] = {}
    for verdict in verdicts:
        if verdict.kind == _NO_PICTURE:
            continue
        row = rows.setdefault((verdict.syntax, verdict.kind), Row())
        row.files += 1
        row.statuses[verdict.status] += 1
        if verdict.judge:
            row.judges[verdict.judge] += 1
        if verdict.status == "ok":
            row.difference = max(row.difference, verdict.difference)
    lines = [
        "| transfer syntax | image | files | equal | refused | unreadable | judge | difference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (syntax, kind), row in sorted(rows.items(), key=lambda entry: (_order(entry[0][0]), entry[0][1])):
        judged = ", ".join(sorted(row.judges))
        counts = [row.statuses[status] or "" for status in ("ok", "refused", "unreadable")]
        wrong = row.statuses["wrong"]
        difference = f"**{wrong} wrong**" if wrong else f"{row.difference:g}" if row.statuses["ok"] else ""
        cells = [_name(syntax), kind, row.files, *counts, judged, difference]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    without = Counter(verdict.status for verdict in verdicts if verdict.kind == _NO_PICTURE)
    images = sum(row.files for row in rows.values())
    right = sum(row.statuses["ok"] for row in rows.values())
    told = [f"{images} images: {right} equal, {images - right} refused or unreadable"]
    told.append(f"{sum(without.values())} more DICOM files hold no picture: {without['refused']} are of a kind without")
    told[-1] += f" one, {without['unreadable']} have lost their pixels or are damaged otherwise"
    return "\n".join([*lines, "", ". ".join(told) + "."])


def _order(syntax: str) -> tuple[int, ...]:
    return tuple(int(part) for part in syntax.split(".") if part.isdecimal())


def _name(syntax: str) -> str:
    """The standard's name, without what it says in brackets and behind commas, and the last number of the UID."""
    if not syntax:
        return "not said"
    name = UID(syntax).name.split(" (")[0].split(", ")[0].removesuffix(" Image Compression")
    return f"{name} (.{syntax.rsplit('.', 1)[1]})" if syntax.startswith(_J) else name


def written(report: str) -> None:
    """Put the table between its marks in the conformance statement."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _old, after = rest.split(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{report}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
