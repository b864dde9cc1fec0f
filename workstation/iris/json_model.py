"""The DICOM JSON Model (PS3.18 Annex F) read and written with plain dicts: what the wire needs of it, no more.

A data set is `{"0020000D": {"vr": "UI", "Value": [...]}, ...}`. Reading is tolerant: an absent, empty or misshapen
element gives the empty value. Writing is strict.
"""

import json
from collections.abc import Mapping
from typing import Any

from workstation.dicom.content import Code

Dataset = Mapping[str, Any]


def parse_datasets(body: bytes) -> list[Dataset]:
    """The data sets of an application/dicom+json body: none, one object, or an array. Raises ValueError."""
    if not body.strip():
        return []
    parsed = json.loads(body)
    found = parsed if isinstance(parsed, list) else [parsed]
    if not all(isinstance(dataset, dict) for dataset in found):
        raise ValueError("a data set that is no object")
    return found


def values(dataset: Dataset, tag: str) -> list[Any]:
    """The values of an element as they stand, without nulls."""
    element = dataset.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return [value for value in found if value is not None] if isinstance(found, list) else []


def text(dataset: Dataset, tag: str) -> str:
    """The first value as text; for PN all component groups joined by `=`, as in a data set."""
    found = values(dataset, tag)
    return _as_text(found[0]) if found else ""


def texts(dataset: Dataset, tag: str) -> tuple[str, ...]:
    """All values as text; a server's single backslash-joined value is split."""
    return tuple(part for value in values(dataset, tag) for part in _as_text(value).split("\\") if part)


def integer(dataset: Dataset, tag: str) -> int | None:
    """The first value as an integer; servers write IS as number or as text."""
    try:
        return int(float(text(dataset, tag)))
    except (ValueError, OverflowError):
        return None


def items(dataset: Dataset, tag: str) -> list[Dataset]:
    """The items of a sequence."""
    return [item for item in values(dataset, tag) if isinstance(item, dict)]


def first_item(dataset: Dataset, tag: str) -> Dataset:
    """The first item of a sequence; an empty data set when there is none."""
    found = items(dataset, tag)
    return found[0] if found else {}


def code(dataset: Dataset, tag: str) -> Code | None:
    """The first code of a code sequence."""
    item = first_item(dataset, tag)
    value = text(item, "00080100") or text(item, "00080119") or text(item, "00080120")
    return Code(value, text(item, "00080102"), text(item, "00080104")) if value else None


def element(vr: str, *content: Any) -> dict[str, Any]:
    """An element of the JSON Model; PN values are given as text, SQ values as data sets."""
    if not content:
        return {"vr": vr}
    if vr == "PN":
        groups = ("Alphabetic", "Ideographic", "Phonetic")
        named = [
            {name: part for name, part in zip(groups, str(value).split("="), strict=False) if part} for value in content
        ]
        return {"vr": vr, "Value": named}
    return {"vr": vr, "Value": list(content)}


def code_element(*codes: Code) -> dict[str, Any]:
    """A code sequence."""
    return element(
        "SQ",
        *(
            {
                "00080100": element("SH", one.value),
                "00080102": element("SH", one.scheme),
                "00080104": element("LO", one.meaning),
            }
            for one in codes
        ),
    )


def to_body(dataset: Dataset) -> bytes:
    """The request body of one data set: an array of one, tags ascending."""
    return json.dumps([dict(sorted(dataset.items()))], ensure_ascii=False, separators=(",", ":")).encode()


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        groups = [str(value.get(name) or "") for name in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=")
    return str(value).strip()
