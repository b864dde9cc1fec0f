"""Private elements of a maker: in which block of their group they stand (PS3.5 7.8.1)."""

from workstation.dicom.text import Header


def private_block(header: Header, group: int, creator: str) -> int:
    """The first tag of a maker's block, to which an element's last two digits are added; 0 where it has none."""
    for number in range(0x10, 0x20):
        if (group << 16 | number) in header and header.text(group << 16 | number) == creator:
            return group << 16 | number << 8
    return 0
