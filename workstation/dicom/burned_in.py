"""What may show a person in its pixels or in its text, so that no header can make it anonymous.

Each kind has its reason, in English for `_()`. Some a reader may clear by looking at the pictures; free text stays out.
"""

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID

from workstation.dicom.uids import COMPREHENSIVE_3D_SR, KEY_OBJECT_SELECTION
from workstation.language import N_

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_REPORTS = f"{_STORAGE}88."
_ULTRASOUND = (f"{_STORAGE}3.", f"{_STORAGE}6.")
_CAPTURE = f"{_STORAGE}7"
_VISIBLE_LIGHT = (f"{_STORAGE}77.1.",)
_FLUOROSCOPY = (f"{_STORAGE}12.",)
_RAW = f"{_STORAGE}66"
# structured reports that are measurements, not prose: Enhanced, Comprehensive and Comprehensive 3D by TID 1500
_MEASURED = (f"{_STORAGE}88.22", f"{_STORAGE}88.33", COMPREHENSIVE_3D_SR)
# Conversion Type of what was digitised or taken from a screen
_CONVERTED = {"DV", "DF", "SD", "SI", "WSD", "DRW"}
_HEAD = ("HEAD", "SKULL", "BRAIN", "FACE", "JAW", "ORBIT", "SINUS", "NECK", "HEADNECK", "WHOLEBODY")
_FACE_MODALITIES = {"CT", "MR", "PT"}


@dataclass(frozen=True)
class Risk:
    """Why an object can't go; `visible` when somebody who looks at the picture can tell."""

    reason: str
    visible: bool


def risk_of(dataset: Dataset) -> Risk | None:
    """Why an object may show who the patient is whatever its header says; None where nothing speaks for it."""
    kind = str(dataset.get("SOPClassUID", ""))
    if not kind.startswith(_STORAGE) or UID(kind).name == kind or kind == _RAW:
        return Risk(N_("its kind is not known, so what it holds isn't either"), visible=False)
    if "EncapsulatedDocument" in dataset:
        return Risk(N_("it is a document: free text names people"), visible=False)
    if kind.startswith(_REPORTS) and kind != KEY_OBJECT_SELECTION and not _is_measurements(dataset, kind):
        return Risk(N_("it is a report: free text names people"), visible=False)
    return _pictured(dataset, kind)


def _pictured(dataset: Dataset, kind: str) -> Risk | None:
    burned_in = str(dataset.get("BurnedInAnnotation", "")).strip().upper()
    modality = str(dataset.get("Modality", "")).strip().upper()
    if burned_in == "YES":
        return Risk(N_("its pictures have burned-in text"), visible=True)
    if kind.startswith(_ULTRASOUND) or modality in ("US", "IVUS"):
        return Risk(N_("ultrasound pictures usually have burned-in text"), visible=True)
    captured = kind == _CAPTURE or kind.startswith(f"{_CAPTURE}.")
    if captured or str(dataset.get("ConversionType", "")).strip().upper() in _CONVERTED:
        return Risk(N_("it was captured from a screen or digitised, often with text"), visible=True)
    if kind.startswith(_VISIBLE_LIGHT) or modality in ("XC", "ES", "OP", "GM"):
        return Risk(N_("photographs may show a person or text"), visible=True)
    if kind.startswith(_FLUOROSCOPY) and burned_in != "NO":
        return Risk(N_("its equipment doesn't say that its pictures are free of text"), visible=True)
    if _has_embedded_overlay(dataset):
        return Risk(N_("graphics are hidden in unused bits of its pixels"), visible=True)
    return None


def shows_a_face(dataset: Dataset) -> bool:
    """Whether a face could be made from the slices: CT, MR or PET of head or neck, or of a part that isn't stated."""
    if str(dataset.get("Modality", "")).strip().upper() not in _FACE_MODALITIES:
        return False
    said = "".join(letter for letter in str(dataset.get("BodyPartExamined", "")).upper() if letter.isalpha())
    return not said or any(part in said for part in _HEAD)


def _is_measurements(dataset: Dataset, kind: str) -> bool:
    templates = dataset.get("ContentTemplateSequence") or []
    return kind in _MEASURED and any(str(item.get("TemplateIdentifier", "")) == "1500" for item in templates)


def _has_embedded_overlay(dataset: Dataset) -> bool:
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0102) in dataset and (group, 0x3000) not in dataset:
            position = dataset[group, 0x0102].value
            if position not in (None, 0, ""):
                return True
    return False
