"""Searches folders for what must not lie there in the clear: texts in any usual encoding, and runs of pixels."""

import json
import os
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ENCODINGS = ("utf-8", "cp1251", "utf-16-le", "utf-16-be", "koi8-r", "iso8859-5", "cp866")
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
_RUN = 64


def latin(text: str) -> str:
    """A Russian text in Latin letters, as passports and file names have it."""
    return "".join(_LATIN.get(letter, letter) for letter in text.lower())


def spellings(text: str) -> set[bytes]:
    """The bytes by which a text may be found: in each encoding and case, escaped for JSON and addresses, in Latin."""
    found = {json.dumps(text).strip('"').encode(), urllib.parse.quote(text).encode()}
    for form in {text, text.upper(), text.lower(), latin(text), latin(text).upper(), latin(text).title()}:
        for encoding in ENCODINGS:
            try:
                found.add(form.encode(encoding))
            except UnicodeEncodeError:
                continue
    return found


def pixel_blocks(pixels: Iterable[bytes]) -> set[bytes]:
    """Blocks of which each run of 64 bytes of these pixels has one whole: halves of it, at every half."""
    half = _RUN // 2
    return {row[at : at + half] for row in pixels for at in range(0, len(row) - half + 1, half)}


@dataclass(frozen=True)
class Secret:
    """What must not be found; `what` is its name in the answer."""

    what: str
    needles: frozenset[bytes] = field(repr=False)


def text_secret(what: str, text: str) -> Secret:
    return Secret(what, frozenset(spellings(text)))


def pixel_secret(what: str, pixels: Iterable[bytes]) -> Secret:
    """Only blocks that say something: a run of one value is found everywhere."""
    return Secret(what, frozenset(block for block in pixel_blocks(pixels) if len(set(block)) > 8))


def found_in(folders: Iterable[Path], secrets: Iterable[Secret]) -> list[str]:
    """Each secret found, with the file: in its name, in its bytes, or in the target of a link."""
    wanted = list(secrets)
    found = []
    for path in _everything(folders):
        texts = os.fsencode(str(path)) + (os.fsencode(os.readlink(path)) if path.is_symlink() else b"")
        data = path.read_bytes() if path.is_file() else b""
        for secret in wanted:
            for place, content in (("name", texts), ("content", data)):
                if any(needle in content for needle in secret.needles):
                    found.append(f"{secret.what}: {place} of {path.name}")
    return found


def _everything(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() or path.is_dir() or path.is_symlink():
                yield path.relative_to("/") if not path.is_absolute() else path
