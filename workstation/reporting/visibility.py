"""Which fields and sections of a template show, given the answers."""

from dataclasses import dataclass

from workstation.reporting.form import Form
from workstation.reporting.structure import Field, Template, TemplateSection


@dataclass(frozen=True)
class Visible:
    """Ids of what shows."""

    fields: frozenset[str]
    sections: frozenset[str]


def visible(template: Template, form: Form) -> Visible:
    """What shows. A hidden field counts as unanswered for the conditions after it."""
    fields: set[str] = set()
    sections: set[str] = set()

    def given(field_id: str) -> frozenset[str]:
        return form.values(field_id) if field_id in fields else frozenset()

    def walk(section: TemplateSection) -> None:
        if section.condition is not None and not section.condition.holds(given):
            return
        sections.add(section.section_id)
        for part in section.content:
            if not isinstance(part, Field):
                walk(part)
            elif part.condition is None or part.condition.holds(given):
                fields.add(part.field_id)

    for section in template.sections:
        walk(section)
    return Visible(frozenset(fields), frozenset(sections))
