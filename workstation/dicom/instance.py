"""The header of one SOP instance as frozen values, parsed once at arrival and kept as JSON in the archive's index.

It holds all that stacking, decoding and display ask of a header, so that opening a cached series parses nothing.
"""

import threading
import warnings
from dataclasses import dataclass, field

from workstation.dicom import plain
from workstation.dicom.content import ImageReference, Patient, StudyHeader
from workstation.dicom.frame_values import FrameGeometry, frame_from_header, frames_from_groups
from workstation.dicom.frames import FrameSpans, encapsulated_frames, native_frames
from workstation.dicom.lut import Palette, VoiTable, Window, modality_table_of, palette_of
from workstation.dicom.part10 import BROKEN, EXPLICIT_BIG, Part10, PixelElement, not_dicom, open_part10
from workstation.dicom.text import Header
from workstation.dicom.transfer_syntaxes import ENCAPSULATED, VIDEO
from workstation.errors import UnreadableObject
from workstation.language import _

_quiet = threading.Lock()
_MOST_FRAMES = 100_000
_CT_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")


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
class UltrasoundRegion:
    """A calibrated region (PS3.3 C.8.5.5): bounds in pixels, inclusive; units by code (3 = cm, 4 = s)."""

    left: int
    top: int
    right: int
    bottom: int
    units_x: int
    units_y: int
    delta_x: float
    delta_y: float
    spatial_format: int = 0


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
    document_title: str = ""
    completion_flag: str = ""
    verification_flag: str = ""
    mime_type: str = ""
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
        """A reference to the object, or to one of its frames, counted from 1."""
        return ImageReference(self.study_uid, self.series_uid, self.sop_class_uid, self.sop_instance_uid, frame)

    def to_json(self) -> str:
        """Compact JSON; `from_json` gives back an equal Instance."""
        return plain.to_json(self)

    @classmethod
    def from_json(cls, text: str) -> "Instance":
        """The inverse of `to_json`; ValueError for text that is none."""
        return plain.from_json(cls, text)


def parse_instance(data: bytes) -> Instance:
    """The values of one Part 10 object.

    Raises UnreadableObject, without a word of patient data, for bytes that are no DICOM object, that end early, or
    whose structure is broken.
    """
    # pydicom comments on odd headers by warnings, whose filters are the process's: one thread at a time
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = open_part10(data)
        try:
            return _instance(opened)
        except BROKEN as error:
            kind = type(error).__name__
    raise UnreadableObject(_("Damaged DICOM object"), _("the header can't be read ({kind})").format(kind=kind))


def _instance(opened: Part10) -> Instance:
    header = opened.header
    sop_class = header.text(0x00080016) or opened.meta_text(0x00020002)
    sop_instance = header.text(0x00080018) or opened.meta_text(0x00020003)
    if not sop_class or not sop_instance:
        raise not_dicom(_("it has no SOP Class and Instance UID"))
    pixels, spans = _pixels(opened)
    signed = pixels.signed if pixels is not None else False
    count = len(spans)
    table, table_type = modality_table_of(header, signed=signed)
    frames = (
        frames_from_groups(header, frame_from_header(header, signed=signed), count, signed=signed)
        if pixels is not None
        else (FrameGeometry(),)
    )
    modality = header.text(0x00080060)
    image_type = header.texts(0x00080008)
    return Instance(
        study_uid=header.text(0x0020000D),
        series_uid=header.text(0x0020000E),
        sop_instance_uid=sop_instance,
        sop_class_uid=sop_class,
        transfer_syntax_uid=opened.transfer_syntax_uid,
        modality=modality,
        patient=_patient(header),
        study=_study(header, modality),
        series_number=header.integer(0x00200011),
        instance_number=header.integer(0x00200013),
        acquisition_number=header.integer(0x00200012),
        series_description=header.text(0x0008103E),
        body_part=header.text(0x00180015),
        protocol_name=header.text(0x00181030),
        image_type=image_type,
        manufacturer=header.text(0x00080070),
        model_name=header.text(0x00081090),
        station_name=header.text(0x00081010),
        institution=header.text(0x00080080),
        series_date=header.text(0x00080021),
        series_time=header.text(0x00080031),
        acquisition_date=header.text(0x00080022) or header.text(0x0008002A)[:8],
        acquisition_time=header.text(0x00080032) or header.text(0x0008002A)[8:],
        content_date=header.text(0x00080023),
        content_time=header.text(0x00080033),
        patient_age=header.text(0x00101010),
        patient_comments=header.long_text(0x00104000),
        document_title=_document_title(header),
        completion_flag=header.text(0x0040A491),
        verification_flag=header.text(0x0040A493),
        mime_type=header.text(0x00420012),
        rows=header.integer(0x00280010) or 0 if pixels is not None else 0,
        columns=header.integer(0x00280011) or 0 if pixels is not None else 0,
        number_of_frames=count,
        pixels=pixels,
        frame_offsets=spans,
        frames=frames,
        frame_of_reference_uid=header.text(0x00200052),
        imager_pixel_spacing=header.floats(0x00181164, 2),
        nominal_scanned_spacing=header.floats(0x00182010, 2),
        pixel_spacing_calibration=header.text(0x00280A02),
        magnification=header.number(0x00181114),
        source_to_detector_mm=header.number(0x00181110),
        source_to_patient_mm=header.number(0x00181111),
        pixel_aspect_ratio=header.floats(0x00280034, 2),
        units=_units(header, sop_class, image_type, frames[0].rescale_type, table_type),
        modality_table=table,
        palette=palette_of(header) if pixels is not None and pixels.photometric == "PALETTE COLOR" else None,
        presentation_lut_shape=header.text(0x20500020),
        presentation_intent=header.text(0x00080068),
        patient_orientation=header.texts(0x00200020),
        laterality=header.text(0x00200062) or header.text(0x00200060),
        view_position=header.text(0x00185101),
        kvp=header.number(0x00180060),
        kernel="\\".join(header.texts(0x00181210)),
        contrast_agent=header.text(0x00180010),
        echo_numbers=tuple(float(value) for value in header.numbers(0x00180086)),
        cardiac_phase=header.number(0x00209241),
        spacing_between_slices=header.number(0x00180088),
        frame_time_ms=header.number(0x00181063),
        burned_in=header.text(0x00280301),
        ultrasound_regions=tuple(_regions(header)) if 0x00186011 in header else (),
    )


def _patient(header: Header) -> Patient:
    return Patient(
        name=header.text(0x00100010),
        patient_id=header.text(0x00100020),
        issuer=header.text(0x00100021),
        birth_date=header.text(0x00100030),
        sex=header.text(0x00100040),
    )


def _study(header: Header, modality: str) -> StudyHeader:
    return StudyHeader(
        study_uid=header.text(0x0020000D),
        study_date=header.text(0x00080020),
        study_time=header.text(0x00080030),
        study_id=header.text(0x00200010),
        accession=header.text(0x00080050),
        description=header.text(0x00081030),
        referring_physician=header.text(0x00080090),
        modality=modality,
    )


def _document_title(header: Header) -> str:
    """An encapsulated document's title, or the meaning of a structured report's root concept."""
    title = header.text(0x00420010)
    if title:
        return title
    concept = header.item(0x0040A043)
    return concept.text(0x00080104) if concept is not None else ""


def _units(header: Header, sop_class: str, image_type: tuple[str, ...], rescale_type: str, table_type: str) -> str:
    """The unit of modality values, empty when none is known (PS3.3 C.11.1.1.2, C.8.2.1.1.2).

    A CT without a Rescale Type is in HU when it is an original image and no localiser; nothing else inherits a unit.
    """
    if header.text(0x00541001):
        return header.text(0x00541001)
    named = table_type or rescale_type
    if named and named != "US":
        return named
    original = image_type[:1] == ("ORIGINAL",) and "LOCALIZER" not in image_type
    return "HU" if sop_class in _CT_CLASSES and original and not named else ""


def _regions(header: Header) -> list[UltrasoundRegion]:
    regions = []
    for item in header.items(0x00186011):
        bounds = [item.integer(tag) for tag in (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)]
        deltas = item.number(0x0018602C), item.number(0x0018602E)
        if None in bounds or None in deltas:
            continue
        left, top, right, bottom = (value or 0 for value in bounds)
        regions.append(
            UltrasoundRegion(
                left,
                top,
                right,
                bottom,
                item.integer(0x00186024) or 0,
                item.integer(0x00186026) or 0,
                deltas[0] or 0.0,
                deltas[1] or 0.0,
                item.integer(0x00186012) or 0,
            )
        )
    return regions


def _pixels(opened: Part10) -> tuple[PixelDescription | None, FrameSpans]:
    """The Image Pixel module and where the frames stand; (None, ()) when there is no picture."""
    header, element = opened.header, opened.pixels
    rows, columns = header.integer(0x00280010) or 0, header.integer(0x00280011) or 0
    if element is None or rows < 1 or columns < 1:
        return None, ()
    allocated = header.integer(0x00280100) or 0
    float_bits = {0x7FE00008: 32, 0x7FE00009: 64}.get(element.tag, 0)
    stored = header.integer(0x00280101) or allocated
    if not float_bits and (not 1 <= allocated <= 64 or not 1 <= stored <= allocated):
        raise UnreadableObject(_("Damaged DICOM object"), _("bits allocated and bits stored contradict each other"))
    signed = header.integer(0x00280103) == 1
    description = PixelDescription(
        samples_per_pixel=header.integer(0x00280002) or 1,
        photometric=header.text(0x00280004) or "MONOCHROME2",
        bits_allocated=float_bits or allocated,
        bits_stored=float_bits or stored,
        high_bit=_or(header.integer(0x00280102), stored - 1),
        signed=signed,
        planar=header.integer(0x00280006) or 0,
        padding_value=header.integer(0x00280120, signed=signed),
        padding_limit=header.integer(0x00280121, signed=signed),
        lossy=header.text(0x00282110) == "01",
        ratio=header.number(0x00282112) or 0.0,
        float_bits=float_bits,
        swapped_bytes=opened.transfer_syntax_uid == EXPLICIT_BIG and element.vr == "OW" and allocated <= 8,
    )
    return description, _spans(opened, element, description, rows * columns)


def _spans(opened: Part10, element: PixelElement, description: PixelDescription, area: int) -> FrameSpans:
    header = opened.header
    frames = header.integer(0x00280008) or 1
    if not 1 <= frames <= _MOST_FRAMES:
        raise UnreadableObject(_("Damaged DICOM object"), _("it promises {count} frames").format(count=frames))
    if opened.transfer_syntax_uid in VIDEO:
        # one stream holds all frames
        return ((),) * frames
    if element.length is None:
        if opened.transfer_syntax_uid not in ENCAPSULATED:
            raise UnreadableObject(
                _("Damaged DICOM object"), _("the pixel data are encapsulated, the transfer syntax says they are not")
            )
        extended = header.raw(0x7FE00001), header.raw(0x7FE00002)
        tables = None
        if extended[0] is not None and extended[1] is not None:
            tables = (
                tuple(int.from_bytes(extended[0][at : at + 8], "little") for at in range(0, len(extended[0]), 8)),
                (tuple(int.from_bytes(extended[1][at : at + 8], "little") for at in range(0, len(extended[1]), 8))),
            )
        return encapsulated_frames(opened.body, element.offset, frames, tables)
    samples = description.samples_per_pixel
    bits = area * samples * description.bits_allocated
    if description.photometric == "YBR_FULL_422" and samples == 3:
        subsampled = area * 2 * description.bits_allocated
        # some writers leave the chroma at full size: the element's length tells which
        bits = subsampled if element.length * 8 < bits * frames else bits
    return native_frames(element, len(opened.body), bits, frames)


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
