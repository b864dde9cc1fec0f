"""What the viewer writes beside pictures: numbers with units, windows, slices, measurements."""

import math
from dataclasses import dataclass
from typing import Literal

from workstation.dicom import concepts
from workstation.dicom.content import Quantity
from workstation.dicom.instance import Instance
from workstation.dicom.presentation_state import PresentationState
from workstation.dicom.real_world import RealWorldMapping
from workstation.imaging.uncertainty import decimals
from workstation.imaging.voi import AUTO, Voi, Window
from workstation.language import N_, _, number_text
from workstation.ui.texts import encoding_note, person_name, sex_and_age, short_date
from workstation.viewing import drawings
from workstation.viewing.drawings import Drawing
from workstation.viewing.fidelity import SLAB_NAMES
from workstation.viewing.slices import position_text, slices_of
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import PlaneKind, ViewportState

PLANES = {
    PlaneKind.AXIAL: N_("Axial"),
    PlaneKind.CORONAL: N_("Coronal"),
    PlaneKind.SAGITTAL: N_("Sagittal"),
    PlaneKind.OBLIQUE: N_("Oblique"),
}
_UNITS = {
    "mm": N_("mm"),
    "mm2": N_("mm²"),
    "[hnsf'U]": N_("HU"),
    "{pixels}": N_("px"),
    "Bq/ml": N_("Bq/ml"),
    "g/ml{SUVbw}": N_("g/ml SUVbw"),
    "g/ml": N_("g/ml"),
    "{pixels}2": N_("px²"),
    "deg": "°",
    "s": N_("s"),
    "cm/s": N_("cm/s"),
}
_DRAWN = (drawings.LENGTH, drawings.AREA, concepts.ANGLE, concepts.COBB_ANGLE)


def age_at_study(instance: Instance) -> int | None:
    """Whole years at the study, by birth and study date; else Patient's Age (0010,1010) when it counts years."""
    birth, study = instance.patient.birth_date, instance.study.study_date
    if len(birth) == len(study) == 8 and birth.isdigit() and study.isdigit():
        years = int(study[:4]) - int(birth[:4]) - (study[4:] < birth[4:])
        return years if 0 <= years <= 130 else None
    age = instance.patient_age
    return int(age[:3]) if len(age) == 4 and age.endswith("Y") and age[:3].isdigit() else None


def identity_lines(stack: ShownStack) -> list[str]:
    """Who: name, ID, sex and age at the study."""
    instance = stack.first
    patient = instance.patient
    who = sex_and_age(patient.sex, age_at_study(instance))
    note = encoding_note(instance.texts_read_as)
    return [line for line in (person_name(patient.name), note, patient.patient_id, who) if line]


def series_lines(stack: ShownStack) -> list[str]:
    """What: study date and description, series number and title."""
    instance, study = stack.first, stack.study
    when = " ".join(part for part in (stack.modality, short_date(study.study_date)) if part)
    series = stack.title if instance.series_number is None else f"{instance.series_number} · {stack.title}"
    return [line for line in (when, study.description, series) if line]


def slice_lines(stack: ShownStack, state: ViewportState) -> list[str]:
    """Where: plane, slice of how many, position, thickness."""
    slices = slices_of(state, stack)
    lines = [_(PLANES[state.kind])] if state.kind in PLANES else []
    number = f"{slices.index + 1} / {slices.count}"
    lines.append(_("{number} so far").format(number=number) if stack.awaited is not None else number)
    position = position_text(state, stack)
    if position and stack.positioned:
        lines.append(position)
    thickness = state.slab.thickness_mm
    if not thickness and state.kind is PlaneKind.STACK:
        thickness = stack.geometry(state.index).slice_thickness or 0.0
    elif not thickness:
        thickness = slices.step
    if thickness and stack.positioned:
        lines.append(_("thickness {mm} mm").format(mm=number_text(thickness, 2, trim=True)))
    return lines


def presentation_name(presentation: PresentationState) -> str:
    """How a presentation state is called in menus and in the corner: whose it is, its label, its date."""
    who = person_name(presentation.creator)
    title = presentation.label or presentation.description or _(presentation.kind)
    first = _("As stored by {name}").format(name=who) if who else _("As stored")
    rest = ", ".join(part for part in (title, short_date(presentation.created[:8])) if part)
    return f"{first}: {rest}" if rest else first


def unit_text(code: str) -> str:
    """A UCUM code as it is written beside numbers; one that is not known as it is."""
    return _(_UNITS[code]) if code in _UNITS else code


def mapping_name(mapping: RealWorldMapping) -> str:
    """How real-world values are called: what they are, and their unit."""
    unit = unit_text(mapping.unit)
    return mapping.name if mapping.name == unit else f"{mapping.name}, {unit}"


def voi_name(voi: Voi, name: str) -> str:
    """How a window or a table of a file is called in a menu; empty for a table without a name."""
    if not isinstance(voi, Window):
        return f"LUT: {name}" if name else ""
    digits = 0 if voi.width >= 20 else 3
    window = f"W {number_text(voi.width, digits)}  L {number_text(voi.center, digits)}"
    if voi.function == "SIGMOID":
        window += "  SIGMOID"
    return f"{name}  ({window})" if name else window


def grey_lines(state: ViewportState, voi: Voi | None, zoom: float) -> list[str]:
    """How: magnification and the window, with its name."""
    lines = [f"×{number_text(zoom, 2)}"]
    if state.inverted:
        lines.append(_("inverted"))
    name = _(state.voi.name) if state.voi.name else ""
    if isinstance(voi, Window):
        said = _(AUTO) if voi.explanation == AUTO else voi.explanation
        name = name or said or (_(AUTO) if state.voi.source == "auto" else "")
        digits = 0 if voi.width >= 20 else 3
        width, center = (number_text(value, digits, trim=True) for value in (voi.width, voi.center))
        lines.append(f"W {width}  L {center}")
    elif voi is not None:
        name = name or voi.explanation or "LUT"
    if name:
        lines.append(name)
    return lines


@dataclass(frozen=True)
class LabelLine:
    """A line of a measurement's label and what it is, by which it is coloured."""

    text: str
    tone: Literal["number", "source", "warning"] = "number"


def quantity_text(quantity: Quantity) -> str:
    """A number with its uncertainty and unit, rounded to what it supports; no unit where none is known."""
    unit = _unit(quantity)
    places = decimals(quantity.uncertainty)
    number = number_text(quantity.value, places)
    if quantity.uncertainty >= 0.005:
        number = f"{number} ± {number_text(quantity.uncertainty, places)}"
    close = "" if unit.startswith("°") else " "
    return f"{number}{close}{unit}".rstrip()


def value_text(quantity: Quantity, digits: int = 1) -> str:
    """A value of the image with its unit; more digits for what is small."""
    return f"{_value_number(quantity, digits)} {_unit(quantity)}".rstrip()


def _unit(quantity: Quantity) -> str:
    return "" if quantity.unit is None else unit_text(quantity.unit.value)


def _value_number(quantity: Quantity, digits: int) -> str:
    return number_text(quantity.value, _value_digits(quantity, digits))


def _value_digits(quantity: Quantity, digits: int) -> int:
    """`digits` behind the point for values of tens and hundreds, three figures of smaller ones, two digits of SUV."""
    value = quantity.value
    if quantity.unit is not None and quantity.unit.value == "g/ml{SUVbw}":
        return 2
    if abs(value) >= 1000:
        return 0
    if abs(value) >= 10 or float(value).is_integer():
        return digits
    return min(max(2 - math.floor(math.log10(abs(value))), digits), 6)


def drawing_lines(drawing: Drawing) -> list[LabelLine]:
    """The label beside a measurement: its numbers with units, where the millimetres come from, and what to mind."""
    if not drawing.whole:
        return []
    if drawing.refusal:
        return [LabelLine(_(drawing.refusal), "warning")]
    if not drawing.quantities:
        return [LabelLine(_("measuring…"), "source")]
    found = {quantity.name: quantity for quantity in drawing.quantities}
    lines = []
    if drawings.MEAN in found:
        average, deviation = found[drawings.MEAN], found[drawings.DEVIATION]
        # both with the digits of the larger: no tenths beside hundredths
        digits = _value_digits(max(average, deviation, key=lambda each: abs(each.value)), 1)
        mean = f"{number_text(average.value, digits)} {_unit(average)}".rstrip()
        lines.append(_("mean {mean} · SD {sd}").format(mean=mean, sd=number_text(deviation.value, digits)))
        lines.append(f"{_value_number(found[drawings.MINIMUM], 0)} … {value_text(found[drawings.MAXIMUM], 0)}")
    if drawing.kind == "point":
        lines.append(value_text(drawing.quantities[0], 0))
    else:
        others = [each for each in drawing.quantities if each.name in _DRAWN or drawing.kind == "length"]
        lines += [quantity_text(quantity) for quantity in others]
    said = [LabelLine(line) for line in lines]
    if drawing.known_mm:
        said.append(LabelLine(_("this length was entered"), "source"))
    elif drawing.kind != "point":
        source = _(drawing.spacing_source) if drawing.spacing_source else _("no spacing known")
        said.append(LabelLine(source, "source"))
    return said + [LabelLine(line, "warning") for line in _warnings(drawing)]


def _warnings(drawing: Drawing) -> list[str]:
    """What a reader of the numbers must mind."""
    lines = [_(drawing.doubt)] if drawing.doubt else []
    if drawing.slab_mm and (drawing.form.region or drawing.kind == "point"):
        mm = _("{mm} mm").format(mm=number_text(drawing.slab_mm, 2, trim=True))
        lines.append(_("of the slab: {mode} {mm}").format(mode=_(SLAB_NAMES[drawing.slab_mode]), mm=mm))
    if drawing.resampled_mm:
        mm = number_text(drawing.resampled_mm, 2, trim=True)
        lines.append(_("interpolated, samples {mm} mm apart").format(mm=mm))
    return lines
