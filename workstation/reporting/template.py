"""The report templates there are, and which one fits a study."""

from collections.abc import Sequence
from functools import lru_cache

from workstation.errors import TemplateInvalid
from workstation.language import _
from workstation.reporting.mrrt import parse_template
from workstation.reporting.structure import (
    Completion,
    Field,
    FieldKind,
    Language,
    Option,
    Template,
    TemplateSection,
)
from workstation.resources import resource


@lru_cache(maxsize=1)
def load_templates() -> tuple[Template, ...]:
    """Every shipped template, sorted by identifier. Raises TemplateInvalid naming the file."""
    found: list[Template] = []
    for path in sorted(resource("templates").glob("*/*.html")):
        try:
            found.append(parse_template(path.read_bytes()))
        except TemplateInvalid as error:
            where = f"{path.parent.name}/{path.name}"
            raise TemplateInvalid(error.title, f"{where}: {error.detail}", error.advice) from None
    return tuple(sorted(found, key=lambda template: template.identifier))


def template_for(
    modality: str,
    region: str,
    language: str,
    *,
    procedure: str = "",
    templates: Sequence[Template] | None = None,
) -> Template:
    """The template that fits best: procedure words, then modality and region, then the general one.

    `region` and `procedure` are free text of the study (BodyPartExamined, StudyDescription). Raises TemplateInvalid
    when there is no template of that language at all.
    """
    fitting = [each for each in templates or load_templates() if each.language == language and each.status == "ACTIVE"]
    if not fitting:
        raise TemplateInvalid(_("No report template"), _("there is none in this language"))
    return max(fitting, key=lambda template: _fit(template, modality, region.lower(), procedure.lower()))


def _fit(template: Template, modality: str, region: str, procedure: str) -> int:
    """How well it fits; 0 is the general template, below it those made for something else."""
    if template.modalities and modality not in template.modalities:
        return -1
    words = f"{region} {procedure}"
    score = 0
    if template.regions:
        if not any(each in words for each in template.regions):
            return -1
        score += 2
    if template.procedures:
        if not any(each in procedure for each in template.procedures):
            return -1
        score += 4
    return score + (1 if template.modalities else 0)


__all__ = [
    "Completion",
    "Field",
    "FieldKind",
    "Language",
    "Option",
    "Template",
    "TemplateSection",
    "load_templates",
    "parse_template",
    "template_for",
]
