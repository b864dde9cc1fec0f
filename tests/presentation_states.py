"""Presentation states for images of `grey_images`, made with pydicom."""

from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.grey_images import item

GRAYSCALE = "1.2.840.10008.5.1.4.1.1.11.1"


def reference(image: Dataset, *frames: int) -> Dataset:
    """A referenced image item."""
    made = item(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)
    if frames:
        made.ReferencedFrameNumber = list(frames)
    return made


def presentation(image: Dataset, sop_class: str = GRAYSCALE, **changes: Any) -> Dataset:
    """A state for one image: identity, the whole area, fitted, nothing drawn; `changes` by keyword."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid()
    for name in ("StudyInstanceUID", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate"):
        setattr(ds, name, getattr(image, name))
    ds.StudyTime, ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "101500", "1", "", ""
    ds.SeriesInstanceUID, ds.Modality, ds.SeriesNumber, ds.InstanceNumber = generate_uid(), "PR", 9, 1
    ds.Manufacturer = "Test"
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "MARKS", "Marks of the reader", "Reader^First"
    ds.PresentationCreationDate, ds.PresentationCreationTime = "20260111", "120000"
    series = item(SeriesInstanceUID=image.SeriesInstanceUID, ReferencedImageSequence=[reference(image)])
    ds.ReferencedSeriesSequence = Sequence([series])
    ds.DisplayedAreaSelectionSequence = Sequence([area(image)])
    ds.PresentationLUTShape = "IDENTITY"
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def area(image: Dataset, first: tuple[int, int] = (1, 1), last: tuple[int, int] | None = None, **more: Any) -> Dataset:
    """A displayed area by its corners, (column, row) from 1."""
    made = item(
        ReferencedImageSequence=[reference(image)],
        DisplayedAreaTopLeftHandCorner=list(first),
        DisplayedAreaBottomRightHandCorner=list(last or (image.Columns, image.Rows)),
        PresentationSizeMode="SCALE TO FIT",
        PresentationPixelAspectRatio=[1, 1],
    )
    for name, value in more.items():
        setattr(made, name, value)
    return made


def window(center: float, width: float) -> Sequence:
    """A Softcopy VOI LUT Sequence of one window for all images."""
    return Sequence([item(WindowCenter=center, WindowWidth=width)])
