"""Where the overlay planes of an image lie, as its header says: place, frames, name, and where their bits are.

Values only, so that `Instance` can hold them; the bits are read by `overlays`. PS3.3 C.9.2 and C.9.3.
"""

from dataclasses import dataclass

from workstation.dicom.text import Header

GROUPS = range(0x6000, 0x6020, 2)


@dataclass(frozen=True)
class OverlayPlane:
    """A plane of `rows` × `columns` whose first pixel lies on pixel (`top`, `left`) of the image, counted from 0.

    Origins may be negative or beyond the image. `kind` is G (graphics) or R (region of interest). `frames` is 0 where
    the plane holds for every frame; else overlay frame n lies over image frame `first_frame` + n, both counted from 0.
    `embedded` planes have their bits at `bit_position` of the pixel words.
    """

    group: int
    rows: int
    columns: int
    top: int = 0
    left: int = 0
    kind: str = "G"
    label: str = ""
    description: str = ""
    subtype: str = ""
    frames: int = 0
    first_frame: int = 0
    embedded: bool = False
    bit_position: int = 0

    @property
    def name(self) -> str:
        """What the plane calls itself; empty where it has no name."""
        return self.label or self.description

    def frame_for(self, frame: int) -> int | None:
        """The overlay frame that lies over an image frame, both counted from 0; None where there is none."""
        if self.embedded or self.frames == 0:
            return 0
        at = frame - self.first_frame
        return at if 0 <= at < self.frames else None


def overlay_planes_of(header: Header) -> tuple[OverlayPlane, ...]:
    """The planes of a header by group; those without a size, or without bits anywhere, are none."""
    planes = []
    for group in GROUPS:
        base = group << 16
        if base | 0x0010 not in header:
            continue
        rows, columns = header.integer(base | 0x0010) or 0, header.integer(base | 0x0011) or 0
        position, standalone = header.integer(base | 0x0102) or 0, base | 0x3000 in header
        if rows < 1 or columns < 1 or not (standalone or position):
            continue
        origin = header.numbers(base | 0x0050, signed=True)
        top, left = (int(origin[0]), int(origin[1])) if len(origin) == 2 else (1, 1)
        frames = header.integer(base | 0x0015) or 0
        first = header.integer(base | 0x0051)
        planes.append(
            OverlayPlane(
                group,
                rows,
                columns,
                top - 1,
                left - 1,
                header.text(base | 0x0040) or "G",
                header.text(base | 0x1500),
                header.text(base | 0x0022),
                header.text(base | 0x0045),
                max(frames, 1) if frames > 0 or first is not None else 0,
                max((first or 1) - 1, 0),
                not standalone,
                0 if standalone else position,
            )
        )
    return tuple(planes)
