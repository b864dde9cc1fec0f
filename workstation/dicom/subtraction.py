"""Which frames of an angiography are the mask of which others, and how far the mask is moved (PS3.3 C.7.6.10).

Frame numbers are the standard's, counted from 1.
What is done with the pixels is the business of `imaging`.
"""

from dataclasses import dataclass

from workstation.dicom.text import Header


@dataclass(frozen=True)
class MaskOperation:
    """One item of the Mask Subtraction Sequence (0028,6100).

    `kind` is AVG_SUB, TID, REV_TID or NONE; `ranges` are pairs of first and last frame, none meaning all that the
    operation allows. `shift` moves the mask by (rows down, columns to the right) before it is subtracted.
    """

    kind: str
    ranges: tuple[tuple[int, ...], ...] = ()
    mask_frames: tuple[int, ...] = ()
    averaged: int = 1
    shift: tuple[float, ...] = (0.0, 0.0)
    offset: int = 1

    def frames_for(self, frame: int, count: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The frames averaged as the contrast image `frame`, and those averaged as its mask; None: no subtraction."""
        contrast = tuple(range(frame, frame + (self.averaged if self.kind == "AVG_SUB" else 1)))
        if self.ranges and not any(first <= frame <= last for first, last in self.ranges):
            return None
        if self.kind == "AVG_SUB":
            masks = self.mask_frames
        elif self.kind == "TID":
            masks = (frame - self.offset,)
        elif self.kind == "REV_TID" and self.ranges:
            first = self.ranges[0][0]
            masks = (first - self.offset - (frame - first),)
        else:
            return None
        possible = range(1, count + 1)
        return (contrast, masks) if masks and all(each in possible for each in (*contrast, *masks)) else None


@dataclass(frozen=True)
class Subtraction:
    """What the header says of subtraction. `relationship` is LIN, LOG or DISP (0028,1040), or "".

    `reversed`: higher values are less intensity of the beam (Pixel Intensity Relationship Sign (0028,1041) −1).
    """

    operations: tuple[MaskOperation, ...] = ()
    recommended: bool = False
    relationship: str = ""
    reversed: bool = False

    @property
    def logarithmic(self) -> bool:
        """Whether pixel values already are logarithms of the intensity; else they have to be made such first."""
        return self.relationship == "LOG"

    def operation_for(self, frame: int, count: int) -> MaskOperation | None:
        """The first operation that holds for a frame."""
        return next((each for each in self.operations if each.frames_for(frame, count) is not None), None)


def subtraction_of(header: Header) -> Subtraction | None:
    """The Mask module of a header; None where it has none."""
    operations = tuple(_operation(item) for item in header.items(0x00286100))
    if not operations:
        return None
    recommended, relationship = header.text(0x00281090) == "SUB", header.text(0x00281040)
    return Subtraction(operations, recommended, relationship, header.integer(0x00281041, signed=True) == -1)


def _operation(item: Header) -> MaskOperation:
    flat = [int(value) for value in item.numbers(0x00286102)]
    ranges = tuple((first, last) for first, last in zip(flat[::2], flat[1::2], strict=False))
    offset = item.integer(0x00286120, signed=True)
    return MaskOperation(
        kind=item.text(0x00286101),
        ranges=ranges,
        mask_frames=tuple(int(value) for value in item.numbers(0x00286110)),
        averaged=max(item.integer(0x00286112) or 1, 1),
        shift=item.floats(0x00286114, 2) or (0.0, 0.0),
        offset=1 if offset is None else offset,
    )
