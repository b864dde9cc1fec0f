"""Grayscale Softcopy Presentation States: the measurements' graphics, and the greys of key images, at the same place
elsewhere (PS3.3 A.33.1).

Graphics and texts are highdicom's items; header and references are ours, since images may have odd UIDs. What
one state says of modality values and polarity holds for all its images, so there are as many as there are such kinds.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from workstation.dicom.content import Conclusion, ImageReference, Measurement, PresentedImage
from workstation.dicom.document_header import clip, document, encode, put, referenced_sop
from workstation.dicom.lut import VoiTable, Window
from workstation.dicom.uids import GRAYSCALE_PRESENTATION_STATE

LAYER = "MEASUREMENTS"
_YELLOW_LAB = (63569, 29484, 57240)  # PS3.3 C.10.7.1.1, as 16-bit PCS values
_DESCRIPTION = {"ru": "Графика заключения", "en": "Graphics of the conclusion"}
_Kind = tuple[bool, float, float, str]


def states_of(presented: Sequence[PresentedImage]) -> tuple[tuple[PresentedImage, ...], ...]:
    """The images, each state's together, in order of appearance."""
    kinds: dict[_Kind, list[PresentedImage]] = {}
    for one in presented:
        kinds.setdefault((one.inverted, one.slope, one.intercept, one.rescale_type), []).append(one)
    return tuple(map(tuple, kinds.values()))


def write_presentation(conclusion: Conclusion, uid: str) -> bytes:
    """The presentation state with that UID as Part 10 bytes, unsigned; ValueError when the conclusion has no such."""
    uids = conclusion.uids
    number = uids.presentations.index(uid)
    images = states_of(conclusion.presented)[number]
    ds = document(
        conclusion,
        sop_class_uid=GRAYSCALE_PRESENTATION_STATE,
        uid=uid,
        series_uid=uids.presentations_series,
        modality="PR",
        series=(9006, "Graphics"),
    )
    del ds.ContentDate, ds.ContentTime
    ds.InstanceNumber = number + 1
    ds.Laterality = ""
    ds.ContentLabel = "CONCLUSION"
    ds.ContentDescription = _DESCRIPTION[conclusion.language]
    put(ds, "ContentCreatorName", conclusion.observer.name)
    ds.PresentationCreationDate, ds.PresentationCreationTime = ds.InstanceCreationDate, ds.InstanceCreationTime
    ds.ReferencedSeriesSequence = _series(images)
    ds.RescaleIntercept = format_number_as_ds(images[0].intercept)
    ds.RescaleSlope = format_number_as_ds(images[0].slope)
    ds.RescaleType = images[0].rescale_type or "US"
    ds.DisplayedAreaSelectionSequence = [_area(each) for each in _alike(images, _area_key)]
    vois = [_voi(each) for each in _alike((one for one in images if one.voi is not None), lambda one: one.voi)]
    if vois:
        ds.SoftcopyVOILUTSequence = vois
    ds.PresentationLUTShape = "INVERSE" if images[0].inverted else "IDENTITY"
    drawn = [annotation for one in images if (annotation := _annotation(conclusion, one)) is not None]
    if drawn:
        ds.GraphicAnnotationSequence = drawn
        ds.GraphicLayerSequence = [_layer()]
    return encode(ds)


def _alike(images: Iterable[PresentedImage], key: Any) -> list[list[PresentedImage]]:
    groups: dict[Any, list[PresentedImage]] = {}
    for one in images:
        groups.setdefault(key(one), []).append(one)
    return list(groups.values())


def _references(images: Iterable[PresentedImage]) -> list[Dataset]:
    """One item an image, with all its frames."""
    frames: dict[str, list[ImageReference]] = {}
    for one in images:
        frames.setdefault(one.image.sop_instance_uid, []).append(one.image)
    items = []
    for same in frames.values():
        item = referenced_sop(same[0], frames=False)
        numbers = [reference.frame for reference in same if reference.frame is not None]
        if numbers:
            item.ReferencedFrameNumber = numbers
        items.append(item)
    return items


def _series(images: Sequence[PresentedImage]) -> list[Dataset]:
    items = []
    for same in _alike(images, lambda one: one.image.series_uid):
        item = Dataset()
        put(item, "SeriesInstanceUID", same[0].image.series_uid)
        item.ReferencedImageSequence = _references(same)
        items.append(item)
    return items


def _area_key(one: PresentedImage) -> tuple[Any, ...]:
    return one.rows, one.columns, one.pixel_spacing, one.aspect


def _area(images: Sequence[PresentedImage]) -> Dataset:
    """The whole image, fitted (PS3.3 C.10.4)."""
    first = images[0]
    item = Dataset()
    item.ReferencedImageSequence = _references(images)
    item.DisplayedAreaTopLeftHandCorner = [1, 1]
    item.DisplayedAreaBottomRightHandCorner = [first.columns, first.rows]
    item.PresentationSizeMode = "SCALE TO FIT"
    if first.pixel_spacing:
        item.PresentationPixelSpacing = [format_number_as_ds(value) for value in first.pixel_spacing]
    else:
        item.PresentationPixelAspectRatio = list(first.aspect)
    return item


def _voi(images: Sequence[PresentedImage]) -> Dataset:
    """A window or a table for the images (PS3.3 C.11.8)."""
    voi = images[0].voi
    item = Dataset()
    item.ReferencedImageSequence = _references(images)
    if isinstance(voi, Window):
        item.WindowCenter, item.WindowWidth = format_number_as_ds(voi.center), format_number_as_ds(voi.width)
        item.VOILUTFunction = voi.function
    elif voi is not None:
        item.VOILUTSequence = [_table(voi)]
    return item


def _table(table: VoiTable) -> Dataset:
    """The table with entries of 16 bits: of a presentation state only 8 and 16 are defined."""
    import numpy as np

    entries = np.rint(table.values * (65535.0 / ((1 << table.bits) - 1))).clip(0, 65535).astype("<u2")
    item = Dataset()
    vr = "SS" if table.first_mapped < 0 else "US"
    # a count of 65536 is written as 0 (PS3.3 C.11.2.1.1); with SS a count above 32767 is the same 16 bits
    count = len(entries) & 0xFFFF
    count -= (count & 0x8000) << 1 if vr == "SS" else 0
    item["LUTDescriptor"] = DataElement(0x00283002, vr, [count, table.first_mapped, 16])
    if table.explanation:
        item.LUTExplanation = clip(table.explanation)
    item["LUTData"] = DataElement(0x00283006, "OW", entries.tobytes())
    return item


def _annotation(conclusion: Conclusion, one: PresentedImage) -> Dataset | None:
    known = {measurement.tracking_uid: measurement for measurement in conclusion.measurements}
    graphics: list[Dataset] = []
    texts: list[Dataset] = []
    for tracking_uid, label in one.labels:
        measurement = known[tracking_uid]
        graphics += _graphics(measurement)
        texts.append(_text(measurement, label))
    if not graphics:
        return None
    item = Dataset()
    item.ReferencedImageSequence = _references([one])
    item.GraphicLayer = LAYER
    item.GraphicObjectSequence = graphics
    item.TextObjectSequence = texts
    return item


def _graphics(measurement: Measurement) -> list[Dataset]:
    """Its lines; an outline is a closed POLYLINE, the two lines of a Cobb angle are two."""
    import numpy as np
    from highdicom.pr import GraphicObject

    points = measurement.anchor.points_px
    parts = [points[:2], points[2:]] if measurement.kind == "cobb" else [points]
    return [
        GraphicObject(
            measurement.anchor.graphic_type,
            np.array(part, dtype=np.float64),
            "PIXEL",
            tracking_id=measurement.label or measurement.tracking_uid,
            tracking_uid=measurement.tracking_uid,
        )
        for part in parts
    ]


def _text(measurement: Measurement, label: str) -> Dataset:
    """What it says, at its rightmost point."""
    from highdicom.pr import TextObject

    anchor = max(measurement.anchor.points_px)
    text: Dataset = TextObject(label, "PIXEL", anchor_point=anchor, anchor_point_visible=False)
    return text


def _layer() -> Dataset:
    layer = Dataset()
    layer.GraphicLayer = LAYER
    layer.GraphicLayerOrder = 1
    layer.GraphicLayerRecommendedDisplayGrayscaleValue = 0xFFFF
    layer.GraphicLayerRecommendedDisplayCIELabValue = list(_YELLOW_LAB)
    return layer
