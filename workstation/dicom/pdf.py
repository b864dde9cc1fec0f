"""The human copy: a PDF encapsulated in a DICOM object (PS3.3 A.45.1)."""

from workstation.dicom.content import Conclusion
from workstation.dicom.document_header import code_item, document, encode, referenced_sop
from workstation.dicom.uids import ENCAPSULATED_PDF


def write_pdf(conclusion: Conclusion, pdf: bytes) -> bytes:
    """The PDF of the conclusion as Part 10 bytes, without a DICOM signature; `pdf` is carried unchanged."""
    ds = document(
        conclusion,
        sop_class_uid=ENCAPSULATED_PDF,
        uid=conclusion.uids.pdf,
        series_uid=conclusion.uids.pdf_series,
        modality="DOC",
        series=(9003, "Conclusion, PDF"),
    )
    ds.ConversionType = "WSD"
    ds.AcquisitionDateTime = ""
    ds.BurnedInAnnotation = "YES"
    ds.DocumentTitle = conclusion.title.meaning
    ds.ConceptNameCodeSequence = [code_item(conclusion.title)]
    ds.VerificationFlag = "VERIFIED"
    sources = dict.fromkeys(key.image for key in conclusion.key_images)
    if sources:
        ds.SourceInstanceSequence = [referenced_sop(image) for image in sources]
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocumentLength = len(pdf)
    ds.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return encode(ds)
