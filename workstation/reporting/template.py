"""The report templates there are, and which one fits a study."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from workstation.errors import TemplateInvalid
from workstation.language import _
from workstation.reporting.mrrt import parse_template
from workstation.reporting.own_templates import own_templates
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


def load_templates(data_folder: Path | None = None) -> tuple[Template, ...]:
    """The templates in use: the shipped ones, then the latest of each of one's own under the data folder.

    Each part is sorted by identifier. Raises TemplateInvalid naming the shipped file that is no template.
    """
    latest = [own for own in own_templates(data_folder) if own.latest] if data_folder else []
    own = {each.template.identifier: each for each in latest if each.template is not None}
    shipped = shipped_templates()
    known = {template.identifier for template in shipped}
    kept = tuple(each for each in shipped if each.identifier not in own or not own[each.identifier].instead)
    added = (each for name, each in sorted(own.items()) if each.instead or name not in known)
    return (*kept, *(each.template for each in added if each.template is not None))


@lru_cache(maxsize=1)
def shipped_templates() -> tuple[Template, ...]:
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
        named = any(each in procedure for each in template.procedures)
        if not named and modality not in template.sufficient:
            return -1
        score += 4 if named else 2
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
    "shipped_templates",
    "template_for",
]
