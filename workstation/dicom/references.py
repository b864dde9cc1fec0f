"""Which images, and which frames of them, a part of an object speaks of (PS3.3 10.3, Image SOP Instance Reference)."""

from dataclasses import dataclass

from workstation.dicom.text import Header


@dataclass(frozen=True)
class References:
    """SOP Instance UIDs, each with the frames that are named, counted from 1; none named means all of them."""

    images: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.images)

    def name(self, sop_instance_uid: str, frame: int) -> bool:
        """Whether a frame, counted from 0, of an image is among them."""
        return any(uid == sop_instance_uid and (not frames or frame + 1 in frames) for uid, frames in self.images)

    def joined(self, other: "References") -> "References":
        """These and those."""
        return References(self.images + other.images)


def references_of(header: Header) -> References:
    """The Referenced Image Sequence (0008,1140) of a data set or item."""
    return References(
        tuple(
            (one.text(0x00081155), tuple(int(number) for number in one.numbers(0x00081160)))
            for one in header.items(0x00081140)
        )
    )
