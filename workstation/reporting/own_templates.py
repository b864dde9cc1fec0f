"""Templates of one's own: imported pages under the data folder, each import of an identifier a version.

`templates/<identifier>/0001.html`, `0002.html` …; the latest is the one in use. `instead-of-shipped` beside them lets
it take the place of the shipped template of the same identifier. Pages are kept sanitised.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from workstation.durable import write_durably
from workstation.errors import TemplateInvalid, WorkstationError
from workstation.language import _
from workstation.reporting.mrrt import parse_template
from workstation.reporting.sanitising import sanitised_html
from workstation.reporting.structure import Template

_FOLDER = "templates"
_INSTEAD = "instead-of-shipped"


@dataclass(frozen=True)
class OwnTemplate:
    """One version of an imported template. `template` is None when its file can't be read, `trouble` says why."""

    path: Path
    version: int
    latest: bool
    instead: bool
    template: Template | None
    trouble: str = ""


def own_templates(data_folder: Path) -> tuple[OwnTemplate, ...]:
    """Every version of every imported template, by identifier, the latest version first."""
    found: list[OwnTemplate] = []
    for folder in sorted(path for path in (data_folder / _FOLDER).glob("*") if path.is_dir()):
        paths = sorted(folder.glob("[0-9][0-9][0-9][0-9].html"), reverse=True)
        for path in paths:
            template, trouble = _read(path)
            instead = (folder / _INSTEAD).exists()
            found.append(OwnTemplate(path, int(path.stem), path is paths[0], instead, template, trouble))
    return tuple(found)


def keep(html: bytes, template: Template, data_folder: Path, *, instead: bool) -> int:
    """Keep the page of a template that was parsed from it as the latest version; its number, counted from 1.

    Raises WorkstationError when the disk refuses.
    """
    folder = data_folder / _FOLDER / _folder_name(template.identifier)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = sanitised_html(html)
        version = max((int(path.stem) for path in folder.glob("[0-9][0-9][0-9][0-9].html")), default=0) + 1
        # another import at the same time takes a number of its own
        while not write_durably(folder / f"{version:04}.html", page, replace=False):
            version += 1
        if instead:
            write_durably(folder / _INSTEAD, b"")
    except OSError as error:
        raise WorkstationError(_("The template can't be kept"), f"{folder.name}: {error.strerror}") from error
    return version


def _folder_name(identifier: str) -> str:
    """A file name for any identifier; two identifiers never share one."""
    plain = re.sub(r"[^a-z0-9]+", "-", identifier.lower()).strip("-")[:60]
    return f"{plain}.{hashlib.sha256(identifier.encode()).hexdigest()[:8]}"


def _read(path: Path) -> tuple[Template | None, str]:
    try:
        stat = path.stat()
        return _parsed(path, stat.st_mtime_ns, stat.st_size), ""
    except TemplateInvalid as error:
        return None, error.detail
    except OSError as error:
        return None, error.strerror or ""


@lru_cache(maxsize=64)
def _parsed(path: Path, _changed: int, _size: int) -> Template:
    return parse_template(path.read_bytes())
