"""Unique identifiers: the SOP classes of documents, and new ones under 2.25 (PS3.5 B.2).

A new one is a random UUID as one decimal number; it says nothing about who made it.
"""

from uuid import uuid4

from workstation.dicom.content import DocumentUids

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"
KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
GRAYSCALE_PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"


def new_uid() -> str:
    """A new UID, at most 44 characters."""
    return f"2.25.{uuid4().int}"


def new_document_uids(presentations: int = 0) -> DocumentUids:
    """The UIDs of one package, made once: signing, storing and every retry use these. `presentations`: how many
    presentation states it has."""
    return DocumentUids(
        conclusion=new_uid(),
        conclusion_series=new_uid(),
        measurements=new_uid(),
        measurements_series=new_uid(),
        key_images=new_uid(),
        key_images_series=new_uid(),
        pdf=new_uid(),
        pdf_series=new_uid(),
        manifest=new_uid(),
        manifest_series=new_uid(),
        presentations=tuple(new_uid() for _number in range(presentations)),
        presentations_series=new_uid(),
    )
