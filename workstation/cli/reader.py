"""`iris-workstation reader`: the readers who share this desk, each with an archive and a key of their own."""

import argparse
import json

from workstation import settings as settings_file
from workstation.consultation import readers
from workstation.language import _

EXAMPLE = "iris-workstation reader add Nights"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with the readers."""
    deeds = parser.add_subparsers(dest="deed", metavar=_("DEED"), required=True)

    def deed(name: str, purpose: str) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = deeds.add_parser(name, help=purpose, description=purpose)
        one.add_argument("--json", action="store_true", help=_("one JSON object instead of lines"))
        return one

    shown = _("name in the chooser, for everybody at this computer account to see")
    deed("list", _("who works at this desk, by the names that they chose"))
    deed("add", _("make room for another reader")).add_argument("name", metavar="NAME", help=shown)
    renaming = deed("rename", _("give a reader another name to choose by"))
    renaming.add_argument("name", metavar="NAME", help=_("the name until now"))
    renaming.add_argument("new_name", metavar="NEW", help=shown)


def run(options: argparse.Namespace) -> int:
    """Nothing of any archive is opened for it."""
    desk = options.data or settings_file.default_data_dir()
    match options.deed:
        case "add":
            found = [readers.add(desk, options.name)]
        case "rename":
            found = [readers.rename(desk, readers.named(desk, options.name), options.new_name)]
        case _:
            found = list(readers.readers(desk))
    if options.json:
        listed = [{"name": reader.name, "folder": str(reader.folder)} for reader in found]
        print(json.dumps({"readers": listed}, ensure_ascii=False))
        return 0
    for reader in found:
        print(f"{reader.label}  {reader.folder}")
    return 0
