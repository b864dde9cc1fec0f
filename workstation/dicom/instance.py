"""The header of one SOP instance as frozen values, parsed once at arrival and kept as JSON in the archive's index.

It holds all that stacking, decoding and display ask of a header, so that opening a cached series parses nothing.
"""

from dataclasses import dataclass, field

from workstation.dicom import plain
from workstation.dicom.colour_profiles import ColourProfile
from workstation.dicom.concatenation import WHOLE, Concatenation
from workstation.dicom.content import ImageReference, Patient, StudyHeader
from workstation.dicom.detector import Detector
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.frames import FrameSpans
from workstation.dicom.key_objects import Rejection
from workstation.dicom.lut import Palette, VoiTable, Window
from workstation.dicom.mammography import MammographyView
from workstation.dicom.mosaic import Mosaic
from workstation.dicom.overlay_planes import OverlayPlane
from workstation.dicom.real_world import ImageMapping
from workstation.dicom.shutters import Shutter
from workstation.dicom.subtraction import Subtraction
from workstation.dicom.ultrasound import UltrasoundRegion
from workstation.dicom.uptake import Uptake

HEADER_VERSION = 1
"""Counts up when more of a header is read than before: an index written by an older program is then read anew."""


@dataclass(frozen=True)
class PixelDescription:
    """The Image Pixel module (PS3.3 C.7.6.3). `float_bits` is 32 or 64 for (Double) Float Pixel Data, else 0.

    `swapped_bytes` marks 8-bit samples packed into big-endian words (OW, PS3.5 D.3).
    `ratio` is the Lossy Image Compression Ratio, 0 when not stated; padding values are stored values, sign-extended.
    """

    samples_per_pixel: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: int = 0
    padding_value: int | None = None
    padding_limit: int | None = None
    lossy: bool = False
    ratio: float = 0.0
    float_bits: int = 0
    swapped_bytes: bool = False

    @property
    def colour(self) -> bool:
        """Whether a decoded frame has three samples: RGB, the YBR family, or a palette."""
        return self.samples_per_pixel == 3 or self.photometric == "PALETTE COLOR"

    @property
    def stored_range(self) -> tuple[int, int]:
        """The least and the greatest stored value."""
        if self.signed:
            return -(1 << (self.bits_stored - 1)), (1 << (self.bits_stored - 1)) - 1
        return 0, (1 << self.bits_stored) - 1


@dataclass(frozen=True)
class Instance:
    """One SOP instance. Texts are decoded, dates and times are DICOM's (`YYYYMMDD`, `HHMMSS.ffffff`).

    `frame_offsets` has an entry a frame: its fragments as (offset, length) into the Part 10 bytes, or into the inflated
    data set of a deflated object. `frames` has one entry a frame, or a single one that holds for all.
    """

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    patient: Patient
    study: StudyHeader
    series_number: int | None = None
    instance_number: int | None = None
    acquisition_number: int | None = None
    series_description: str = ""
    body_part: str = ""
    protocol_name: str = ""
    image_type: tuple[str, ...] = ()
    manufacturer: str = ""
    model_name: str = ""
    station_name: str = ""
    institution: str = ""
    series_date: str = ""
    series_time: str = ""
    acquisition_date: str = ""
    acquisition_time: str = ""
    content_date: str = ""
    content_time: str = ""
    patient_age: str = ""
    patient_comments: str = ""
    texts_read_as: str = ""  # the codec, where Specific Character Set is absent or false (`undeclared_text`)
    document_title: str = ""
    completion_flag: str = ""
    verification_flag: str = ""
    mime_type: str = ""
    rejection: Rejection | None = None
    rows: int = 0
    columns: int = 0
    number_of_frames: int = 0
    pixels: PixelDescription | None = None
    frame_offsets: FrameSpans = field(default=(), repr=False)
    frames: tuple[FrameGeometry, ...] = field(default=(FrameGeometry(),), repr=False)
    frame_of_reference_uid: str = ""
    imager_pixel_spacing: tuple[float, ...] | None = None
    nominal_scanned_spacing: tuple[float, ...] | None = None
    pixel_spacing_calibration: str = ""
    magnification: float | None = None
    source_to_detector_mm: float | None = None
    source_to_patient_mm: float | None = None
    pixel_aspect_ratio: tuple[float, ...] | None = None
    units: str = ""
    modality_table: VoiTable | None = field(default=None, repr=False)
    palette: Palette | None = field(default=None, repr=False)
    colour_profile: ColourProfile | None = None
    supplemental_palette: bool = False
    presentation_lut_shape: str = ""
    presentation_intent: str = ""
    patient_orientation: tuple[str, ...] = ()
    laterality: str = ""
    view_position: str = ""
    kvp: float | None = None
    kernel: str = ""
    contrast_agent: str = ""
    echo_numbers: tuple[float, ...] = ()
    cardiac_phase: float | None = None
    spacing_between_slices: float | None = None
    frame_time_ms: float | None = None
    burned_in: str = ""
    ultrasound_regions: tuple[UltrasoundRegion, ...] = ()
    concatenation: Concatenation = WHOLE
    detector: Detector | None = None
    uptake: Uptake | None = None
    overlays: tuple[OverlayPlane, ...] = ()
    shutter: Shutter | None = None
    image_mappings: tuple[ImageMapping, ...] = ()
    mammography: MammographyView | None = None
    subtraction: Subtraction | None = None
    mosaic: Mosaic | None = None  # whose tiles are the frames; rows and columns are then a tile's
    mosaic_kept: str = ""  # why a mosaic is shown as stored, in English
    header_version: int = 0

    @property
    def has_pixels(self) -> bool:
        """Whether there is a picture to show."""
        return self.pixels is not None and self.number_of_frames > 0

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of the first frame, in the header's order."""
        return self.frames[0].windows

    @property
    def voi_tables(self) -> tuple[VoiTable, ...]:
        """The VOI LUTs of the first frame, in the header's order."""
        return self.frames[0].voi_tables

    @property
    def inverted(self) -> bool:
        """Whether low values are to be shown bright: MONOCHROME1, or an INVERSE Presentation LUT Shape.

        For MONOCHROME1 the shape is INVERSE by definition (PS3.3 C.11.6.1.2), so the two are one inversion.
        """
        if self.pixels is None:
            return False
        return self.pixels.photometric == "MONOCHROME1" or self.presentation_lut_shape == "INVERSE"

    def frame(self, index: int = 0) -> FrameGeometry:
        """The values of a frame, counted from 0."""
        return self.frames[index if len(self.frames) > 1 else 0]

    def reference(self, frame: int | None = None) -> ImageReference:
        """A reference to the object, or to one of its frames, counted from 1; the tiles of a mosaic are no frames."""
        stored = None if self.mosaic is not None else frame
        return ImageReference(self.study_uid, self.series_uid, self.sop_class_uid, self.sop_instance_uid, stored)

    def to_json(self) -> str:
        """Compact JSON; `from_json` gives back an equal Instance."""
        return plain.to_json(self)

    @classmethod
    def from_json(cls, text: str) -> "Instance":
        """The inverse of `to_json`; ValueError for text that is none."""
        return plain.from_json(cls, text)
