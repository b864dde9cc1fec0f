"""The measurements as a Comprehensive 3D SR by TID 1500, so that other viewers, and this one, can restore them.

Each measurement is one group (TID 1501) with its tracking UID; each number is inferred from the graphic: SCOORD on the
source image, or SCOORD3D in the frame of reference for a graphic drawn on a reformat. The tree is highdicom's, the
header ours; two private concepts say where the millimetres came from and on which plane the graphic was drawn.
"""

from typing import Any

from workstation.dicom import concepts
from workstation.dicom.content import Conclusion, Measurement, Quantity
from workstation.dicom.document_header import document, encode, put_evidence, put_private_scheme, put_verified
from workstation.dicom.observers import observer_context, pydicom_code
from workstation.dicom.uids import COMPREHENSIVE_3D_SR


def write_measurements(conclusion: Conclusion) -> bytes:
    """The measurement report as Part 10 bytes, unsigned (PS3.3 A.35.13); ValueError without any measurement."""
    from highdicom.sr import (
        CodedConcept,
        LanguageOfContentItemAndDescendants,
        MeasurementReport,
        ObservationContext,
    )

    if not conclusion.measurements:
        raise ValueError("no measurement")
    language = LanguageOfContentItemAndDescendants(
        CodedConcept.from_code(pydicom_code(concepts.LANGUAGES[conclusion.language]))
    )
    tree = MeasurementReport(
        observation_context=ObservationContext(observer_person_context=observer_context(conclusion.observer)),
        procedure_reported=pydicom_code(conclusion.title),
        imaging_measurements=[_group(measurement) for measurement in conclusion.measurements],
        language_of_content_item_and_descendants=language,
    )[0]
    ds = document(
        conclusion,
        sop_class_uid=COMPREHENSIVE_3D_SR,
        uid=conclusion.uids.measurements,
        series_uid=conclusion.uids.measurements_series,
        modality="SR",
        series=(9002, "Measurements"),
    )
    put_verified(ds, conclusion)
    put_evidence(ds, conclusion, [measurement.anchor.image for measurement in conclusion.measurements])
    put_private_scheme(ds)
    ds.ObservationDateTime = ds.VerifyingObserverSequence[0].VerificationDateTime
    ds.update(tree)
    return encode(ds)


def _group(measurement: Measurement) -> Any:
    from highdicom.sr import (
        MeasurementsAndQualitativeEvaluations,
        RelationshipTypeValues,
        SourceImageForMeasurementGroup,
        TextContentItem,
        TrackingIdentifier,
    )

    image = measurement.anchor.image
    frames = None if image.frame is None else [image.frame]
    name = measurement.label or measurement.tracking_uid
    # a reformat's numbers name no image themselves: the group says which source image is the nearest
    sources = [SourceImageForMeasurementGroup(image.sop_class_uid, image.sop_instance_uid, frames)]
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=measurement.tracking_uid, identifier=name),
        measurements=[_number(measurement, index) for index in range(len(measurement.quantities))],
        source_images=None if measurement.anchor.points_px else sources,
    )
    said = [
        (concepts.SPACING_SOURCE, measurement.spacing_source),
        (concepts.DRAWING_PLANE, measurement.anchor.plane),
        (concepts.COMMENT, measurement.remark),
    ]
    for concept, value in said:
        if value:
            item = TextContentItem(pydicom_code(concept), value, RelationshipTypeValues.CONTAINS)
            group[0].ContentSequence.append(item)
    if measurement.study_date:
        group[0].ContentSequence.append(_study_date(measurement.study_date))
    return group


def _study_date(value: str) -> Any:
    from highdicom.sr import DateContentItem, RelationshipTypeValues

    return DateContentItem(pydicom_code(concepts.STUDY_DATE), value, RelationshipTypeValues.CONTAINS)


def _number(measurement: Measurement, index: int) -> Any:
    from highdicom.sr import Measurement as Number

    quantity = measurement.quantities[index]
    number = Number(
        name=pydicom_code(quantity.name),
        value=float(quantity.value),
        unit=pydicom_code(quantity.unit or concepts.NO_UNITS),
        referenced_coordinates=[_graphic(measurement)],
    )
    if quantity.uncertainty > 0:
        number[0].ContentSequence.append(_uncertainty(quantity))
    return number


def _uncertainty(quantity: Quantity) -> Any:
    """The range of uncertainty as a property of the number (TID 310, CID 225)."""
    from highdicom.sr import NumContentItem, RelationshipTypeValues

    return NumContentItem(
        pydicom_code(concepts.UNCERTAINTY),
        float(quantity.uncertainty),
        pydicom_code(quantity.unit or concepts.NO_UNITS),
        relationship_type=RelationshipTypeValues.HAS_PROPERTIES,
    )


def _graphic(measurement: Measurement) -> Any:
    import numpy as np
    from highdicom.sr import CoordinatesForMeasurement, CoordinatesForMeasurement3D, SourceImageForRegion

    anchor = measurement.anchor
    purpose = pydicom_code(concepts.PURPOSES[measurement.kind])
    if not anchor.points_px:
        return CoordinatesForMeasurement3D(
            anchor.graphic_type,
            np.array(anchor.points_mm, dtype=np.float64),
            anchor.frame_of_reference_uid,
            purpose=purpose,
        )
    image = anchor.image
    frames = None if image.frame is None else [image.frame]
    source = SourceImageForRegion(image.sop_class_uid, image.sop_instance_uid, frames)
    points = np.array(anchor.points_px, dtype=np.float64)
    return CoordinatesForMeasurement(anchor.graphic_type, points, source, purpose=purpose)
