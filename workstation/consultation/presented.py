"""Which images a conclusion's presentation states show, and how: those with drawn measurements, and the key images.

Grey images of the study itself with a plain rescale; what else there is stays with the measurements, the key object
document and the PDF.
"""

from collections.abc import Iterable, Sequence

from workstation.dicom.content import ImageReference, KeyImage, Measurement, PresentedImage
from workstation.dicom.instance import Instance
from workstation.dicom.lut import VoiTable, Window
from workstation.reporting.findings import quantity_text
from workstation.reporting.structure import Language


def presented_images(
    instances: Iterable[Instance],
    measurements: Sequence[Measurement],
    key_images: Sequence[KeyImage],
    language: Language,
) -> tuple[PresentedImage, ...]:
    """The images to be presented, in the order in which measurements, then key images name them."""
    known = {one.sop_instance_uid: one for one in instances if _presentable(one)}
    drawn = [one.anchor.image for one in measurements if one.anchor.points_px]
    wanted = dict.fromkeys((*drawn, *(key.image for key in key_images)))
    return tuple(
        _presented(known[image.sop_instance_uid], image, measurements, key_images, language)
        for image in wanted
        if image.sop_instance_uid in known
    )


def _presentable(instance: Instance) -> bool:
    """Whether a Grayscale Softcopy Presentation State can show it as it is shown here."""
    pixels = instance.pixels
    if pixels is None or pixels.colour or pixels.samples_per_pixel != 1 or pixels.float_bits:
        return False
    # the tiles of a mosaic are no frames; a modality table would have to be written anew
    return instance.has_pixels and instance.mosaic is None and instance.modality_table is None


def _presented(
    instance: Instance,
    image: ImageReference,
    measurements: Sequence[Measurement],
    key_images: Sequence[KeyImage],
    language: Language,
) -> PresentedImage:
    frame = instance.frame((image.frame or 1) - 1)
    ratio = instance.pixel_aspect_ratio
    return PresentedImage(
        image=image,
        rows=instance.rows,
        columns=instance.columns,
        slope=frame.slope,
        intercept=frame.intercept,
        rescale_type=frame.rescale_type or ("HU" if instance.modality == "CT" else ""),
        inverted=instance.inverted,
        voi=_voi(instance, image, key_images),
        pixel_spacing=frame.pixel_spacing,
        aspect=(round(ratio[0]), round(ratio[1])) if ratio and min(ratio) >= 1 else (1, 1),
        labels=tuple(
            (one.tracking_uid, _label(one, language))
            for one in measurements
            if one.anchor.image == image and _inside(one, instance)
        ),
    )


def _inside(measurement: Measurement, instance: Instance) -> bool:
    """PIXEL coordinates reach from 0\\0 to the far corner of the image (PS3.3 C.10.5.1.2)."""
    points = measurement.anchor.points_px
    return bool(points) and all(0 <= x <= instance.columns and 0 <= y <= instance.rows for x, y in points)


def _voi(instance: Instance, image: ImageReference, key_images: Sequence[KeyImage]) -> Window | VoiTable | None:
    """As the key image was seen, else the file's first choice, else as another key image of the series was seen."""
    seen = [key for key in key_images if key.window is not None]
    frame = instance.frame((image.frame or 1) - 1)
    choices = (
        *(key.window for key in seen if key.image == image),
        *frame.windows,
        *frame.voi_tables,
        *(key.window for key in seen if key.image.series_uid == image.series_uid),
    )
    return choices[0] if choices else None


def _label(measurement: Measurement, language: Language) -> str:
    """Its name and its numbers, a line each."""
    numbers = (quantity_text(quantity, language) for quantity in measurement.quantities)
    return "\r\n".join(line for line in (measurement.label, *numbers) if line)
