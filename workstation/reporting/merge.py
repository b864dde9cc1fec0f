"""Answers that come from elsewhere: template defaults, the case, measurements, the normal text, decision tables.

None of them overwrites what the reader typed.
"""

from collections.abc import Mapping, Sequence

from workstation.dicom.concepts import CONCLUSIONS, FINDINGS, IMPRESSIONS, RECOMMENDATIONS
from workstation.dicom.content import Measurement
from workstation.reporting.findings import by_uid, fingerprint, value_for
from workstation.reporting.form import Form, Link
from workstation.reporting.merge_names import NO_PRIOR
from workstation.reporting.narrative import summary
from workstation.reporting.structure import Field, FieldKind, Template, TemplateSection
from workstation.reporting.suggestion import suggest
from workstation.reporting.visibility import visible
from workstation.reporting.wording import date_text

_ANSWERS = frozenset((IMPRESSIONS.value, CONCLUSIONS.value, RECOMMENDATIONS.value))


def start_form(template: Template, case_values: Mapping[str, str]) -> Form:
    """A fresh form: defaults, then what the case knows. Dates in `case_values` are DICOM's `YYYYMMDD`."""
    form = Form(template.identifier)
    for field in template.fields.values():
        if field.default:
            form = form.answer(field.field_id, as_answer(field, field.default), edited=False)
    return merge_case(template, form, case_values)


def merge_case(template: Template, form: Form, case_values: Mapping[str, str]) -> Form:
    """The form with its merge fields filled from the case."""
    for field in template.fields.values():
        if not field.merge or field.links or form.edited(field.field_id):
            continue
        value = case_values.get(field.merge, "")
        if field.merge == NO_PRIOR:
            # taken back when a prior arrives after all: comparing is then the reader's to say
            value = "" if case_values.get("prior.date") else "none"
        elif not value:
            continue
        if field.merge.endswith(".date") and field.kind is not FieldKind.DATE:
            value = date_text(value, template.language)
        form = form.answer(field.field_id, value, edited=False)
    return form


def merge_findings(template: Template, form: Form, measurements: Sequence[Measurement]) -> Form:
    """The form with the numbers of linked fields brought up to date, where the reader didn't type their own."""
    known = by_uid(measurements)
    for field_id, links in form.links.items():
        field = template.fields.get(field_id)
        if field is None or form.edited(field_id):
            continue
        for link in links:
            measurement = known.get(link.tracking_uid)
            if measurement is not None and link.seen != fingerprint(measurement):
                form = take_measurement(form, field, measurement)
    return form


def take_measurement(form: Form, field: Field, measurement: Measurement) -> Form:
    """The form with the measurement linked to the field and its number taken over."""
    alone = field.links != "many"
    link = Link(measurement.tracking_uid, fingerprint(measurement))
    if alone:
        form = form.answer(field.field_id, value_for(measurement, field.merge or "finding.longest_mm"), edited=False)
        return form.link(field.field_id, link, alone=True)
    held = form.links.get(field.field_id, ())
    if any(each.tracking_uid == link.tracking_uid for each in held):
        # keep the order in which the reader linked them
        swapped = tuple(link if each.tracking_uid == link.tracking_uid else each for each in held)
        return Form(form.template_id, form.answers, {**form.links, field.field_id: swapped}, form.images)
    return form.link(field.field_id, link, alone=False)


def take_normal(template: Template, form: Form, section: TemplateSection) -> Form:
    """The form with the section's normal answers in the fields that show and have no answer yet."""
    for field in section.all_fields():
        if field.normal is None or form.values(field.field_id):
            continue
        if field.field_id in visible(template, form).fields:
            form = form.answer(field.field_id, as_answer(field, field.normal), edited=False)
    return form


def take_all_normal(template: Template, form: Form) -> Form:
    """The form with every section's normal answers; impression and recommendations only when all else is normal."""
    answers = _answering(template)
    for section in template.sections:
        if section not in answers:
            form = take_normal(template, form, section)
    form = suggest(template, form)
    if _is_normal(template, form):
        for section in answers:
            form = take_normal(template, form, section)
    return compose(template, suggest(template, form))


def follow(template: Template, form: Form) -> Form:
    """The form after an edit: decision tables follow their findings, and "all normal" gives way to a finding.

    A normal impression or recommendation that nobody typed is taken back once the findings are no longer normal.
    Texts that are made of the findings follow last.
    """
    form = suggest(template, form)
    if _is_normal(template, form):
        return compose(template, form)
    for section in _answering(template):
        for field in section.all_fields():
            untouched = not form.edited(field.field_id) and not field.default
            if untouched and field.normal and form.text(field.field_id) == field.normal:
                form = form.answer(field.field_id, as_answer(field, ""), edited=False)
    return compose(template, suggest(template, form))


def compose(template: Template, form: Form) -> Form:
    """The form with the texts that are made of the other answers, where the reader wrote none."""
    for field in template.fields.values():
        if not field.compose or form.edited(field.field_id):
            continue
        text, now = summary(template, form, field.compose), form.text(field.field_id)
        if text != now and (text or now != field.normal):
            form = form.answer(field.field_id, text, edited=False)
    return form


def _answering(template: Template) -> list[TemplateSection]:
    """The sections that answer the question: impression and recommendations."""
    return [each for each in template.sections if each.heading is not None and each.heading.value in _ANSWERS]


def _is_normal(template: Template, form: Form) -> bool:
    """Whether the findings hold nothing but normal answers.

    A list without a normal answer, e.g. breast density, and a number that a table with one grades are judged elsewhere.
    """
    shown = visible(template, form).fields
    graded = _graded(template)
    for section in template.sections:
        if section.heading is None or section.heading.value != FINDINGS.value:
            continue
        for field in section.all_fields():
            if field.field_id not in shown or not form.values(field.field_id):
                continue
            # what other answers mean, and what the case says, is no finding
            derived = (field.suggests and field.normal is None) or field.compute is not None
            derived = derived or (bool(field.merge) and not field.links)
            if derived and not form.edited(field.field_id):
                # it only says what the other answers mean
                continue
            if field.field_id in graded or (field.kind is FieldKind.CHOICE and field.normal is None):
                continue
            if form.links.get(field.field_id) or form.text(field.field_id) != field.normal:
                return False
    return True


def _graded(template: Template) -> frozenset[str]:
    """The numbers that a decision table with a normal answer looks at."""
    terms = (
        term
        for field in template.fields.values()
        if field.normal is not None
        for option in field.options
        if option.when is not None
        for term in option.when.terms()
    )
    names = {name for term in terms for name in (term.field_id, term.times.field_id if term.times else term.field_id)}
    return frozenset(name for name in names if template.fields[name].kind is FieldKind.NUMBER)


def as_answer(field: Field, text: str) -> str | tuple[str, ...]:
    """A template's text as the answer's value: several choices where the field takes several."""
    if field.kind is FieldKind.CHOICES:
        return tuple(part for part in text.split(",") if part)
    return text


def carry_over(form: Form, template: Template, case_values: Mapping[str, str]) -> Form:
    """A form of another template with what fits of this one: same field ids, options that exist, all links.

    Free text goes along as it is, also into another language; texts from the case are taken anew.
    """
    taken = start_form(template, case_values)
    for field_id, answer in form.answers.items():
        field = template.fields.get(field_id)
        if field is None or (field.merge and not answer.edited and not field.links):
            continue
        if all(field.option(value) for value in answer.values) or not field.options:
            taken = taken.answer(field_id, answer.value, edited=answer.edited)
    held = {
        name: links for name, links in form.links.items() if name in template.fields and template.fields[name].links
    }
    images = {name: images for name, images in form.images.items() if name in template.fields}
    return Form(taken.template_id, taken.answers, held, images)
