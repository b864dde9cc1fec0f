"""Part 10 bytes to an `Instance`: the one place where a header is read, once, at arrival.

Each group of values that needs more than a line of reading has a module of its own; this one puts them together.
"""

from functools import lru_cache

from workstation.dicom.colour_profiles import colour_profile_of
from workstation.dicom.concatenation import concatenation_of
from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.detector import detector_of
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.frame_vectors import frames_of
from workstation.dicom.frames import FrameSpans, encapsulated_frames, native_frame_bits, native_frames
from workstation.dicom.instance import HEADER_VERSION, Instance, PixelDescription
from workstation.dicom.key_objects import rejection_of
from workstation.dicom.lut import modality_table_of, palette_of
from workstation.dicom.mammography import laterality_of, mammography_of
from workstation.dicom.overlay_planes import overlay_planes_of
from workstation.dicom.part10 import (
    BROKEN,
    Part10,
    PixelElement,
    not_dicom,
    open_part10,
    truncated,
    unreadable_header,
)
from workstation.dicom.real_world import image_mappings_of
from workstation.dicom.shutters import shutter_of
from workstation.dicom.subtraction import subtraction_of
from workstation.dicom.text import Header
from workstation.dicom.tiles import taken_apart
from workstation.dicom.transfer_syntaxes import EXPLICIT_BIG, NATIVE, VIDEO
from workstation.dicom.ultrasound import regions_of
from workstation.dicom.uptake import uptake_of
from workstation.errors import UnreadableObject
from workstation.language import _

_MOST_FRAMES = 100_000
_CT_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")


def get_ready_to_parse() -> None:
    """Import pydicom, which the first header needs: the longest import of the program, and none of its start."""
    _is_image("")


def parse_instance(data: bytes, text_encoding: str = "") -> Instance:
    """The values of one Part 10 object; `text_encoding` as in `undeclared_text`, for a source known for it.

    Raises UnreadableObject, without a word of patient data, for bytes that are no DICOM object, that end early, or
    whose structure is broken.
    """
    opened = open_part10(data, text_encoding)
    try:
        return taken_apart(_instance(opened), opened.header, opened.body)
    except BROKEN as error:
        raise unreadable_header(error) from None


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
    frames = frames_of(header, count, signed=signed) if pixels is not None else (FrameGeometry(),)
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
        texts_read_as=header.encoding_meant,
        document_title=_document_title(header),
        completion_flag=header.text(0x0040A491),
        verification_flag=header.text(0x0040A493),
        mime_type=header.text(0x00420012),
        rejection=rejection_of(header),
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
        palette=palette_of(header, signed=signed)
        if pixels is not None and pixels.photometric == "PALETTE COLOR"
        else None,
        colour_profile=colour_profile_of(header, colour=pixels is not None and pixels.colour),
        supplemental_palette=pixels is not None and not pixels.colour and header.raw(0x00281101) is not None,
        presentation_lut_shape=header.text(0x20500020),
        presentation_intent=header.text(0x00080068),
        patient_orientation=header.texts(0x00200020),
        laterality=laterality_of(header),
        view_position=header.text(0x00185101),
        kvp=header.number(0x00180060),
        kernel="\\".join(header.texts(0x00181210)),
        contrast_agent=header.text(0x00180010),
        echo_numbers=tuple(float(value) for value in header.numbers(0x00180086)),
        cardiac_phase=header.number(0x00209241),
        spacing_between_slices=header.number(0x00180088),
        frame_time_ms=header.number(0x00181063),
        burned_in=header.text(0x00280301),
        ultrasound_regions=regions_of(header),
        concatenation=concatenation_of(header),
        detector=detector_of(header),
        uptake=uptake_of(header),
        overlays=overlay_planes_of(header),
        shutter=shutter_of(header),
        image_mappings=image_mappings_of(header),
        mammography=mammography_of(header),
        subtraction=subtraction_of(header),
        header_version=HEADER_VERSION,
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


def _pixels(opened: Part10) -> tuple[PixelDescription | None, FrameSpans]:
    """The Image Pixel module and where the frames stand; (None, ()) when there is no picture."""
    header, element = opened.header, opened.pixels
    rows, columns = header.integer(0x00280010) or 0, header.integer(0x00280011) or 0
    if element is None:
        if _is_image(header.text(0x00080016) or opened.meta_text(0x00020002)):
            raise _without_pixels(header)
        return None, ()
    if rows < 1 or columns < 1:
        raise UnreadableObject(_("Damaged DICOM object"), _("it doesn't say how many rows and columns it has"))
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


@lru_cache(maxsize=64)
def _is_image(sop_class_uid: str) -> bool:
    """Whether objects of a SOP class are images by the class's own name (PS3.6 table A-1), and so have pixel data."""
    # at first use: pydicom is the longest import of the start
    from pydicom.config import IGNORE
    from pydicom.uid import UID

    return "Image Storage" in UID(sop_class_uid, IGNORE).name


def _without_pixels(header: Header) -> UnreadableObject:
    """The error for an image whose pixel data are not there: cut off between two elements, or kept elsewhere."""
    if header.text(0x00287FE0):
        return UnreadableObject(_("The picture can't be decoded"), _("its pixel data lie on a server of their own"))
    return truncated(_("the pixel data are missing"))


def _spans(opened: Part10, element: PixelElement, description: PixelDescription, area: int) -> FrameSpans:
    header = opened.header
    frames = header.integer(0x00280008) or 1
    if not 1 <= frames <= _MOST_FRAMES:
        count = str(frames) if abs(frames) < 10**12 else f"{frames:.0e}"
        raise UnreadableObject(_("Damaged DICOM object"), _("it promises {count} frames").format(count=count))
    if opened.transfer_syntax_uid in VIDEO:
        # one stream holds all frames
        return ((),) * frames
    if element.length is None:
        if opened.transfer_syntax_uid in NATIVE:
            raise UnreadableObject(
                _("Damaged DICOM object"), _("the pixel data are encapsulated, the transfer syntax says they are not")
            )
        starts, lengths = header.raw(0x7FE00001), header.raw(0x7FE00002)
        tables = None if starts is None or lengths is None else (_numbers(starts), _numbers(lengths))
        return encapsulated_frames(opened.body, element.offset, frames, tables)
    photometric, samples = description.photometric, description.samples_per_pixel
    bits = native_frame_bits(photometric, samples, description.bits_allocated, area, element.length, frames)
    return native_frames(element, len(opened.body), bits, frames)


def _numbers(table: bytes) -> tuple[int, ...]:
    """The 64-bit numbers of an Extended Offset Table or of its lengths."""
    return tuple(int.from_bytes(table[at : at + 8], "little") for at in range(0, len(table), 8))


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
