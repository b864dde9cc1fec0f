"""Documents of others, and our own, read back: report text, measurements, encapsulated PDF.

Tolerant: what is missing or odd is left out; only bytes that are no such document at all raise.
"""

import io
from collections.abc import Iterator

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from workstation.dicom import concepts
from workstation.dicom.content import Anchor, Code, ImageReference, Measurement, MeasurementKind, Quantity, ReportText
from workstation.dicom.uids import ENCAPSULATED_PDF
from workstation.errors import UnreadableObject
from workstation.language import _

_CONTEXT = {"HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS ACQ CONTEXT"}
_SOURCES = {"SCOORD", "SCOORD3D", "TCOORD", "IMAGE", "WAVEFORM", "COMPOSITE"}
# texts that are the report itself (CID 7002): their concept adds nothing for a reader
_NARRATIVE = {"121065", "121069", "121071", "121073", "121075", "121077", "11329-0", "55112-7", "55115-0", "55108-5"}
_UNIT_SIGNS = {"[hnsf'U]": "HU", "mm2": "mm²", "cm2": "cm²", "mm3": "mm³", "cm3": "cm³", "{pixels}": "px", "1": ""}


def read_report(data: bytes) -> ReportText:
    """The text of a structured report of any template; of an encapsulated PDF only title, date and verification.

    Raises UnreadableObject.
    """
    ds = _parse(data)
    title = _meaning(ds, "ConceptNameCodeSequence") or str(ds.get("DocumentTitle", ""))
    return ReportText(
        title=title,
        date=str(ds.get("ContentDate", "") or ds.get("StudyDate", "")),
        author=_author(ds),
        verified=ds.get("VerificationFlag") == "VERIFIED",
        sections=tuple(_sections(ds)),
    )


def encapsulated_pdf(data: bytes) -> bytes:
    """The PDF inside an encapsulated PDF object, without padding. Raises UnreadableObject."""
    ds = _parse(data)
    if ds.get("SOPClassUID") != ENCAPSULATED_PDF or "EncapsulatedDocument" not in ds:
        raise UnreadableObject(_("This object holds no PDF"))
    return _encapsulated(ds)


def encapsulated_document(data: bytes) -> bytes:
    """What an encapsulated document holds, of any kind, without padding. Raises UnreadableObject."""
    ds = _parse(data)
    if "EncapsulatedDocument" not in ds:
        raise UnreadableObject(_("This object holds no document"))
    return _encapsulated(ds)


def _encapsulated(ds: Dataset) -> bytes:
    held = bytes(ds.EncapsulatedDocument or b"")
    length = ds.get("EncapsulatedDocumentLength")
    return held[:length] if length else held.removesuffix(b"\0")


def read_measurements(data: bytes) -> tuple[Measurement, ...]:
    """The measurements of a TID 1500 report: lines, angles, outlines, ellipses, points; other kinds are passed over.

    Raises UnreadableObject.
    """
    ds = _parse(data)
    places = dict(_places(ds))
    groups = [
        group
        for container in _named(ds, concepts.IMAGING_MEASUREMENTS)
        for group in _named(container, concepts.MEASUREMENT_GROUP)
    ]
    measurements = (_measurement(group, places, str(ds.get("StudyDate", ""))) for group in groups)
    return tuple(measurement for measurement in measurements if measurement is not None)


def _parse(data: bytes) -> Dataset:
    try:
        return dcmread(io.BytesIO(data))
    except (InvalidDicomError, EOFError, ValueError, OSError) as error:
        raise UnreadableObject(_("This is no DICOM object")) from error


def _children(item: Dataset) -> list[Dataset]:
    return list(item.get("ContentSequence") or ())


def _named(item: Dataset, concept: Code) -> Iterator[Dataset]:
    for child in _children(item):
        name = _code(child, "ConceptNameCodeSequence")
        if name is not None and (name.value, name.scheme) == (concept.value, concept.scheme):
            yield child


def _code(item: Dataset, keyword: str) -> Code | None:
    for code in item.get(keyword) or ():
        value = code.get("CodeValue") or code.get("LongCodeValue") or code.get("URNCodeValue") or ""
        return Code(str(value), str(code.get("CodingSchemeDesignator", "")), str(code.get("CodeMeaning", "")))
    return None


def _meaning(item: Dataset, keyword: str) -> str:
    code = _code(item, keyword)
    return code.meaning if code else ""


def _author(ds: Dataset) -> str:
    for verifier in ds.get("VerifyingObserverSequence") or ():
        return str(verifier.get("VerifyingObserverName", ""))
    for author in ds.get("AuthorObserverSequence") or ():
        return str(author.get("PersonName", ""))
    observers = (str(item.get("PersonName", "")) for item in _named(ds, concepts.PERSON_OBSERVER_NAME))
    return next(observers, "")


def _value(item: Dataset) -> str:
    """What a content item says, as text."""
    kind = item.get("ValueType", "")
    if kind == "TEXT":
        return "\n".join(str(item.get("TextValue", "")).splitlines())
    if kind == "CODE":
        return _meaning(item, "ConceptCodeSequence")
    if kind == "NUM":
        for measured in item.get("MeasuredValueSequence") or ():
            unit = _code(measured, "MeasurementUnitsCodeSequence")
            sign = _UNIT_SIGNS.get(unit.value, unit.value if unit.scheme == "UCUM" else unit.meaning) if unit else ""
            return f"{_short(measured.get('NumericValue'))} {sign}".strip()
        return ""
    if kind in {"IMAGE", "COMPOSITE", "WAVEFORM"}:
        return ", ".join(
            str(sop.get("ReferencedSOPInstanceUID", "")) for sop in item.get("ReferencedSOPSequence") or ()
        )
    if kind in {"SCOORD", "SCOORD3D"}:
        return str(item.get("GraphicType", ""))
    keywords = {"PNAME": "PersonName", "DATE": "Date", "TIME": "Time", "DATETIME": "DateTime", "UIDREF": "UID"}
    return str(item.get(keywords.get(kind, ""), "")) if kind in keywords else ""


def _short(number: object) -> str:
    """A decimal string to read: as written, or six digits of it where a program wrote all it had."""
    written = "" if number is None else str(number)
    try:
        return written if len(written) <= 8 else f"{float(written):.6g}"
    except ValueError:
        return written


def _line(item: Dataset) -> str:
    name, value = _meaning(item, "ConceptNameCodeSequence"), _value(item)
    return f"{name}: {value}" if name and value else name or value


def _sections(root: Dataset) -> Iterator[tuple[str, str]]:
    """(heading, text) of each container that holds statements itself; items outside any container have no heading."""
    loose = [line for child in _children(root) for line in _statements(child)]
    if loose:
        yield "", "\n".join(loose)
    for child in _children(root):
        if child.get("ValueType") == "CONTAINER" and child.get("RelationshipType") not in _CONTEXT:
            lines = [line for item in _children(child) for line in _statements(item)]
            if lines:
                yield _meaning(child, "ConceptNameCodeSequence"), "\n".join(lines)
            yield from ((heading, text) for heading, text in _sections(_nested_only(child)) if heading)


def _nested_only(container: Dataset) -> Dataset:
    nested = Dataset()
    nested.ContentSequence = [child for child in _children(container) if child.get("ValueType") == "CONTAINER"]
    return nested


def _statements(item: Dataset) -> Iterator[str]:
    """The lines of one item outside a container: its own value; numbers and codes with their name."""
    kind = item.get("ValueType", "")
    if kind == "CONTAINER" or kind in _SOURCES or item.get("RelationshipType") in _CONTEXT:
        return
    value = _value(item)
    if value:
        name = _code(item, "ConceptNameCodeSequence")
        yield value if kind == "TEXT" and (name is None or name.value in _NARRATIVE) else _line(item)


def _places(ds: Dataset) -> Iterator[tuple[str, tuple[str, str]]]:
    """SOP Instance UID → (study, series) of all evidence."""
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in ds.get(keyword) or ():
            for series in study.get("ReferencedSeriesSequence") or ():
                for sop in series.get("ReferencedSOPSequence") or ():
                    where = (str(study.get("StudyInstanceUID", "")), str(series.get("SeriesInstanceUID", "")))
                    yield str(sop.get("ReferencedSOPInstanceUID", "")), where


def _measurement(group: Dataset, places: dict[str, tuple[str, str]], study_date: str) -> Measurement | None:
    numbers = [item for item in _children(group) if item.get("ValueType") == "NUM"]
    quantities = tuple(quantity for quantity in map(_quantity, numbers) if quantity is not None)
    graphics = [child for number in numbers for child in _children(number) if "GraphicData" in child]
    anchor = _anchor(graphics[0], group, places) if graphics else None
    if anchor is None or not quantities:
        return None
    tracking_uid, label = _first(group, concepts.TRACKING_UID), _first(group, concepts.TRACKING_IDENTIFIER)
    return Measurement(
        tracking_uid=tracking_uid,
        label="" if label == tracking_uid else label,
        kind=_kind(anchor, quantities),
        anchor=anchor,
        quantities=quantities,
        spacing_source=_first(group, concepts.SPACING_SOURCE),
        study_date=_first(group, concepts.STUDY_DATE) or study_date,
        remark=_first(group, concepts.COMMENT),
    )


def _kind(anchor: Anchor, quantities: tuple[Quantity, ...]) -> MeasurementKind:
    """What was drawn, by its graphic and by what its numbers are called."""
    names = {(quantity.name.value, quantity.name.scheme) for quantity in quantities}
    if anchor.graphic_type == "ELLIPSE":
        return "ellipse"
    if anchor.graphic_type == "POINT":
        return "point"
    points = anchor.points_px or anchor.points_mm
    if len(points) == 4 and (concepts.COBB_ANGLE.value, concepts.COBB_ANGLE.scheme) in names:
        return "cobb"
    if len(points) == 3 and (concepts.ANGLE.value, concepts.ANGLE.scheme) in names:
        return "angle"
    closed = len(points) > 3 and points[0] == points[-1]
    return "polygon" if closed or anchor.graphic_type == "POLYGON" else "length"


def _first(group: Dataset, concept: Code) -> str:
    return next((_value(item) for item in _named(group, concept)), "")


def _quantity(item: Dataset) -> Quantity | None:
    name = _code(item, "ConceptNameCodeSequence")
    for measured in item.get("MeasuredValueSequence") or ():
        unit = _code(measured, "MeasurementUnitsCodeSequence")
        if unit is not None and (unit.value, unit.scheme) == (concepts.NO_UNITS.value, concepts.NO_UNITS.scheme):
            unit = None
        exact = measured.get("FloatingPointValue")
        number = exact if exact is not None else measured.get("NumericValue")
        if name is not None and number is not None:
            return Quantity(name, float(number), unit, _uncertainty(item))
    return None


def _uncertainty(item: Dataset) -> float:
    for found in _named(item, concepts.UNCERTAINTY):
        for measured in found.get("MeasuredValueSequence") or ():
            exact = measured.get("FloatingPointValue")
            return float(measured.get("NumericValue", 0) if exact is None else exact)
    return 0.0


def _anchor(graphic: Dataset, group: Dataset, places: dict[str, tuple[str, str]]) -> Anchor | None:
    kind = graphic.get("GraphicType")
    flat = [float(value) for value in graphic.GraphicData]
    image = _image([*_children(graphic), *_children(group)], places)
    if kind not in {"POINT", "POLYLINE", "POLYGON", "ELLIPSE"} or image is None:
        return None
    plane = _first(group, concepts.DRAWING_PLANE) or "stack"
    if graphic.get("ValueType") == "SCOORD":
        pixels = tuple(zip(flat[::2], flat[1::2], strict=False))
        return Anchor(image, kind, points_px=pixels, plane=plane)
    points = tuple(zip(flat[::3], flat[1::3], flat[2::3], strict=False))
    frame_of_reference = str(graphic.get("ReferencedFrameOfReferenceUID", ""))
    return Anchor(image, kind, frame_of_reference_uid=frame_of_reference, points_mm=points, plane=plane)


def _image(items: list[Dataset], places: dict[str, tuple[str, str]]) -> ImageReference | None:
    for item in items:
        if item.get("ValueType") == "IMAGE":
            for sop in item.get("ReferencedSOPSequence") or ():
                uid = str(sop.get("ReferencedSOPInstanceUID", ""))
                study, series = places.get(uid, ("", ""))
                frames = sop.get("ReferencedFrameNumber")
                frame = int(frames if isinstance(frames, int) else frames[0]) if frames else None
                return ImageReference(study, series, str(sop.get("ReferencedSOPClassUID", "")), uid, frame)
    return None
