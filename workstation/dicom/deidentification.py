"""Objects without their patient: the Basic Application Level Confidentiality Profile (PS3.15 Annex E).

Options: Retain Longitudinal Temporal Information With Modified Dates, Clean Structured Content, Clean Graphics, and
Retain Patient Characteristics when asked for. Beyond the table goes what it doesn't list but people write into: names
and long texts of any tag, private UIDs, group 60xx as a whole. Pixel data stay as they are, byte for byte.
"""

import hashlib
import hmac
import io
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from workstation.dicom import confidentiality
from workstation.dicom.burned_in import risk_of, shows_a_face
from workstation.dicom.confidentiality import BIRTH, CHARACTERISTICS, action_of, removed_group
from workstation.dicom.content import Code, Patient
from workstation.dicom.document_header import IMPLEMENTATION_CLASS_UID, MANUFACTURER, code_item
from workstation.dicom.identifiers import Identifiers
from workstation.dicom.part10 import BROKEN, open_part10
from workstation.dicom.text import quietly
from workstation.errors import UnreadableObject
from workstation.language import N_

_DUMMY = "ANONYMIZED"
_DUMMIES = {"AS": "000Y", "OB": b"\0\0", "OW": b"\0\0", "UN": b"\0\0", "UR": "https://anonymized.invalid"}
_STANDARD_ROOT = "1.2.840.10008."
_TEMPORAL = frozenset({"DA", "DT", "TM"})
# people write into these whatever the tag
_PROSE = frozenset({"PN", "LT", "ST", "UT"})
_UIDS_OF_KINDS = frozenset({0x00080016, 0x00081150, 0x0008115A, 0x00020002, 0x00020010})
_SERIAL_NUMBER = 0x00181000
# Patient's Name and ID become the pseudonym
_NAMED_ANEW = frozenset({0x00100010, 0x00100020})
# type 2 in documents, which may leave them empty; type 3 in images, which may not
_OPTIONAL_IN_IMAGES = frozenset({0x00081110, 0x00081111})
# typed by hand, and not in the table
_ALSO = {0x00080051: "X", 0x00700081: "Z", 0x00700068: "X"}
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_LEAST_DAYS, _SPREAD_DAYS = 365, 3285
_OLDEST = 90

_BASIC = Code("113100", "DCM", "Basic Application Confidentiality Profile")
_GRAPHICS = Code("113103", "DCM", "Clean Graphics Option")
_STRUCTURED = Code("113104", "DCM", "Clean Structured Content Option")
_DATES = Code("113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option")
_PERSON = Code("113108", "DCM", "Retain Patient Characteristics Option")

_UNREADABLE = N_("its header can't be read whole")
_NAMED = N_("its header still names the patient; the element is {element}")
_SPELLED = N_("its pixel data spell the patient's name")


@dataclass(frozen=True)
class Anonymous:
    """An object that names nobody: its bytes, the UIDs and numbers of its place; `face`: one could be made of it."""

    dataset: Dataset
    data: bytes
    face: bool


@dataclass(frozen=True)
class LeftOut:
    """An object that stays here, and why, in English for `_()`; `element` is the keyword that the reason names."""

    reason: str
    element: str = ""
    visible: bool = False


class Deidentifier:
    """Makes the objects of one export anonymous, alike where they refer to each other.

    `secret` is random and forgotten afterwards: nobody can tell from two exports that they are of one patient, nor
    find the old UIDs by trying. `characteristics` keeps sex, age, size and weight; `pictures_checked` says that a
    reader looked at what may have text in its pictures.
    """

    def __init__(self, secret: bytes, *, characteristics: bool = False, pictures_checked: bool = False) -> None:
        self._secret = secret
        self._characteristics = characteristics
        self._pictures_checked = pictures_checked

    def take(self, data: bytes, patient: Patient) -> Anonymous | LeftOut:
        """One object, Part 10 bytes, of a patient as the index has it."""
        with quietly():
            return self._taken(data, patient)

    def _taken(self, data: bytes, patient: Patient) -> Anonymous | LeftOut:
        try:
            syntax = open_part10(data).transfer_syntax_uid
            dataset = dcmread(io.BytesIO(data), force=True)
            risk = risk_of(dataset)
            if risk is not None and not (risk.visible and self._pictures_checked):
                return LeftOut(risk.reason, visible=risk.visible)
            known = Identifiers.of(dataset, patient)
            face = shows_a_face(dataset)
            self._clean(dataset, self._pseudonym(patient), self._shift(patient))
            self._say_how(dataset)
            element = known.found_in(dataset)
            if element:
                return LeftOut(_NAMED, element)
            made = _encoded(dataset, syntax)
        except (*BROKEN, UnreadableObject):
            return LeftOut(_UNREADABLE)
        if any(known.spelled_in(bytes(dataset[tag].value or b"")) for tag in _PIXELS if tag in dataset):
            return LeftOut(_SPELLED)
        return Anonymous(dataset, made, face)

    def _clean(self, dataset: Dataset, pseudonym: str, shift: timedelta) -> None:
        if self._characteristics:
            _put_age(dataset)
        _drop_texts_of_graphics(dataset)
        for tag in sorted(dataset.keys()):
            if removed_group(tag.group) or tag.element == 0 or tag == 0x00080001:
                del dataset[tag]
            elif tag not in _PIXELS:
                self._clean_element(dataset, dataset[tag], pseudonym, shift)

    def _clean_element(self, dataset: Dataset, element: DataElement, pseudonym: str, shift: timedelta) -> None:
        tag, vr = int(element.tag), str(element.VR)
        action = _ALSO.get(tag) or action_of(tag)
        if tag in _NAMED_ANEW:
            element.value = pseudonym
        elif tag in CHARACTERISTICS and self._characteristics:
            if vr == "AS":
                element.value = _no_great_age(str(element.value or ""))
        elif vr in _TEMPORAL and tag not in BIRTH:
            element.value = _moved(element, shift)
        elif vr == "UI":
            if action == "X":
                del dataset[element.tag]
            elif tag not in _UIDS_OF_KINDS:
                element.value = self._new_uids(element)
        elif vr == "SQ":
            self._clean_sequence(dataset, element, action, pseudonym, shift)
        elif action == "X" or vr == "UN":
            del dataset[element.tag]
        elif action in ("Z", "X/Z") or (action == "X/Z/D" and tag != _SERIAL_NUMBER):
            element.value = None
        elif action != "K" and (action or vr in _PROSE) and not element.is_empty:
            element.value = _DUMMIES.get(vr, _DUMMY)

    def _clean_sequence(
        self, dataset: Dataset, element: DataElement, action: str, pseudonym: str, shift: timedelta
    ) -> None:
        tag = int(element.tag)
        optional = tag in _OPTIONAL_IN_IMAGES and "SOPClassUID" in dataset and "ContentSequence" not in dataset
        if action in ("X", "X/D") or optional:
            del dataset[element.tag]
        elif action in ("Z", "X/Z", "X/Z/D"):
            element.value = []
        elif tag == 0x00401101:
            element.value = [code_item(Code(_DUMMY, "99ANON", _DUMMY))]
        else:
            for item in element.value:
                self._clean(item, pseudonym, shift)

    def _new_uids(self, element: DataElement) -> str | list[str]:
        values = [element.value] if isinstance(element.value, str) else list(element.value or [])
        made = [self._new_uid(str(value)) for value in values]
        return made[0] if len(made) == 1 else made

    def _new_uid(self, uid: str) -> str:
        """The same for the same within one export; UIDs that the standard defines stay."""
        if not uid or uid.startswith(_STANDARD_ROOT):
            return uid
        digest = bytearray(self._digest("uid", uid)[:16])
        digest[6], digest[8] = digest[6] & 0x0F | 0x40, digest[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(digest, 'big')}"

    def _pseudonym(self, patient: Patient) -> str:
        return f"ANON-{self._digest('patient', patient.patient_id, patient.issuer).hex()[:8].upper()}"

    def _shift(self, patient: Patient) -> timedelta:
        number = int.from_bytes(self._digest("dates", patient.patient_id, patient.issuer)[:8], "big")
        return timedelta(days=_LEAST_DAYS + number % _SPREAD_DAYS)

    def _digest(self, *words: str) -> bytes:
        return hmac.digest(self._secret, "\0".join(words).encode(), hashlib.sha256)

    def _say_how(self, dataset: Dataset) -> None:
        """What was done, as E.2 and E.3 want it to be stated."""
        codes = [_BASIC, _DATES]
        if "GraphicAnnotationSequence" in dataset:
            codes.append(_GRAPHICS)
        if "ContentSequence" in dataset:
            codes.append(_STRUCTURED)
        if self._characteristics:
            codes.append(_PERSON)
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = [MANUFACTURER, f"{confidentiality.EDITION} E.1-1", "Dates shifted"]
        dataset.DeidentificationMethodCodeSequence = [code_item(code) for code in codes]
        dataset.LongitudinalTemporalInformationModified = "MODIFIED"
        if shows_a_face(dataset) and "PixelData" in dataset:
            dataset.RecognizableVisualFeatures = "YES"


def _encoded(dataset: Dataset, syntax: str) -> bytes:
    """Part 10 bytes in the transfer syntax of the original, with a meta group and a preamble of our own."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = "IRISWS"
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _drop_texts_of_graphics(dataset: Dataset) -> None:
    """Text that a presentation state writes on the picture goes; its drawings stay."""
    if "GraphicAnnotationSequence" not in dataset:
        return
    kept = []
    for item in dataset.GraphicAnnotationSequence:
        if "TextObjectSequence" in item:
            del item.TextObjectSequence
        if item.get("GraphicObjectSequence") or item.get("CompoundGraphicSequence"):
            kept.append(item)
    if kept:
        dataset.GraphicAnnotationSequence = kept
    else:
        del dataset.GraphicAnnotationSequence


def _moved(element: DataElement, shift: timedelta) -> str | list[str] | None:
    """Dates earlier by so many days, as precise as they were; times of day as they are, what is no date empty."""
    values = [element.value] if isinstance(element.value, str) else list(element.value or [])
    if element.VR == "TM":
        return [str(value) for value in values] if len(values) > 1 else str(values[0]) if values else None
    made = [_moved_day(str(value).strip(), shift) for value in values]
    return made if len(made) > 1 else made[0] if made else None


def _moved_day(value: str, shift: timedelta) -> str:
    written = value.replace(".", "", 2) if re.match(r"\d{4}\.\d\d\.\d\d", value) else value
    digits = re.match(r"\d{4}(\d\d){0,2}", written)
    if digits is None:
        return ""
    day = digits.group()
    with suppress(ValueError, OverflowError):
        began = date(int(day[:4]), int(day[4:6] or "1"), int(day[6:8] or "1"))
        return f"{began - shift:%Y%m%d}"[: len(day)].rjust(len(day), "0") + written[len(day) :]
    return ""


def _put_age(dataset: Dataset) -> None:
    """The age at the study, where only the birth date tells it."""
    born, seen = str(dataset.get("PatientBirthDate") or ""), str(dataset.get("StudyDate") or "")
    if dataset.get("PatientAge") or not (re.fullmatch(r"\d{8}", born) and re.fullmatch(r"\d{8}", seen)):
        return
    years = int(seen[:4]) - int(born[:4]) - (seen[4:] < born[4:])
    if 0 <= years < 1000:
        dataset.PatientAge = f"{years:03}Y"


def _no_great_age(age: str) -> str:
    """Very old people are few: from ninety on all are ninety."""
    years = int(age[:3]) if re.fullmatch(r"\d{3}Y", age) else 0
    return f"{_OLDEST:03}Y" if years > _OLDEST else age
