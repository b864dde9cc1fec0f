"""The key images as a Key Object Selection document by TID 2010; the tree is highdicom's, the header ours."""

from pydicom.dataset import Dataset

from workstation.dicom.concepts import FOR_REPORT_ATTACHMENT
from workstation.dicom.content import Conclusion
from workstation.dicom.document_header import (
    KEY_OBJECT_SELECTION,
    document,
    encode,
    put_evidence,
    put_request,
    shown_key_images,
)
from workstation.dicom.observers import observer_context, pydicom_code


def write_key_images(conclusion: Conclusion) -> bytes:
    """The Key Object Selection as Part 10 bytes, unsigned (PS3.3 A.35.4); ValueError without a key image to name."""
    from highdicom.ko import KeyObjectSelection

    shown = shown_key_images(conclusion)
    if not shown:
        raise ValueError("no key image of the study itself")
    referenced = []
    for image in shown:
        described = Dataset()
        described.SOPClassUID = image.sop_class_uid
        described.SOPInstanceUID = image.sop_instance_uid
        described.Rows = described.Columns = 1  # says to highdicom that it is an image
        referenced.append(described)
    captions = dict.fromkeys(key.caption for key in conclusion.key_images if key.caption and key.image in shown)
    tree = KeyObjectSelection(
        document_title=pydicom_code(FOR_REPORT_ATTACHMENT),
        referenced_objects=referenced,
        observer_person_context=observer_context(conclusion.observer),
        description="\r\n".join(captions) or None,
    )[0]
    images = [item for item in tree.ContentSequence if item.ValueType == "IMAGE"]
    for item, image in zip(images, shown, strict=True):
        if image.frame is not None:
            item.ReferencedSOPSequence[0].ReferencedFrameNumber = image.frame
    ds = document(
        conclusion,
        sop_class_uid=KEY_OBJECT_SELECTION,
        uid=conclusion.uids.key_images,
        series_uid=conclusion.uids.key_images_series,
        modality="KO",
        series=(9001, "Key images"),
    )
    put_request(ds, conclusion)
    put_evidence(ds, conclusion, shown)
    ds.update(tree)
    return encode(ds)
