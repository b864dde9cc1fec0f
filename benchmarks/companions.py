"""Objects that go with a phantom, for pictures of the guide: a segmentation, a stored view, a dose report.

Their contents are true of the phantom: the nodules are where `truth.json` has them. None of them is in the
demonstration; they are made in memory.
"""

import io
import warnings
from collections.abc import Sequence

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from workstation.demo.phantoms import PhantomStudy
from workstation.demo.phantoms.headers import code, codes
from workstation.demo.phantoms.model import uid

GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
DOSE = "1.2.840.10008.5.1.4.1.1.88.67"
WORDS = {
    "ru": {"nodule": "Очаг", "label": "Очаги", "text": "Очаг 12 мм, сравнить", "protocol": "ОГК"},
    "en": {"nodule": "Nodule", "label": "Nodules", "text": "Nodule 12 mm, compare", "protocol": "Chest"},
}
SPACING_MM = 0.7


def companions(study: PhantomStudy, language: str) -> list[bytes]:
    """Part 10 bytes of all of them."""
    images = [dcmread(file) for file in study.series[0].files]
    words = WORDS[language]
    return [
        _segmentation(study, images, words),
        _stored_view(study, images, words),
        _dose_report(study, images[0], words),
    ]


def nearest(study: PhantomStudy, images: Sequence[Dataset]) -> Dataset:
    """The image through the middle of the main nodule."""
    height = study.truth["nodules"][0]["centre_lps_mm"][2]
    return min(images, key=lambda image: abs(float(image.ImagePositionPatient[2]) - height))


def _segmentation(study: PhantomStudy, images: Sequence[Dataset], words: dict[str, str]) -> bytes:
    import highdicom
    from highdicom.sr import CodedConcept

    nodules = study.truth["nodules"]
    tissue = CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure")
    kind = CodedConcept("27925004", "SCT", "Nodule")
    segments = [
        highdicom.seg.SegmentDescription(number, f"{words['nodule']} {number}", tissue, kind, "MANUAL", None)
        for number in range(1, len(nodules) + 1)
    ]
    kept, masks = [], []
    for image in images:
        x, y, z = (float(each) for each in image.ImagePositionPatient)
        columns, rows = np.meshgrid(x + SPACING_MM * np.arange(image.Columns), y + SPACING_MM * np.arange(image.Rows))
        mask = np.zeros((image.Rows, image.Columns, len(nodules)), np.uint8)
        for number, nodule in enumerate(nodules):
            cx, cy, cz = nodule["centre_lps_mm"]
            away = (columns - cx) ** 2 + (rows - cy) ** 2 + (z - cz) ** 2
            mask[..., number] = away < (nodule["diameter_mm"] / 2) ** 2
        if mask.any():
            kept.append(image)
            masks.append(mask)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = highdicom.seg.Segmentation(
            kept, np.stack(masks), "BINARY", segments, uid(study.key, "series", "seg"), 90,
            uid(study.key, "instance", "seg"), 1, "Phantom", "Phantom", "1", "1",
            content_label="NODULES", series_description=words["label"],
        )  # fmt: skip
    return _written(made)


def _stored_view(study: PhantomStudy, images: Sequence[Dataset], words: dict[str, str]) -> bytes:
    image, nodule = nearest(study, images), study.truth["nodules"][0]
    x, y = (
        (nodule["centre_lps_mm"][axis] - float(image.ImagePositionPatient[axis])) / SPACING_MM + 1 for axis in (0, 1)
    )
    radius = 0.9 * nodule["diameter_mm"] / SPACING_MM
    state = _header(study, image, GSPS, "PR")
    reference = _item(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)
    series = _item(SeriesInstanceUID=image.SeriesInstanceUID, ReferencedImageSequence=codes(reference))
    circle = _item(
        GraphicAnnotationUnits="PIXEL", GraphicDimensions=2, NumberOfGraphicPoints=2,
        GraphicData=[x, y, x + radius, y], GraphicType="CIRCLE", GraphicFilled="N",
    )  # fmt: skip
    text = _item(
        UnformattedTextValue=words["text"], AnchorPointAnnotationUnits="PIXEL",
        AnchorPoint=[x + radius + 2, y - 6], AnchorPointVisibility="N",
    )  # fmt: skip
    state.ContentLabel, state.ContentCreatorName = "NODULE", study.visit.referring
    state.PresentationCreationDate, state.PresentationCreationTime = study.date, study.time
    state.ReferencedSeriesSequence = codes(series)
    state.SoftcopyVOILUTSequence = codes(_item(WindowCenter="-600", WindowWidth="1500"))
    state.DisplayedAreaSelectionSequence = codes(
        _item(
            DisplayedAreaTopLeftHandCorner=[1, 1], DisplayedAreaBottomRightHandCorner=[image.Columns, image.Rows],
            PresentationSizeMode="SCALE TO FIT", PresentationPixelAspectRatio=[1, 1],
        )
    )  # fmt: skip
    state.GraphicLayerSequence = codes(_item(GraphicLayer="NODULE", GraphicLayerOrder=1))
    state.GraphicAnnotationSequence = codes(
        _item(
            ReferencedImageSequence=codes(reference), GraphicLayer="NODULE",
            GraphicObjectSequence=codes(circle), TextObjectSequence=codes(text),
        )
    )  # fmt: skip
    # without them its window would be one of stored values (PS3.3 C.11.1)
    state.RescaleSlope, state.RescaleIntercept = image.RescaleSlope, image.RescaleIntercept
    state.RescaleType = "HU"
    state.PresentationLUTShape = "IDENTITY"
    return _written(state)


def _dose_report(study: PhantomStudy, image: Dataset, words: dict[str, str]) -> bytes:
    def number(value: str, meaning: str, amount: str, unit: str) -> Dataset:
        measured = _item(NumericValue=amount, MeasurementUnitsCodeSequence=codes(code(unit, "UCUM", unit)))
        return _content("NUM", code(value, "DCM", meaning), MeasuredValueSequence=codes(measured))

    def irradiation(mean: str, product: str) -> Dataset:
        dose = _content(
            "CONTAINER", code("113829", "DCM", "CT Dose"),
            number("113830", "Mean CTDIvol", mean, "mGy"), number("113838", "DLP", product, "mGy.cm"),
        )  # fmt: skip
        protocol = _content("TEXT", code("125203", "DCM", "Acquisition Protocol"), TextValue=words["protocol"])
        return _content("CONTAINER", code("113819", "DCM", "CT Acquisition"), protocol, dose)

    total = _content(
        "CONTAINER", code("113811", "DCM", "CT Accumulated Dose Data"),
        number("113812", "Total Number of Irradiation Events", "2", "{events}"),
        number("113813", "CT Dose Length Product Total", "288.4", "mGy.cm"),
    )  # fmt: skip
    report = _header(study, image, DOSE, "SR")
    root = _content(
        "CONTAINER", code("113701", "DCM", "X-Ray Radiation Dose Report"),
        total, irradiation("0.12", "4.9"), irradiation("8.02", "283.5"),
    )  # fmt: skip
    for element in root:
        report[element.tag] = element
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "UNVERIFIED"
    return _written(report)


def _header(study: PhantomStudy, image: Dataset, sop_class: str, modality: str) -> Dataset:
    """Patient and study of an image, and an object of its own."""
    made = Dataset()
    for keyword in (
        "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
        "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "StudyDescription",
        "ReferringPhysicianName",
    ):  # fmt: skip
        made[keyword] = image[keyword]
    made.SOPClassUID, made.SOPInstanceUID = sop_class, uid(study.key, "instance", modality)
    made.SeriesInstanceUID, made.SeriesNumber, made.InstanceNumber = uid(study.key, "series", modality), 91, 1
    made.Modality, made.ContentDate, made.ContentTime = modality, study.date, study.time
    made.Manufacturer = image.Manufacturer
    return made


def _item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def _content(kind: str, name: Dataset, *children: Dataset, **values: object) -> Dataset:
    made = _item(RelationshipType="CONTAINS", ValueType=kind, ConceptNameCodeSequence=codes(name), **values)
    if children:
        made.ContentSequence = codes(*children)
    return made


def _written(made: Dataset) -> bytes:
    if "file_meta" not in made.__dict__:
        made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()
