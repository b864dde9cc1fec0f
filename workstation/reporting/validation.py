"""What stands between a form and its signature.

An empty required field refuses (PROHIBIT) or asks (ALERT), as the template says; a wrong number, an option that isn't
there and a link whose measurement is gone refuse always; a doubtful answer asks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workstation.dicom.content import Measurement
from workstation.language import _, number_text
from workstation.reporting.condition import number_of
from workstation.reporting.findings import by_uid, fingerprint
from workstation.reporting.form import Form, Link
from workstation.reporting.structure import Completion, Field, FieldKind, Template
from workstation.reporting.suggestion import suggested
from workstation.reporting.visibility import visible
from workstation.reporting.wording import parse_date


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one field. `action` PROHIBIT refuses to sign, ALERT asks."""

    field_id: str
    label: str
    rule: str
    action: Completion
    message: str


def problems(template: Template, form: Form, measurements: Sequence[Measurement] | None = None) -> tuple[Problem, ...]:
    """Everything wrong with the form, in the order of the page; links are checked when `measurements` are given."""
    shown = visible(template, form).fields
    found: list[Problem] = []
    for field in template.fields.values():
        if field.field_id in shown:
            found += _field_problems(template, form, field)
            if measurements is not None:
                found += _link_problems(form, field, measurements)
        elif form.links.get(field.field_id):
            message = _("holds a measurement, but another answer hides the field")
            found.append(_problem(field, "hidden", Completion.ALERT, message))
    return (*found, *_strangers(template, form))


def prohibits(found: Sequence[Problem]) -> bool:
    """Whether one of them refuses the signature."""
    return any(problem.action is Completion.PROHIBIT for problem in found)


def link_state(link: Link, measurement: Measurement | None) -> str:
    """`current`, `changed` since the field took its numbers, or `gone`."""
    if measurement is None:
        return "gone"
    return "current" if link.seen == fingerprint(measurement) else "changed"


def _field_problems(template: Template, form: Form, field: Field) -> Iterator[Problem]:
    if not form.values(field.field_id):
        if field.completion is not Completion.NONE:
            yield _problem(field, "missing", field.completion, _("needs an answer"))
        return
    answer = form.answers.get(field.field_id)
    if answer is None or not answer.values:
        return
    if field.kind is FieldKind.NUMBER:
        yield from _number_problems(template, form, field)
    if field.kind is FieldKind.DATE and parse_date(form.text(field.field_id)) is None:
        yield _problem(field, "date", Completion.PROHIBIT, _("is no date"))
    if field.options:
        if any(field.option(value) is None for value in answer.values):
            yield _problem(field, "option", Completion.PROHIBIT, _("has an answer that is not on the list"))
        else:
            yield from _contradiction(template, form, field)


def _number_problems(template: Template, form: Form, field: Field) -> Iterator[Problem]:
    number = number_of(form.text(field.field_id))
    if number is None:
        yield _problem(field, "number", Completion.PROHIBIT, _("is no number"))
        return
    low, high = field.minimum, field.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        ends = [number_text(end, 0, template.language) if end is not None else "…" for end in (low, high)]
        message = _("must lie between {low} and {high}").format(low=ends[0], high=ends[1])
        yield _problem(field, "range", Completion.PROHIBIT, message)


def _contradiction(template: Template, form: Form, field: Field) -> Iterator[Problem]:
    expected = suggested(template, form, field)
    if expected is not None and form.text(field.field_id) != expected.value:
        message = _("does not fit the findings, which mean {grade}").format(grade=expected.label)
        yield _problem(field, "contradiction", Completion.ALERT, message)


def _link_problems(form: Form, field: Field, measurements: Sequence[Measurement]) -> Iterator[Problem]:
    known = by_uid(measurements)
    for link in form.links.get(field.field_id, ()):
        match link_state(link, known.get(link.tracking_uid)):
            case "gone":
                yield _problem(field, "gone", Completion.PROHIBIT, _("rests on a measurement that was deleted"))
            case "changed":
                yield _problem(field, "stale", Completion.ALERT, _("the measurement has changed since"))


def _strangers(template: Template, form: Form) -> Iterator[Problem]:
    """Answers to fields the template doesn't have, e.g. from a file written by hand or an older version."""
    names = {*form.answers, *form.links, *form.images} - set(template.fields)
    for name in sorted(names):
        yield Problem(name, name, "unknown", Completion.PROHIBIT, _("is no field of this template"))


def _problem(field: Field, rule: str, action: Completion, message: str) -> Problem:
    return Problem(field.field_id, field.label, rule, action, message)
