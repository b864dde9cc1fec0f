"""The attribute block of an MRRT template: who it is for, and which code belongs to which element.

Real templates are not well-formed there, so lxml recovers what it can; what is left must still follow the rules.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from workstation.dicom.content import Code
from workstation.errors import TemplateInvalid
from workstation.language import _

MODALITIES = frozenset({"CT", "MR", "MG", "DX", "CR", "RF", "XA", "US", "PT", "NM", "OT", "DR", "IO", "PX", "BMD"})

# how templates in the wild name a scheme, and DICOM's designator of it (PS3.16 section 8)
_SCHEMES = {
    "LOINC": "LN",
    "LN": "LN",
    "SNOMEDCT": "SCT",
    "SNOMED-CT": "SCT",
    "SNOMED CT": "SCT",
    "SCT": "SCT",
    "RADLEX": "RADLEX",
    "DCM": "DCM",
    "UCUM": "UCUM",
}


@dataclass(frozen=True)
class Attributes:
    """The codes of the whole template, the codes of its elements by id, and its status."""

    status: str
    terms: tuple[Code, ...]
    entries: dict[str, Code]


def invalid(element: str, rule: str) -> TemplateInvalid:
    """The error for a template whose `element` breaks `rule`."""
    return TemplateInvalid(_("The template can't be used"), f"{element}: {rule}")


def read_attributes(block: str) -> Attributes:
    """Read `<template_attributes>`, as text of the script element, in a comment or not.

    Raises TemplateInvalid.
    """
    text = block.strip().removeprefix("<!--").removesuffix("-->").strip()
    # codes are attributes and nesting is shallow: no entities, no network, no huge trees
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False)
    root = etree.fromstring(text.encode(), parser) if text else None
    if root is None or _name(root) != "template_attributes":
        raise invalid("template_attributes", _("the block of attributes is missing"))
    declared = {_scheme(each) for each in _named(root, "coding_scheme")}
    for code in _named(root, "code"):
        if _scheme_name(code.get("scheme") or "") not in declared:
            raise invalid("code", _("the coding scheme {scheme} is not declared").format(scheme=code.get("scheme")))
    return Attributes(
        status=next((each.text or "" for each in _named(root, "status")), "").strip(),
        terms=tuple(_code(code) for term in _named(root, "term") if not _inside_entry(term) for code in _codes(term)),
        entries=_entries(root),
    )


def inline_code(text: str, element: str) -> Code:
    """A code written as `SCT:60046008:Pleural effusion`; raises TemplateInvalid."""
    scheme, first, rest = text.partition(":")
    value, second, meaning = rest.partition(":")
    if not (first and second and scheme.strip() and value.strip() and meaning.strip()):
        raise invalid(element, _("data-iris-code is not of the form SCHEME:VALUE:MEANING"))
    return Code(value.strip(), _scheme_name(scheme), meaning.strip())


def _entries(root: etree._Element) -> dict[str, Code]:
    entries: dict[str, Code] = {}
    for entry in _named(root, "entry"):
        target = next((value for name, value in entry.attrib.items() if str(name).lower() == "origtxt"), "")
        if not target:
            raise invalid("entry", _("ORIGTXT is missing"))
        for code in _codes(entry):
            entries.setdefault(str(target), _code(code))
    return entries


def _code(element: etree._Element) -> Code:
    value = (element.get("value") or "").rstrip("/").rpartition("/")[2]
    scheme, meaning = element.get("scheme") or "", element.get("meaning") or ""
    if not (value and scheme and meaning):
        raise invalid("code", _("value, scheme and meaning are all needed"))
    return Code(value, _scheme_name(scheme), meaning)


def _codes(element: etree._Element) -> Iterator[etree._Element]:
    return _named(element, "code")


def _scheme(element: etree._Element) -> str:
    return _scheme_name(element.get("name") or "")


def _scheme_name(name: str) -> str:
    return _SCHEMES.get(name.strip().upper(), name.strip())


def _inside_entry(element: etree._Element) -> bool:
    return any(_name(each) == "entry" for each in element.iterancestors())


def _named(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return (each for each in element.iter() if _name(each) == name)


def _name(element: etree._Element) -> str:
    return str(element.tag).lower()  # a comment's tag is a function
