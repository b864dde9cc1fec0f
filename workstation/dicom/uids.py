"""New unique identifiers, under 2.25 (PS3.5 B.2): a random UUID as one decimal number, nothing about who made it."""

from uuid import uuid4

from workstation.dicom.content import DocumentUids


def new_uid() -> str:
    """A new UID, at most 44 characters."""
    return f"2.25.{uuid4().int}"


def new_document_uids() -> DocumentUids:
    """The UIDs of one package, made once: signing, storing and every retry use these."""
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
    )
