"""The plain values of a conclusion: what viewing measures, reporting writes and the document writers encode.

Coordinates come in two systems. `points_px` are SCOORD pairs (column, row) with 0.0 at the top-left *corner* of the
first pixel (PS3.3 C.18.6.1.2): the centre of the first pixel is (0.5, 0.5). `points_mm` are LPS millimetres in a Frame
of Reference (SCOORD3D, PS3.3 C.18.9).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from workstation.dicom.lut import VoiTable, Window

GraphicType = Literal["POINT", "MULTIPOINT", "POLYLINE", "POLYGON", "ELLIPSE"]
MeasurementKind = Literal["length", "ellipse", "polygon", "angle", "cobb", "point"]


@dataclass(frozen=True)
class Code:
    """A coded concept: value, coding scheme designator (`DCM`, `LN`, `SCT`, `UCUM` …), meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class ImageReference:
    """One image of one study; `frame` counts from 1, None for a single-frame image."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    frame: int | None = None


@dataclass(frozen=True)
class Anchor:
    """Where a measurement stands.

    `image` is the source image, or for a graphic drawn on a reformat the source image nearest to it; then `points_px`
    is empty and only `points_mm` holds. An ellipse has four points: the ends of the major, then of the minor axis. An
    outline ends with its first point: a closed POLYLINE on an image (SCOORD has no polygon), a POLYGON in space.
    """

    image: ImageReference
    graphic_type: GraphicType
    points_px: tuple[tuple[float, float], ...] = ()
    frame_of_reference_uid: str = ""
    points_mm: tuple[tuple[float, float, float], ...] = ()
    plane: str = "stack"


@dataclass(frozen=True)
class Quantity:
    """A number with what it is and its UCUM unit; `unit` None when no unit is known.

    `uncertainty` is ± in the same unit, for about 95 %; 0 where nothing is said.
    """

    name: Code
    value: float
    unit: Code | None
    uncertainty: float = 0.0


@dataclass(frozen=True)
class Measurement:
    """One graphic and its numbers. `spacing_source` says where millimetres came from, or is empty for pixels.

    `remark` is what a reader of the numbers must know besides: a slab, samples of a reformat, a doubtful spacing.
    """

    tracking_uid: str
    label: str
    kind: MeasurementKind
    anchor: Anchor
    quantities: tuple[Quantity, ...]
    spacing_source: str
    study_date: str = ""
    remark: str = ""

    @property
    def primary(self) -> Quantity:
        """The number that stands for the graphic: the length, or the mean of a region."""
        return self.quantities[0]


@dataclass(frozen=True)
class KeyImage:
    """An image worth showing, with the 8-bit picture (PNG) as the reader saw it, burned-in graphics included.

    `window` is the one it was seen in, in the values of its rescale; None where it was another way of showing them.
    """

    image: ImageReference
    picture_png: bytes = field(repr=False)
    caption: str = ""
    window: Window | None = None


@dataclass(frozen=True)
class PresentedImage:
    """A grey image, or a frame of one, as a presentation state is to show it elsewhere.

    Stored values become modality values by `slope` · stored + `intercept`, these become greys by `voi` (None: all of
    the range). `aspect` is the height of a pixel to its width. `labels` are (TrackingUID, text beside the graphic).
    """

    image: ImageReference
    rows: int
    columns: int
    slope: float = 1.0
    intercept: float = 0.0
    rescale_type: str = ""
    inverted: bool = False
    voi: Window | VoiTable | None = None
    pixel_spacing: tuple[float, ...] | None = None
    aspect: tuple[int, int] = (1, 1)
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Statement:
    """One line of a section: the concept, e.g. (121071,DCM,Finding), its text, and what it rests on.

    `label` is the run-in heading (`Lungs`) with which `text` itself begins, where a new paragraph of the page starts.
    """

    concept: Code
    text: str
    code: Code | None = None
    measurements: tuple[str, ...] = ()
    images: tuple[ImageReference, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Section:
    """A heading (LOINC, CID 7001), its title in the document's language, and its lines."""

    heading: Code
    title: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Patient:
    """The subject, as the images name it; `name` is a DICOM PN (`Family^Given^Middle`), dates are `YYYYMMDD`."""

    name: str
    patient_id: str
    issuer: str = ""
    birth_date: str = ""
    sex: str = ""


@dataclass(frozen=True)
class StudyHeader:
    """The study a document belongs to, as its images have it."""

    study_uid: str
    study_date: str = ""
    study_time: str = ""
    study_id: str = ""
    accession: str = ""
    description: str = ""
    referring_physician: str = ""
    modality: str = ""


@dataclass(frozen=True)
class Order:
    """The request that is answered."""

    placer_order: str = ""
    filler_order: str = ""
    procedure_id: str = ""
    procedure_description: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Observer:
    """The person who reads and signs."""

    name: str
    organisation: str
    code: Code


@dataclass(frozen=True)
class DocumentUids:
    """SOP Instance and Series Instance UIDs of the documents of one package, made once.

    Without UIDs for a manifest the package has none, however many images were read. `presentations` has one UID for
    each presentation state of the package.
    """

    conclusion: str
    conclusion_series: str
    measurements: str
    measurements_series: str
    key_images: str
    key_images_series: str
    pdf: str
    pdf_series: str
    manifest: str = ""
    manifest_series: str = ""
    presentations: tuple[str, ...] = field(default=(), kw_only=True)
    presentations_series: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Conclusion:
    """Everything that is signed, as plain values. `observed_at` is timezone-aware."""

    uids: DocumentUids
    patient: Patient
    study: StudyHeader
    order: Order
    title: Code
    language: Literal["ru", "en"]
    observer: Observer
    observed_at: datetime
    sections: tuple[Section, ...]
    measurements: tuple[Measurement, ...]
    key_images: tuple[KeyImage, ...]
    evidence: tuple[ImageReference, ...]
    other_evidence: tuple[ImageReference, ...] = ()
    predecessors: tuple[ImageReference, ...] = ()
    completeness: str = ""
    station_name: str = ""
    presented: tuple[PresentedImage, ...] = ()
    dose: str = ""


@dataclass(frozen=True)
class ReportText:
    """A report to read: `sections` are (heading, text) in the document's order; `date` is `YYYYMMDD`, or empty."""

    title: str
    date: str
    author: str
    verified: bool
    sections: tuple[tuple[str, str], ...]
