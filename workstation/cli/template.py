"""`iris-workstation template`: the report templates there are, what is in one, and bringing in one's own."""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workstation.cli.answers import template_named
from workstation.cli.desk import data_folder
from workstation.errors import UnreadableObject, WorkstationError
from workstation.language import N_, _
from workstation.reporting.own_templates import keep, own_templates
from workstation.reporting.structure import Completion, Field, Template, TemplateSection
from workstation.reporting.template import load_templates, parse_template, shipped_templates

EXAMPLE = (
    "iris-workstation template show iris-workstation.ct-chest.en\n"
    "  iris-workstation template check wrist.html\n"
    "  iris-workstation template import wrist.html"
)

_ASKS = {
    Completion.NONE: "",
    Completion.ALERT: N_("asks when empty"),
    Completion.PROHIBIT: N_("must be answered"),
}


@dataclass(frozen=True)
class _Listed:
    """One line of the list; `trouble` where a file of one's own can't be read any more."""

    template: Template | None
    origin: str
    name: str
    trouble: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What is to be done, and with which templates."""
    deeds = parser.add_subparsers(dest="deed", required=True, metavar=_("DEED"))
    listed = deeds.add_parser("list", help=_("the templates there are, and the versions of one's own"))
    shown = deeds.add_parser("show", help=_("sections, fields, options and conditions of a template"))
    shown.add_argument("identifier", metavar="ID")
    for one in (listed, shown):
        one.add_argument("--json", action="store_true", help=_("JSON instead of lines"))
    checked = deeds.add_parser("check", help=_("say whether files are templates, and what of them is dropped"))
    purpose = _("keep templates as one's own; one that is known by its identifier becomes its next version")
    imported = deeds.add_parser("import", help=purpose, description=purpose)
    for one in (checked, imported):
        one.add_argument("files", nargs="+", type=Path, metavar="FILE")
    imported.add_argument(
        "--instead-of-shipped",
        action="store_true",
        help=_("let it take the place of the shipped template of the same identifier"),
    )


def run(options: argparse.Namespace) -> int:
    """Status 1 when a file is no template."""
    folder = data_folder(options)
    match options.deed:
        case "list":
            _list(folder, as_json=options.json)
        case "show":
            template = template_named(options.identifier, folder)
            if options.json:
                print(json.dumps(_plain(template), ensure_ascii=False, indent=2))
            else:
                print("\n".join(_lines(template)))
        case "check":
            return _each(options.files, lambda path: _dropped(parse_template(_content(path))))
        case "import":
            return _each(options.files, lambda path: _imported(path, folder, instead=options.instead_of_shipped))
    return 0


def _list(folder: Path, *, as_json: bool) -> None:
    rows = list(_rows(folder))
    if as_json:
        for row in rows:
            print(json.dumps(_row_plain(row), ensure_ascii=False))
        return
    cells = [_cells(row) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _rows(folder: Path) -> Iterator[_Listed]:
    used = {id(template) for template in load_templates(folder)}
    for template in shipped_templates():
        in_use = id(template) in used
        yield _Listed(template, _("shipped") if in_use else _("shipped, replaced by your own"), template.identifier)
    for own in own_templates(folder):
        words = [_("own, version {version}").format(version=own.version)]
        if own.template is not None and id(own.template) not in used:
            words.append(_("not in use") if own.latest else _("replaced"))
        name = own.template.identifier if own.template else f"{own.path.parent.name}/{own.path.name}"
        yield _Listed(own.template, ", ".join(words), name, own.trouble)


def _cells(row: _Listed) -> tuple[str, ...]:
    if row.template is None:
        return (row.name, _("damaged: {trouble}").format(trouble=row.trouble), "", "", "", row.origin, "")
    one = row.template
    modalities = "/".join(one.modalities) or _("any")
    return (one.identifier, one.title, one.language, modalities, one.status, row.origin, one.date)


def _row_plain(row: _Listed) -> dict[str, object]:
    if row.template is None:
        return {"id": row.name, "origin": row.origin, "trouble": row.trouble}
    one = row.template
    return {
        "id": one.identifier,
        "title": one.title,
        "language": one.language,
        "modalities": list(one.modalities),
        "status": one.status,
        "origin": row.origin,
        "date": one.date,
    }


def _lines(template: Template) -> Iterator[str]:
    yield f"{template.identifier}: {template.title}"
    if template.description:
        yield template.description
    modalities = "/".join(template.modalities) or _("any modality")
    yield f"{template.language}, {modalities}, {template.status}, {template.date}, {template.publisher}"
    for section in template.sections:
        yield from _section_lines(section, "")


def _section_lines(section: TemplateSection, indent: str) -> Iterator[str]:
    code = section.heading or section.code
    shown = f" ({code.scheme} {code.value})" if code else ""
    yield f"{indent}[{section.section_id}] {section.title}{shown}{_if(section.condition)}"
    for part in section.content:
        if isinstance(part, Field):
            yield from _field_lines(part, indent + "  ")
        else:
            yield from _section_lines(part, indent + "  ")


def _field_lines(field: Field, indent: str) -> Iterator[str]:
    words = [field.kind.value, field.units, _(_ASKS[field.completion]) if _ASKS[field.completion] else "", field.merge]
    yield f"{indent}{field.field_id}: {field.label} ({', '.join(each for each in words if each)}){_if(field.condition)}"
    for option in field.options:
        code = f" ({option.code.scheme} {option.code.value})" if option.code else ""
        when = "  " + _("suggested when {condition}").format(condition=option.when) if option.when else ""
        yield f"{indent}  {option.value}: {option.label}{code}{when}"


def _if(condition: object) -> str:
    return "  " + _("shown if {condition}").format(condition=condition) if condition else ""


def _plain(template: Template) -> dict[str, object]:
    return {
        "id": template.identifier,
        "title": template.title,
        "language": template.language,
        "modalities": list(template.modalities),
        "regions": list(template.regions),
        "procedures": list(template.procedures),
        "status": template.status,
        "date": template.date,
        "sections": [_section_plain(section) for section in template.sections],
    }


def _section_plain(section: TemplateSection) -> dict[str, object]:
    code = section.heading or section.code
    return {
        "id": section.section_id,
        "title": section.title,
        "code": f"{code.scheme}:{code.value}" if code else None,
        "shown_if": str(section.condition) if section.condition else None,
        "content": [
            _field_plain(part) if isinstance(part, Field) else _section_plain(part) for part in section.content
        ],
    }


def _field_plain(field: Field) -> dict[str, object]:
    return {
        "id": field.field_id,
        "label": field.label,
        "kind": field.kind.value,
        "completion": field.completion.value,
        "units": field.units,
        "merge": field.merge,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "normal": field.normal,
        "shown_if": str(field.condition) if field.condition else None,
        "options": [
            {
                "value": option.value,
                "label": option.label,
                "code": f"{option.code.scheme}:{option.code.value}" if option.code else None,
                "when": str(option.when) if option.when else None,
            }
            for option in field.options
        ],
    }


def _each(paths: list[Path], act: Callable[[Path], str]) -> int:
    status = 0
    for path in paths:
        try:
            print(f"{path.name}: {act(path)}")
        except WorkstationError as error:
            print(f"{path.name}: {error}")
            status = 1
    return status


def _imported(path: Path, folder: Path, *, instead: bool) -> str:
    html = _content(path)
    template = parse_template(html)
    shipped = any(each.identifier == template.identifier for each in shipped_templates())
    if shipped and not instead:
        raise WorkstationError(
            _("A shipped template has this identifier"),
            template.identifier,
            _("Give yours another dcterms.identifier, or import it with --instead-of-shipped."),
        )
    version = keep(html, template, folder, instead=instead)
    return _("version {version} kept; {rest}").format(version=version, rest=_dropped(template))


def _dropped(template: Template) -> str:
    fine = _("{identifier}, a template").format(identifier=template.identifier)
    if not template.dropped:
        return fine
    return fine + "; " + _("dropped: {names}").format(names=", ".join(template.dropped))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableObject(_("The file can't be read"), error.strerror or "") from error
