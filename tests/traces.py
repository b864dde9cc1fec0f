"""What a patient leaves behind in files: names and numbers in every spelling, sentences, runs of pixels."""

import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import generate_frames

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "cp1251", "iso8859_5", "koi8_r", "cp866", "unicode_escape")
SHORTEST = 6
RUN = 64
_LATIN = dict(zip("абвгдеёзийклмнопрстуфыэ", "abvgdeeziyklmnoprstufye", strict=True)) | {
    "ж": "zh",
    "х": "kh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ъ": "",
    "ь": "",
    "ю": "yu",
    "я": "ya",
}


@dataclass(frozen=True)
class Trace:
    """What is looked for: its kind, and the bytes."""

    kind: str
    needle: bytes


def of_person(header: pydicom.Dataset) -> list[Trace]:
    """Name, number, date of birth and accession number of a DICOM header, as files of any kind might spell them."""
    name, birth = str(header.PatientName), str(header.PatientBirthDate)
    family, given, *middle = name.split("^")
    words = {
        "name": (family, given, *middle, f"{family}^{given}"),
        "number": (str(header.PatientID),),
        "birth date": (birth, f"{birth[:4]}-{birth[4:6]}-{birth[6:]}", f"{birth[6:]}.{birth[4:6]}.{birth[:4]}"),
        "accession number": (str(header.AccessionNumber),),
    }
    return [trace for kind, texts in words.items() for text in texts for trace in of_words(kind, text)]


def of_words(kind: str, text: str) -> list[Trace]:
    """A text in each case and encoding, escaped for addresses, and in Latin letters, as machines spell names."""
    forms = (text, text.upper(), text.lower(), latin(text), latin(text).upper(), latin(text).title())
    quoted = Trace(kind, urllib.parse.quote(text).encode())
    return [quoted, *(trace for form in dict.fromkeys(forms) for trace in _spelled(kind, form))]


def latin(text: str) -> str:
    """A Russian text in Latin letters, in lower case."""
    return "".join(_LATIN.get(letter, letter) for letter in text.lower())


def of_sentences(sentences: Iterable[str]) -> list[Trace]:
    """Each sentence's beginning, long enough to be no accident."""
    return [trace for text in sentences for trace in _spelled("sentence", text[:24])]


def of_pixels(files: Sequence[Path], every: int) -> list[Trace]:
    """Runs of stored pixel bytes out of every so many files: rows as they are, or the middle of a compressed frame."""
    found = []
    for file in files[every // 2 :: every]:
        ds = pydicom.dcmread(file)
        compressed = ds.file_meta.TransferSyntaxUID.is_compressed
        data = next(generate_frames(ds.PixelData, number_of_frames=1)) if compressed else ds.PixelData
        kind = "compressed pixels" if compressed else "pixels"
        runs = (data[at : at + RUN] for at in range(len(data) // 4, len(data) - RUN, len(data) // 7))
        found += [Trace(kind, run) for run in runs if len(set(run)) > RUN // 4][:3]
    return found


def of_every_pixel(kind: str, data: bytes) -> list[Trace]:
    """Blocks of pixel bytes so that each run of 64 bytes of them, wherever it begins, has one whole."""
    half = RUN // 2
    blocks = (data[at : at + half] for at in range(0, len(data) - half + 1, half))
    return [Trace(kind, block) for block in blocks if len(set(block)) > half // 4]


def search(files: Iterable[Path], traces: Sequence[Trace], root: Path) -> Mapping[Trace, str]:
    """Each trace that is in one of the files or in their names, with the first such file below `root`."""
    needles = list(dict.fromkeys(traces))
    begins = [_table(trace.needle[at : at + 2] for trace in needles) for at in (0, 2)]
    of_beginning: dict[bytes, list[Trace]] = {}
    for trace in needles:
        of_beginning.setdefault(trace.needle[:4], []).append(trace)
    found: dict[Trace, str] = {}
    for file in files:
        place = str(file.relative_to(root))
        content = place.encode() + b"\n" + file.read_bytes()
        for at in _candidates(content, begins):
            for trace in of_beginning.get(content[at : at + 4], ()):
                if content.startswith(trace.needle, at):
                    found.setdefault(trace, place)
    return found


def _candidates(content: bytes, begins: Sequence[NDArray[np.bool_]]) -> list[int]:
    """Where two pairs of bytes are such as a needle begins with: one place in 100 000 of random bytes."""
    data = np.frombuffer(content, np.uint8)
    pairs = (data[:-1].astype(np.uint16) << 8) | data[1:]
    places = np.flatnonzero(begins[0][pairs[:-2]])
    return [int(place) for place in places[begins[1][pairs[places + 2]]]]


def _table(pairs: Iterable[bytes]) -> NDArray[np.bool_]:
    table = np.zeros(1 << 16, np.bool_)
    for pair in pairs:
        table[int.from_bytes(pair, "big")] = True
    return table


def files_below(*folders: Path) -> Iterator[Path]:
    """Every plain file below the folders."""
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _spelled(kind: str, text: str) -> list[Trace]:
    made = []
    for encoding in ENCODINGS:
        try:
            needle = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        if len(needle) >= SHORTEST:
            made.append(Trace(kind, needle))
    return made
