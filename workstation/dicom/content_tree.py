"""Content items of a structured report (PS3.3 C.17.3), one small function for each value type we write."""

from collections.abc import Iterable, Sequence
from typing import Literal

from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat

from workstation.dicom.concepts import NO_UNITS
from workstation.dicom.content import Anchor, Code, ImageReference, Quantity
from workstation.dicom.document_header import code_item, put, referenced_sop

Relationship = Literal["CONTAINS", "HAS CONCEPT MOD", "HAS OBS CONTEXT", "INFERRED FROM", "SELECTED FROM"]


def _item(
    relationship: Relationship | None, value_type: str, name: Code | None, children: Iterable[Dataset] = ()
) -> Dataset:
    item = Dataset()
    if relationship is not None:
        item.RelationshipType = relationship
    item.ValueType = value_type
    if name is not None:
        item.ConceptNameCodeSequence = [code_item(name)]
    listed = list(children)
    if listed:
        item.ContentSequence = listed
    return item


def container(
    relationship: Relationship | None, name: Code, children: Iterable[Dataset], template: str = ""
) -> Dataset:
    """A heading with its items; without a relationship it is the root, and `template` is its TID."""
    item = _item(relationship, "CONTAINER", name, children)
    item.ContinuityOfContent = "SEPARATE"
    if template:
        mapping = Dataset()
        mapping.MappingResource = "DCMR"
        mapping.TemplateIdentifier = template
        item.ContentTemplateSequence = [mapping]
    return item


def text(relationship: Relationship, name: Code, value: str, children: Iterable[Dataset] = ()) -> Dataset:
    """A text; lines end with CR LF, as UT wants them."""
    item = _item(relationship, "TEXT", name, children)
    item.TextValue = "\r\n".join(value.splitlines())
    return item


def code(relationship: Relationship, name: Code, value: Code, children: Iterable[Dataset] = ()) -> Dataset:
    """A coded value."""
    item = _item(relationship, "CODE", name, children)
    item.ConceptCodeSequence = [code_item(value)]
    return item


def person_name(relationship: Relationship, name: Code, value: str) -> Dataset:
    """A person's name (PN)."""
    item = _item(relationship, "PNAME", name)
    put(item, "PersonName", value)
    return item


def date(relationship: Relationship, name: Code, value: str) -> Dataset:
    """A date, `YYYYMMDD`."""
    item = _item(relationship, "DATE", name)
    put(item, "Date", value)
    return item


def uid_reference(relationship: Relationship, name: Code, value: str) -> Dataset:
    """A UID."""
    item = _item(relationship, "UIDREF", name)
    put(item, "UID", value)
    return item


def image(relationship: Relationship, name: Code | None, reference: ImageReference) -> Dataset:
    """A reference to an image; `name` is the purpose of the reference."""
    item = _item(relationship, "IMAGE", name)
    item.ReferencedSOPSequence = [referenced_sop(reference)]
    return item


def number(relationship: Relationship, quantity: Quantity, children: Sequence[Dataset]) -> Dataset:
    """A number with its unit, as decimal string and as the exact double."""
    item = _item(relationship, "NUM", quantity.name, children)
    measured = Dataset()
    measured.NumericValue = DSfloat(quantity.value, auto_format=True)
    measured.FloatingPointValue = quantity.value
    measured.MeasurementUnitsCodeSequence = [code_item(quantity.unit or NO_UNITS)]
    item.MeasuredValueSequence = [measured]
    return item


def outline(name: Code, anchor: Anchor) -> Dataset:
    """The graphic on its image: SCOORD, selected from the image."""
    item = _item("INFERRED FROM", "SCOORD", name, [image("SELECTED FROM", None, anchor.image)])
    item.GraphicType = anchor.graphic_type
    item.GraphicData = [coordinate for point in anchor.points_px for coordinate in point]
    return item
