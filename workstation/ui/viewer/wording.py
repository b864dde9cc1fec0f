"""What the viewer writes beside pictures: numbers with units, windows, slices, measurements."""

from workstation.dicom.content import Quantity
from workstation.dicom.instance import Instance
from workstation.imaging.voi import Voi, Window
from workstation.language import N_, _, number_text
from workstation.ui.texts import person_name, sex_and_age, short_date
from workstation.viewing import drawings
from workstation.viewing.drawings import Drawing
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
    "g/ml{SUVbw}": "SUV",
}


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
    return [line for line in (person_name(patient.name), patient.patient_id, who) if line]


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
    lines.append(f"{slices.index + 1} / {slices.count}")
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


def grey_lines(state: ViewportState, voi: Voi | None, zoom: float) -> list[str]:
    """How: magnification and the window, with its name."""
    lines = [f"×{number_text(zoom, 2)}"]
    if state.inverted:
        lines.append(_("inverted"))
    name = _(state.voi.name) if state.voi.name else ""
    if isinstance(voi, Window):
        name = name or voi.explanation or (_("auto") if state.voi.source == "auto" else "")
        digits = 0 if voi.width >= 20 else 3
        lines.append(f"W {number_text(voi.width, digits)}  L {number_text(voi.center, digits)}")
    elif voi is not None:
        name = name or voi.explanation or "LUT"
    if name:
        lines.append(name)
    return lines


def quantity_text(quantity: Quantity, digits: int = 1) -> str:
    """A number and its unit; no unit where none is known."""
    code = "" if quantity.unit is None else quantity.unit.value
    unit = _(_UNITS[code]) if code in _UNITS else code
    digits = 0 if code == "{pixels}" else digits
    return f"{number_text(quantity.value, digits)} {unit}".rstrip()


def drawing_lines(drawing: Drawing) -> list[str]:
    """The label beside a measurement: its numbers with units, and where the millimetres come from."""
    found = {quantity.name: quantity for quantity in drawing.quantities}
    source = _(drawing.spacing_source) if drawing.spacing_source else _("no spacing known")
    if not found:
        return [_("measuring…")]
    if drawing.kind == "length":
        return [quantity_text(found[drawings.LENGTH]), source]
    mean, deviation = found[drawings.MEAN], found[drawings.DEVIATION]
    lines = [
        _("mean {mean} ± {sd}").format(mean=number_text(mean.value), sd=quantity_text(deviation)),
        f"{number_text(found[drawings.MINIMUM].value, 0)} … {quantity_text(found[drawings.MAXIMUM], 0)}",
    ]
    if drawings.AREA in found:
        lines.append(quantity_text(found[drawings.AREA], 0 if found[drawings.AREA].value >= 100 else 1))
    return [*lines, source]
