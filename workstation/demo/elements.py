"""Reading and writing attributes of DICOM JSON by their keywords."""

from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from workstation.demo.headers import Json


def tag(keyword: str) -> str:
    """The tag of a keyword as DICOM JSON spells it. Raises ValueError for a word that is none."""
    number = tag_for_keyword(keyword)
    if number is None:
        raise ValueError(f"no such attribute: {keyword}")
    return f"{number:08X}"


def values(dataset: Json, keyword: str) -> list[Any]:
    """All values of an attribute, sequence items included; empty when absent."""
    found = dataset.get(tag(keyword), {}).get("Value", [])
    return found if isinstance(found, list) else []


def first(dataset: Json, keyword: str) -> Any:
    """The first value of an attribute, or None."""
    found = values(dataset, keyword)
    return found[0] if found else None


def put(dataset: Json, keyword: str, *contents: Any) -> None:
    """Set an attribute; without contents it is present and empty."""
    element: Json = {"vr": dictionary_VR(keyword)}
    if contents:
        element["Value"] = list(contents)
    dataset[tag(keyword)] = element
