"""Millimetres a pixel, and where they come from: the ladder of sources for images with and without patient geometry.

A projection's pixel has no size in the patient until someone says at which depth; so each number carries its source,
and where there is none, measurements are in pixels.
"""

from dataclasses import dataclass

from workstation.dicom.instance import Instance
from workstation.language import N_

PATIENT = N_("patient geometry")
CALIBRATED = N_("calibrated")
CORRECTED = N_("magnification-corrected, assumed depth")
DETECTOR = N_("detector plane, uncorrected")
ESTIMATED = N_("estimated from magnification")
FILM = N_("film, nominal")
REGION = N_("ultrasound region")
PIXELS = N_("px")

PROJECTIONS = frozenset(("CR", "DX", "MG", "XA", "RF", "IO", "PX", "RG", "XC"))
_SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
_CENTIMETRES = 3


@dataclass(frozen=True)
class Spacing:
    """Distance between rows and between columns, and its source (English; translate it where it is shown).

    With the source `px` the two are not millimetres but the pixel's aspect (1.0 × 1.0 when square).
    """

    row_mm: float
    column_mm: float
    source: str = PATIENT

    @property
    def in_mm(self) -> bool:
        """Whether lengths in millimetres may be given."""
        return self.source != PIXELS


def spacing_of(instance: Instance, frame: int = 0) -> Spacing:
    """The spacing of a frame by the first rung of the ladder that holds."""
    geometry = instance.frame(frame)
    own = geometry.pixel_spacing
    if instance.ultrasound_regions or instance.modality in ("US", "IVUS"):
        return _ultrasound(instance)
    if geometry.position is not None and geometry.orientation is not None and own is not None:
        return Spacing(own[0], own[1], PATIENT)
    if instance.sop_class_uid.startswith(_SECONDARY) and not instance.pixel_spacing_calibration:
        nominal = instance.nominal_scanned_spacing
        return Spacing(nominal[0], nominal[1], FILM) if _positive(nominal) and nominal else _pixels(instance)
    return _projection(instance, own)


def _positive(pair: tuple[float, ...] | None) -> bool:
    return pair is not None and pair[0] > 0 and pair[1] > 0


def _projection(instance: Instance, own: tuple[float, ...] | None) -> Spacing:
    imager = instance.imager_pixel_spacing if _positive(instance.imager_pixel_spacing) else None
    if own is not None:
        if instance.pixel_spacing_calibration == "FIDUCIAL":
            return Spacing(own[0], own[1], CALIBRATED)
        if instance.pixel_spacing_calibration == "GEOMETRY":
            return Spacing(own[0], own[1], CORRECTED)
        if imager is None or all(abs(a - b) <= 0.01 * b for a, b in zip(own, imager, strict=True)):
            return Spacing(own[0], own[1], DETECTOR)
        return Spacing(own[0], own[1], CORRECTED)
    if imager is not None:
        factor = instance.magnification
        distances = instance.source_to_detector_mm, instance.source_to_patient_mm
        if not factor and distances[0] and distances[1] and distances[1] > 0:
            factor = distances[0] / distances[1]
        if factor and factor >= 1:
            return Spacing(imager[0] / factor, imager[1] / factor, ESTIMATED)
        return Spacing(imager[0], imager[1], DETECTOR)
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
    """One scale for the frame only where all spatial regions agree on it (PS3.3 C.8.5.5)."""
    scales = {
        (abs(region.delta_y) * 10, abs(region.delta_x) * 10)
        for region in instance.ultrasound_regions
        if region.units_x == region.units_y == _CENTIMETRES and region.delta_x and region.delta_y
    }
    if len(scales) == 1 and all(region.units_x == _CENTIMETRES for region in instance.ultrasound_regions):
        (row_mm, column_mm) = scales.pop()
        return Spacing(row_mm, column_mm, REGION)
    return _pixels(instance)
