"""Key Object Selection documents by TID 2010: the key images, and the manifest of all that was read.

The tree is highdicom's, the header ours.
"""

from collections.abc import Iterable, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import UID

from workstation.dicom.concepts import FOR_REPORT_ATTACHMENT, MANIFEST
from workstation.dicom.content import Code, Conclusion, ImageReference
from workstation.dicom.document_header import (
    document,
    encode,
    put_evidence,
    put_request,
    read_in_study,
    referenced_sop,
    shown_key_images,
)
from workstation.dicom.observers import observer_context, pydicom_code
from workstation.dicom.uids import KEY_OBJECT_SELECTION

_OTHER_STUDY = {
    "ru": "Для сравнения прочитано исследование {study_uid}, объектов: {count}.",
    "en": "Study {study_uid} was read for comparison, objects: {count}.",
}
# images by their IOD, though their class isn't named so
_IMAGES = {"Segmentation Storage", "Parametric Map Storage", "RT Dose Storage"}


def write_key_images(conclusion: Conclusion) -> bytes:
    """The key images as Part 10 bytes, unsigned (PS3.3 A.35.4); ValueError without a key image to name."""
    shown = shown_key_images(conclusion)
    if not shown:
        raise ValueError("no key image of the study itself")
    captions = dict.fromkeys(key.caption for key in conclusion.key_images if key.caption and key.image in shown)
    uids = conclusion.uids
    ds = _document(conclusion, uids.key_images, uids.key_images_series, (9001, "Key images"), shown)
    ds.update(_tree(conclusion, FOR_REPORT_ATTACHMENT, shown, captions))
    return encode(ds)


def write_manifest(conclusion: Conclusion) -> bytes:
    """The list of all that was read of the study, as Part 10 bytes, unsigned (PS3.3 A.35.4).

    Its text says how complete that is, and which other studies were read: their objects can't be named here. ValueError
    when nothing was read.
    """
    read = read_in_study(conclusion)
    if not read:
        raise ValueError("nothing of the study was read")
    uids = conclusion.uids
    ds = _document(conclusion, uids.manifest, uids.manifest_series, (9005, "Manifest"), read)
    ds.update(_tree(conclusion, MANIFEST, read, (conclusion.completeness, *_other_studies(conclusion))))
    return encode(ds)


def _other_studies(conclusion: Conclusion) -> list[str]:
    studies = [reference.study_uid for reference in dict.fromkeys(conclusion.other_evidence)]
    line = _OTHER_STUDY[conclusion.language]
    return [line.format(study_uid=uid, count=studies.count(uid)) for uid in dict.fromkeys(studies)]


def _document(
    conclusion: Conclusion, uid: str, series_uid: str, series: tuple[int, str], references: Sequence[ImageReference]
) -> Dataset:
    ds = document(
        conclusion,
        sop_class_uid=KEY_OBJECT_SELECTION,
        uid=uid,
        series_uid=series_uid,
        modality="KO",
        series=series,
    )
    put_request(ds, conclusion)
    put_evidence(ds, conclusion, references)
    return ds


def _tree(
    conclusion: Conclusion, title: Code, references: Sequence[ImageReference], description: Iterable[str]
) -> Dataset:
    from highdicom.ko import KeyObjectSelection

    # highdicom refuses odd UIDs, which the images may have: it lays out the items, what they name is ours
    place = Dataset()
    place.SOPClassUID = KEY_OBJECT_SELECTION
    place.SOPInstanceUID = conclusion.uids.conclusion
    tree: Dataset = KeyObjectSelection(
        document_title=pydicom_code(title),
        referenced_objects=[place] * len(references),
        observer_person_context=observer_context(conclusion.observer),
        description="\r\n".join(line for line in description if line) or None,
    )[0]
    items = [item for item in tree.ContentSequence if "ReferencedSOPSequence" in item]
    for item, reference in zip(items, references, strict=True):
        item.ValueType = _value_type(reference)
        item.ReferencedSOPSequence = [referenced_sop(reference)]
    return tree


def _value_type(reference: ImageReference) -> str:
    """IMAGE, WAVEFORM or COMPOSITE (PS3.3 C.17.3.2.1), by the name of the SOP class."""
    name = UID(reference.sop_class_uid).name
    if "Waveform" in name:
        return "WAVEFORM"
    return "IMAGE" if "Image Storage" in name or name in _IMAGES else "COMPOSITE"
