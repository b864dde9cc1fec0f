"""The conclusion as an Enhanced SR by TID 2000 (Basic Diagnostic Imaging Report).

highdicom has no TID 2000, so its tree is ours. The template is not extensible and its order matters: language,
observation context (observer, procedure, subject), then headings that hold codes and texts inferred from numbers and
images (TID 2001, 2002). A document that goes with the conclusion can therefore not stand in the tree: it is listed as
evidence, and the PDF as the complete rendering of this document (CID 7006).

It is as full as DCMTK can check the signature of (docs/decisions/0006): with every composite read as evidence; or with
what the tree refers to, and the rest in the manifest; or also with one number for each measurement.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from workstation.dicom import concepts, content_tree
from workstation.dicom.content import Code, Conclusion, ImageReference, Measurement, Section, Statement
from workstation.dicom.document_header import (
    code_item,
    companions,
    document,
    encode,
    hierarchy,
    put_evidence,
    put_verified,
    read_in_study,
    referenced_sop,
)
from workstation.dicom.mac import DCMTK_BUFFER
from workstation.dicom.signatures import signed_size
from workstation.dicom.uids import ENCAPSULATED_PDF, ENHANCED_SR

_KEY_IMAGES_TITLE = {"ru": "Ключевые снимки", "en": "Key images"}
_PROCEDURE_TITLE = {"ru": "Описание исследования", "en": "Procedure"}
_BEFORE_PROCEDURE = {concepts.CLINICAL_INFORMATION.value, concepts.HISTORY.value}


def write_conclusion(conclusion: Conclusion) -> bytes:
    """The conclusion as Part 10 bytes, unsigned: COMPLETE, VERIFIED by its observer, FINAL (PS3.3 A.35.2).

    The same conclusion gives the same bytes. ValueError when a statement names a measurement that isn't there.
    """
    return _fullest(conclusion)[1]


def needs_manifest(conclusion: Conclusion) -> bool:
    """Whether the images read are listed in a manifest: where DCMTK can check the signature only without them."""
    return _fullest(conclusion)[0].manifest


@dataclass(frozen=True)
class _Extent:
    """What a conclusion holds: evidence in full or by a manifest, all numbers of a measurement or the primary one."""

    manifest: bool = False
    all_numbers: bool = True


_FULL = _Extent()
_SHORTER = (_Extent(manifest=True), _Extent(manifest=True, all_numbers=False))


def _fullest(conclusion: Conclusion) -> tuple[_Extent, bytes]:
    """The fullest form whose signature DCMTK can check; all of it where none is: leaving out would gain nothing."""
    full = _written(conclusion, _FULL)
    if not (conclusion.uids.manifest and read_in_study(conclusion)) or signed_size(full) <= DCMTK_BUFFER:
        return _FULL, full
    for extent in _SHORTER:
        shorter = _written(conclusion, extent)
        if signed_size(shorter) <= DCMTK_BUFFER:
            return extent, shorter
    return _FULL, full


def _written(conclusion: Conclusion, extent: _Extent) -> bytes:
    ds = document(
        conclusion,
        sop_class_uid=ENHANCED_SR,
        uid=conclusion.uids.conclusion,
        series_uid=conclusion.uids.conclusion_series,
        modality="SR",
        series=(9004, "Conclusion"),
    )
    put_verified(ds, conclusion)
    sections = complete_sections(conclusion)
    used = _used_measurements(conclusion, sections)
    others = companions(conclusion, manifest=extent.manifest)
    read = () if extent.manifest else (*conclusion.evidence, *conclusion.other_evidence)
    put_evidence(ds, conclusion, (*read, *_references(conclusion, sections, used), *others))
    ds.ReferencedInstanceSequence = [_rendering(other) for other in others if other.sop_class_uid == ENCAPSULATED_PDF]
    if conclusion.predecessors:
        ds.PredecessorDocumentsSequence = hierarchy(conclusion.predecessors)
    ds.ObservationDateTime = ds.VerifyingObserverSequence[0].VerificationDateTime
    if not extent.all_numbers:
        used = {uid: replace(one, quantities=(one.primary,)) for uid, one in used.items()}
    ds.update(_tree(conclusion, sections, used))
    return encode(ds)


def complete_sections(conclusion: Conclusion) -> tuple[Section, ...]:
    """The sections with dose and completeness among the procedure descriptions; added where they are missing."""
    sections = conclusion.sections
    stands = {statement.text for section in sections for statement in section.statements}
    said = [line for line in (conclusion.dose, conclusion.completeness) if line and line not in stands]
    lines = tuple(Statement(concepts.PROCEDURE_DESCRIPTION, line) for line in said)
    if not lines:
        return sections
    for index, section in enumerate(sections):
        if section.heading.value == concepts.CURRENT_PROCEDURE_DESCRIPTIONS.value:
            fuller = Section(section.heading, section.title, (*section.statements, *lines))
            return (*sections[:index], fuller, *sections[index + 1 :])
    place = sum(section.heading.value in _BEFORE_PROCEDURE for section in sections)
    title = _PROCEDURE_TITLE[conclusion.language]
    own = Section(concepts.CURRENT_PROCEDURE_DESCRIPTIONS, title, lines)
    return (*sections[:place], own, *sections[place:])


def _used_measurements(conclusion: Conclusion, sections: tuple[Section, ...]) -> dict[str, Measurement]:
    known = {measurement.tracking_uid: measurement for measurement in conclusion.measurements}
    used: dict[str, Measurement] = {}
    for section in sections:
        for statement in section.statements:
            for tracking_uid in statement.measurements:
                if tracking_uid not in known:
                    raise ValueError("a statement rests on a measurement that the conclusion doesn't hold")
                used[tracking_uid] = known[tracking_uid]
    return used


def _references(
    conclusion: Conclusion, sections: tuple[Section, ...], used: dict[str, Measurement]
) -> Iterator[ImageReference]:
    """Every image the tree names: each must be among the evidence."""
    for section in sections:
        for statement in section.statements:
            yield from statement.images
    for measurement in used.values():
        yield measurement.anchor.image
    for key in conclusion.key_images:
        yield key.image


def _rendering(pdf: ImageReference) -> Dataset:
    item = referenced_sop(pdf)
    item.PurposeOfReferenceCodeSequence = [code_item(concepts.COMPLETE_RENDERING)]
    return item


def _tree(conclusion: Conclusion, sections: tuple[Section, ...], used: dict[str, Measurement]) -> Dataset:
    children = [
        content_tree.code("HAS CONCEPT MOD", concepts.LANGUAGE, concepts.LANGUAGES[conclusion.language]),
        *_observation_context(conclusion),
        *(_heading(section, used) for section in sections),
    ]
    if conclusion.key_images:
        heading = _named(concepts.KEY_IMAGES, _KEY_IMAGES_TITLE[conclusion.language])
        shown = dict.fromkeys(key.image for key in conclusion.key_images)
        images = [content_tree.image("CONTAINS", concepts.BEST_ILLUSTRATION, reference) for reference in shown]
        children.append(content_tree.container("CONTAINS", heading, images))
    return content_tree.container(None, conclusion.title, children, template="2000")


def _observation_context(conclusion: Conclusion) -> Iterator[Dataset]:
    """TID 1001: the person who observes (1003), the procedure (1005), the patient (1006, 1007)."""
    observer, order, patient = conclusion.observer, conclusion.order, conclusion.patient
    yield content_tree.code("HAS OBS CONTEXT", concepts.OBSERVER_TYPE, concepts.PERSON)
    yield content_tree.person_name("HAS OBS CONTEXT", concepts.PERSON_OBSERVER_NAME, observer.name)
    if observer.organisation:
        yield content_tree.text("HAS OBS CONTEXT", concepts.PERSON_OBSERVER_ORGANIZATION, observer.organisation)
    yield content_tree.uid_reference("HAS OBS CONTEXT", concepts.PROCEDURE_STUDY_UID, conclusion.study.study_uid)
    for name, value in (
        (concepts.PLACER_NUMBER, order.placer_order),
        (concepts.FILLER_NUMBER, order.filler_order),
        (concepts.ACCESSION_NUMBER, conclusion.study.accession),
    ):
        if value:
            yield content_tree.text("HAS OBS CONTEXT", name, value)
    # the patient stands in the signed tree: the header isn't signed, so that an archive may correct it
    yield content_tree.code("HAS OBS CONTEXT", concepts.SUBJECT_CLASS, concepts.PATIENT)
    yield content_tree.person_name("HAS OBS CONTEXT", concepts.SUBJECT_NAME, patient.name)
    yield content_tree.text("HAS OBS CONTEXT", concepts.SUBJECT_ID, patient.patient_id)
    if patient.birth_date:
        yield content_tree.date("HAS OBS CONTEXT", concepts.SUBJECT_BIRTH_DATE, patient.birth_date)
    if patient.sex in concepts.SEXES:
        yield content_tree.code("HAS OBS CONTEXT", concepts.SUBJECT_SEX, concepts.SEXES[patient.sex])


def _heading(section: Section, used: dict[str, Measurement]) -> Dataset:
    items = [item for statement in _paragraphs(section) for item in _statement(statement, used)]
    return content_tree.container("CONTAINS", _named(section.heading, section.title), items)


def _paragraphs(section: Section) -> Iterator[Statement]:
    """The statements, plain sentences that follow each other within a paragraph as one text, as on the page."""
    last: Statement | None = None
    for statement in section.statements:
        if last and _plain(last) and _plain(statement) and not statement.label and last.concept == statement.concept:
            last = replace(last, text=f"{last.text} {statement.text}")
            continue
        if last:
            yield last
        last = statement
    if last:
        yield last


def _plain(statement: Statement) -> bool:
    return bool(statement.text) and not (statement.code or statement.measurements or statement.images)


def _named(heading: Code, title: str) -> Code:
    """The heading's code with its meaning in the document's language (TID 1204 covers meanings)."""
    fits = title and len(title.encode()) <= 64
    return Code(heading.value, heading.scheme, title if fits else heading.meaning)


def _statement(statement: Statement, used: dict[str, Measurement]) -> Iterator[Dataset]:
    rests_on = [
        *(item for tracking_uid in statement.measurements for item in _numbers(used[tracking_uid])),
        *(content_tree.image("INFERRED FROM", concepts.BEST_ILLUSTRATION, image) for image in statement.images),
    ]
    if statement.code is not None:
        yield content_tree.code("CONTAINS", statement.concept, statement.code, () if statement.text else rests_on)
    if statement.text:
        yield content_tree.text("CONTAINS", statement.concept, statement.text, rests_on)


def _numbers(measurement: Measurement) -> Iterator[Dataset]:
    """The numbers of a measurement, the graphic under the first of them: it is half of the bytes, and the measurement
    report has it under each. On a reformat only the source image can be named here, the coordinates stand in the
    measurement report (an Enhanced SR has no SCOORD3D)."""
    anchor = measurement.anchor
    name = concepts.PURPOSES[measurement.kind]
    source = (
        content_tree.outline(name, anchor)
        if anchor.points_px
        else content_tree.image("INFERRED FROM", concepts.SOURCE_OF_MEASUREMENT, anchor.image)
    )
    for quantity in measurement.quantities:
        yield content_tree.number("INFERRED FROM", quantity, [source] if quantity is measurement.primary else [])
