"""Read one input, select or textarea of an MRRT page into a `Field`."""

from collections.abc import Callable
from typing import Literal
from xml.etree.ElementTree import Element

from workstation.dicom.content import Code
from workstation.language import _
from workstation.reporting.coding import inline_code, invalid
from workstation.reporting.condition import Condition
from workstation.reporting.formula import Formula, FormulaUnreadable, parse_formula
from workstation.reporting.structure import Completion, Field, FieldKind, Option

_KINDS = {
    "TEXT": FieldKind.TEXT,
    "MERGE": FieldKind.TEXT,
    "TEXTAREA": FieldKind.PARAGRAPH,
    "NUMBER": FieldKind.NUMBER,
    "DATE": FieldKind.DATE,
    "TIME": FieldKind.TIME,
    "CHECKBOX": FieldKind.CHECKBOX,
    "SELECTION_LIST": FieldKind.CHOICE,
}


def is_input(element: Element) -> bool:
    """Whether the element asks for an answer."""
    if element.tag == "input":
        return (element.get("type") or "text").lower() not in ("button", "submit", "reset", "hidden")
    return element.tag in ("select", "textarea")


def read_field(
    element: Element, label: str, codes: dict[str, Code], condition: Callable[[Element, str, str], Condition | None]
) -> Field:
    """The field with its options; `condition` reads an attribute of an element, named by its owner.

    Raises TemplateInvalid.
    """
    field_id = element.get("id") or ""
    kind = _kind(element, field_id)
    said = [each for each in element.iter("option") if _says_something(each)]
    options = tuple(_option(each, field_id, codes, condition(each, "data-iris-when", field_id)) for each in said)
    if kind in (FieldKind.CHOICE, FieldKind.CHOICES) and not options:
        raise invalid(field_id, _("a selection list needs options"))
    if len({option.value for option in options}) != len(options):
        raise invalid(field_id, _("two options have the same value"))
    return Field(
        field_id=field_id,
        label=label,
        kind=kind,
        completion=_completion(element, field_id),
        units=(element.get("data-field-units") or "").strip(),
        default=_default(element, kind),
        options=options,
        merge=(element.get("data-iris-merge") or "").strip(),
        condition=condition(element, "data-iris-show-if", field_id),
        code=codes.get(field_id) or _inline(element, field_id),
        sentence=element.get("data-iris-text"),
        normal=element.get("data-iris-normal"),
        links=_links(element, field_id),
        suggests=element.get("data-iris-suggest") is not None,
        compute=_formula(element, field_id),
        decimals=_decimals(element),
        compose=tuple(line for each in (element.get("data-iris-compose") or "").splitlines() if (line := each.strip())),
        minimum=_number(element.get("min"), field_id, "min"),
        maximum=_number(element.get("max"), field_id, "max"),
        placeholder=element.get("placeholder") or "",
    )


def _kind(element: Element, field_id: str) -> FieldKind:
    natural = {"select": "SELECTION_LIST", "textarea": "TEXTAREA"}.get(element.tag, "")
    name = (element.get("data-field-type") or natural).strip().upper()
    if not name:
        raise invalid(field_id, _("data-field-type is missing"))
    if name not in _KINDS:
        raise invalid(field_id, _("data-field-type {name} is unknown").format(name=name))
    kind = _KINDS[name]
    if (kind is FieldKind.CHOICE) != (element.tag == "select"):
        raise invalid(field_id, _("SELECTION_LIST belongs to a select, and to nothing else"))
    if element.tag == "textarea":
        return FieldKind.PARAGRAPH
    if kind is FieldKind.CHOICE and element.get("multiple") is not None:
        return FieldKind.CHOICES
    return kind


def _completion(element: Element, field_id: str) -> Completion:
    name = (element.get("data-field-completion-action") or "NONE").strip().upper()
    try:
        return Completion(name)
    except ValueError:
        raise invalid(field_id, _("data-field-completion-action {name} is unknown").format(name=name)) from None


def _default(element: Element, kind: FieldKind) -> str:
    if kind is FieldKind.PARAGRAPH:
        return "".join(element.itertext()).strip()
    if kind is FieldKind.CHECKBOX:
        return "true" if element.get("checked") is not None else ""
    if kind in (FieldKind.CHOICE, FieldKind.CHOICES):
        chosen = [_value(each) for each in element.iter("option") if each.get("selected") is not None]
        return ",".join(value for value in chosen if value)
    return (element.get("value") or "").strip()


def _option(element: Element, field_id: str, codes: dict[str, Code], when: Condition | None) -> Option:
    return Option(
        value=_value(element),
        label=_text(element),
        phrase=element.get("data-iris-text"),
        code=codes.get(element.get("id") or "") or _inline(element, field_id),
        when=when,
    )


def _says_something(option: Element) -> bool:
    # an empty first option is how HTML writes "not answered yet"
    return bool(_value(option))


def _value(option: Element) -> str:
    value = option.get("value")
    return _text(option) if value is None else value.strip()


def _text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _inline(element: Element, field_id: str) -> Code | None:
    text = element.get("data-iris-code")
    return inline_code(text, field_id) if text else None


def _links(element: Element, field_id: str) -> Literal["", "one", "next", "many"]:
    match (element.get("data-iris-links") or "").strip().lower():
        case "":
            return ""
        case "one":
            return "one"
        case "next":
            return "next"
        case "many":
            return "many"
    raise invalid(field_id, _("data-iris-links is none of one, next, many"))


def _formula(element: Element, field_id: str) -> Formula | None:
    text = element.get("data-iris-compute")
    if not text:
        return None
    try:
        return parse_formula(text)
    except FormulaUnreadable as error:
        rule = _("data-iris-compute can't be read at “{part}”").format(part=str(error))
        raise invalid(field_id, rule) from None


def _decimals(element: Element) -> int:
    """As many as the step of the input has: `0.01` means two."""
    step = element.get("step") or ""
    return len(step.partition(".")[2]) if step.replace(".", "", 1).isdigit() else 1


def _number(text: str | None, field_id: str, name: str) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise invalid(field_id, _("{name} is no number").format(name=name)) from None
