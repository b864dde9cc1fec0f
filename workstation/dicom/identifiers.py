"""The words that would name a patient, and whether any of them is left: the last look before an object goes out."""

import re
from collections.abc import Iterator, MutableSequence
from dataclasses import dataclass
from typing import Self

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from workstation.dicom.content import Patient
from workstation.dicom.spelling import sounds_of

_TEXT = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
# pseudonyms, and how the object was made anonymous
_OURS = frozenset({0x00100010, 0x00100020, 0x00120063})
_NUMBERS = ("PatientID", "OtherPatientIDs", "AccessionNumber", "AdmissionID", "MedicalRecordLocator")
_NAMES = ("PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName")
_DAYS = ("PatientBirthDate", "StudyDate")
_WORDS = re.compile(r"[^\W_]+")
_SHORTEST_NAME, _SHORTEST_SOUND, _SHORTEST_NUMBER, _SHORTEST_CONTAINED = 3, 4, 3, 5
# how bytes that nobody declares may spell a name in pixel data, comments of codecs among them
_CODECS = ("utf-8", "cp1251", "iso8859-5", "koi8-r", "utf-16-le")
_LONG_ENOUGH = 6


@dataclass(frozen=True)
class Identifiers:
    """Words of the patient's names and how they sound in either alphabet, numbers of the patient and of the order, days
    in the ways they are written."""

    names: frozenset[str]
    sounds: frozenset[str]
    numbers: frozenset[str]
    days: frozenset[str]

    @classmethod
    def of(cls, dataset: Dataset, patient: Patient) -> Self:
        """What names the patient by an object as it is, and by the index."""
        names = [patient.name, *(value for name in _NAMES for value in _values(dataset, name))]
        numbers = [patient.patient_id, *(value for name in _NUMBERS for value in _values(dataset, name))]
        for item in dataset.get("OtherPatientIDsSequence") or []:
            numbers += _values(item, "PatientID")
        days = [patient.birth_date, *(value for name in _DAYS for value in _values(dataset, name))]
        return cls(
            frozenset(word for name in names for word in _words(name) if len(word) >= _SHORTEST_NAME),
            frozenset(word for name in names for word in sounds_of(name) if len(word) >= _SHORTEST_SOUND),
            frozenset(one for one in map(_plain, numbers) if len(one) >= _SHORTEST_NUMBER),
            frozenset(spelling for day in days for spelling in _spellings(day)),
        )

    def found_in(self, dataset: Dataset) -> str:
        """The keyword of an element that still says any of it; "" when none does. Dates and UIDs are not looked at.

        Nor are coded strings word by word: an AXIAL image is none of a patient of that name.
        """
        for element in _elements(dataset):
            if element.tag in _OURS:
                continue
            coded = element.VR == "CS" and _plain(str(element.value)) in self.numbers
            if coded or (element.VR in _TEXT and self._said_in(str(element.value))):
                return str(element.keyword or element.tag)
        return ""

    def spelled_in(self, data: bytes) -> bool:
        """Whether bytes spell a name of the patient in any of the usual encodings, in three ways of capitals."""
        for word in self.names:
            for written in {word, word.upper(), word.capitalize()}:
                for codec in _CODECS:
                    encoded = written.encode(codec, "ignore")
                    if len(encoded) >= _LONG_ENOUGH and len(written) >= _SHORTEST_CONTAINED and encoded in data:
                        return True
        return False

    def _said_in(self, value: str) -> bool:
        plain = _plain(value)
        if not self.names.isdisjoint(_words(value)) or not self.sounds.isdisjoint(sounds_of(value)):
            return True
        if plain in self.numbers:
            return True
        contained = (number for number in self.numbers if len(number) >= _SHORTEST_CONTAINED)
        return any(number in plain for number in contained) or any(day in value for day in self.days)


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element


def _values(dataset: Dataset, keyword: str) -> list[str]:
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    return [str(one) for one in (value if isinstance(value, MutableSequence) else [value])]


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _spellings(day: str) -> tuple[str, ...]:
    if not re.fullmatch(r"\d{8}", day):
        return ()
    year, month, date = day[:4], day[4:6], day[6:]
    return day, f"{year}-{month}-{date}", f"{date}.{month}.{year}", f"{date}/{month}/{year}", f"{month}/{date}/{year}"
