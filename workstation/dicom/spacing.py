"""Millimetres a pixel, and where they come from: the ladder of sources for images with and without patient geometry.

A projection's pixel has no size in the patient until someone says at which depth; so each number carries its source,
and where there is none, measurements are in pixels.
"""

from dataclasses import dataclass

from workstation.dicom.detector import doubt_of
from workstation.dicom.instance import Instance
from workstation.language import N_

PATIENT = N_("patient geometry")
CALIBRATED = N_("calibrated")
CORRECTED = N_("magnification-corrected, assumed depth")
CORRECTED_SOMEHOW = N_("corrected, method not stated")
DETECTOR = N_("detector plane, uncorrected")
ESTIMATED = N_("estimated from magnification")
FILM = N_("film, nominal")
REGION = N_("ultrasound region")
STATED = N_("as the file states")
READER = N_("calibrated by the reader")
PIXELS = N_("px")

PROJECTIONS = frozenset(("CR", "DX", "MG", "XA", "RF", "IO", "PX", "RG", "XC"))
_SECTIONS = frozenset(("CT", "MR", "PT", "NM"))
_SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
# endoscopy, photographs, eyes: what a pixel covers depends on the distance, which nobody knows
_PHOTOGRAPHS = frozenset(("ES", "XC", "GM", "DMS", "OP"))
_SAME = 0.01


@dataclass(frozen=True)
class Spacing:
    """Distance between rows and between columns, and its source (English; translate it where it is shown).

    With the source `px` the two are not millimetres but the pixel's aspect (1.0 × 1.0 when square). `doubt` is what
    speaks against the numbers, English too, or empty.
    """

    row_mm: float
    column_mm: float
    source: str = PATIENT
    doubt: str = ""

    @property
    def in_mm(self) -> bool:
        """Whether lengths in millimetres may be given."""
        return self.source != PIXELS


def spacing_of(instance: Instance, frame: int = 0) -> Spacing:
    """The spacing of a frame by the first rung of the ladder that holds."""
    geometry = instance.frame(frame)
    own = geometry.pixel_spacing
    if geometry.position is not None and geometry.orientation is not None and own is not None:
        return Spacing(own[0], own[1], PATIENT)
    if instance.ultrasound_regions or instance.modality in ("US", "IVUS"):
        return _ultrasound(instance)
    if instance.sop_class_uid.startswith(_SECONDARY) and not instance.pixel_spacing_calibration:
        nominal = instance.nominal_scanned_spacing
        return Spacing(nominal[0], nominal[1], FILM) if _positive(nominal) and nominal else _pixels(instance)
    if instance.modality in _PHOTOGRAPHS and not instance.pixel_spacing_calibration:
        return _pixels(instance)
    if instance.modality not in PROJECTIONS and own is not None and not instance.pixel_spacing_calibration:
        return Spacing(own[0], own[1], PATIENT if instance.modality in _SECTIONS else STATED)
    return _projection(instance, own)


def _positive(pair: tuple[float, ...] | None) -> bool:
    return pair is not None and pair[0] > 0 and pair[1] > 0


def _projection(instance: Instance, own: tuple[float, ...] | None) -> Spacing:
    """PS3.3 10.7.1.3: Pixel Spacing that equals Imager Pixel Spacing is the detector's; another one was corrected."""
    imager = instance.imager_pixel_spacing if _positive(instance.imager_pixel_spacing) else None
    doubt = ""
    if imager is not None and instance.detector is not None:
        doubt = doubt_of(instance.detector, imager, instance.rows, instance.columns)
    if own is not None:
        at_detector = imager is None or all(abs(a - b) <= _SAME * b for a, b in zip(own, imager, strict=True))
        if imager is None and instance.detector is not None:
            doubt = doubt_of(instance.detector, own, instance.rows, instance.columns)
        if instance.pixel_spacing_calibration == "FIDUCIAL":
            return Spacing(own[0], own[1], CALIBRATED, doubt)
        if instance.pixel_spacing_calibration == "GEOMETRY":
            return Spacing(own[0], own[1], CORRECTED, doubt)
        return Spacing(own[0], own[1], DETECTOR if at_detector else CORRECTED_SOMEHOW, doubt)
    if imager is not None:
        factor = instance.magnification
        distances = instance.source_to_detector_mm, instance.source_to_patient_mm
        if not factor and distances[0] and distances[1] and distances[1] > 0:
            factor = distances[0] / distances[1]
        if factor and factor > 1:
            return Spacing(imager[0] / factor, imager[1] / factor, ESTIMATED, doubt)
        return Spacing(imager[0], imager[1], DETECTOR, doubt)
    nominal = instance.nominal_scanned_spacing
    if nominal is not None and _positive(nominal):
        return Spacing(nominal[0], nominal[1], FILM)
    return _pixels(instance)


def _pixels(instance: Instance) -> Spacing:
    """No millimetres: the aspect by Pixel Aspect Ratio (0028,0034), vertical \\ horizontal."""
    aspect = instance.pixel_aspect_ratio
    if aspect is not None and _positive(aspect):
        return Spacing(aspect[0] / aspect[1], 1.0, PIXELS)
    return Spacing(1.0, 1.0, PIXELS)


def _ultrasound(instance: Instance) -> Spacing:
    """One scale for the frame only where all its regions are spatial and agree on it (PS3.3 C.8.5.5)."""
    regions = instance.ultrasound_regions
    if regions and all(region.spatial and region.same_scale(regions[0]) for region in regions):
        return Spacing(*regions[0].spacing_mm, REGION)
    return _pixels(instance)
