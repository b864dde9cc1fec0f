"""A file of answers and a template named on the command line."""

import json
from pathlib import Path
from typing import Any

from workstation.errors import UnreadableObject, WorkstationError
from workstation.language import _
from workstation.reporting.structure import Template
from workstation.reporting.template import load_templates


def template_named(identifier: str, data_folder: Path) -> Template:
    """The template with this identifier, shipped or one's own; raises WorkstationError that lists those there are."""
    known = {each.identifier: each for each in load_templates(data_folder)}
    if identifier not in known:
        raise WorkstationError(_("There is no such template"), identifier, "\n".join(sorted(known)))
    return known[identifier]


def answers_in(path: Path) -> dict[str, str | tuple[str, ...]]:
    """Answers by field; raises UnreadableObject."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableObject(_("The file can't be read"), f"{path.name}: {error.strerror}") from error
    except ValueError as error:
        raise UnreadableObject(_("The answers can't be read"), f"{path.name}: JSON") from error
    if not isinstance(plain, dict):
        raise UnreadableObject(_("The answers can't be read"), _("{file}: no JSON object").format(file=path.name))
    return {str(name): _answer(name, value) for name, value in plain.items()}


def _answer(name: str, value: Any) -> str | tuple[str, ...]:
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise UnreadableObject(
        _("The answers can't be read"), _("{field}: neither text, number nor list").format(field=name)
    )
