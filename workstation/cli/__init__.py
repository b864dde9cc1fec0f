"""The command line: one module a command, listed in one table.

Only parses, calls rooms and prints.
Nothing here that a screen would need too.
"""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from workstation import __version__, language
from workstation.discretion import log_to
from workstation.errors import WorkstationError
from workstation.language import N_, _

# command, what it does; its module has the same name with underscores and offers `arguments(parser)`, `run(options)`
# and EXAMPLE, a command line
COMMANDS = (
    ("demo", N_("open the workstation on the embedded IRIS with its digital phantoms")),
    ("tour", N_("run the main job from end to end in a window that nobody needs to see")),
    ("worklist", N_("list the cases of IRIS")),
    ("pull", N_("fetch a study and its priors into the sealed archive")),
    ("render", N_("make pictures or values of images, as the viewer shows them")),
    ("inspect", N_("say which stacks objects make, and why each is a volume or none")),
    ("import", N_("take studies from files, folders, ZIP archives and sealed cases into the sealed archive")),
    ("export", N_("write studies into a sealed file for another workstation, or without their patient for teaching")),
    ("second-opinion", N_("lock your own impression of a case, and compare the first report with it")),
    ("report", N_("sign a conclusion made from a file of answers, write its documents out, and send it if asked")),
    ("template", N_("list, show and check report templates, and bring in your own")),
    ("verify", N_("say who signed a document, when, and whether it is unchanged")),
    ("audit", N_("list, check and export what was done here, and show receipts of deliveries")),
    ("server", N_("list the servers of this desk, add, change and remove them, and say which one is in use")),
    ("sign-in", N_("sign in to a server, in the browser or with a password")),
    ("sign-out", N_("forget what signs in to a server")),
    ("doctor", N_("check the way to the servers and this computer, and say what to do for each fault")),
    ("archive", N_("check the sealed archive, remove studies, keep it under its limit, change what opens it")),
    ("reader", N_("list the readers of this desk, add and rename them")),
    ("self-test", N_("check that this installation decodes, draws, seals and signs")),
)


def run(arguments: Sequence[str]) -> int:
    """Run one command. Exit status: 0 done, 1 refused by the world (one line on stderr), 2 wrong usage."""
    # pydicom comments on odd values by quoting them: a log is no place for what may be a patient's
    logging.getLogger("pydicom").addHandler(logging.NullHandler())
    logging.getLogger("pydicom").propagate = False
    language.set_language(_language_asked(arguments) or _language_of_system())
    options = parsed(arguments)
    if options.log:
        log_to(options.log)
    module = importlib.import_module(f"workstation.cli.{(options.command or 'desktop').replace('-', '_')}")
    try:
        status: int = module.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # who reads our output has seen enough (`| head`); the interpreter would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except WorkstationError as error:
        print(f"iris-workstation: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return status


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; ends the process where it is wrong, or asks for help."""
    return _parser(arguments).parse_args(arguments)


def _language_asked(arguments: Sequence[str]) -> str:
    """What `--language` says, before there is a parser: its own help is in that language. "" when it says nothing."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--language", choices=language.LANGUAGES, default="")
    try:
        asked: str = parser.parse_known_args(arguments)[0].language
    except argparse.ArgumentError:
        return ""
    return asked


def _language_of_system() -> str:
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "ru" if named.startswith("ru") else "en"


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="iris-workstation", description=_("The workstation of a teleradiology reference centre.")
    )
    parser.add_argument("--version", action="version", version=f"iris-workstation {__version__}")
    desk_arguments(parser)
    parser.add_argument(
        "--log",
        type=Path,
        default=None,
        metavar="FILE",
        help=_("write a log for those who mend the program; it holds no patient's data"),
    )
    server_arguments(parser)
    parser.set_defaults(url=None, user="", password_file=None, server="")
    commands = parser.add_subparsers(dest="command", metavar=_("COMMAND"))
    # a value may be the name of a command too, as that of `--user reader`
    named = {word for word in arguments if word in dict(COMMANDS)}
    for name, purpose in COMMANDS:
        one = commands.add_parser(
            name, help=_(purpose), description=_(purpose), formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name in named:
            module = importlib.import_module(f"workstation.cli.{name.replace('-', '_')}")
            module.arguments(one)
            # not within the f-string: texts are not collected from there
            example = _("Example")
            one.epilog = f"{example}:\n  {module.EXAMPLE}"
    return parser


def desk_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every command that opens a desk."""
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help=_("folder of the sealed archive"))
    parser.add_argument(
        "--reader", default="", metavar="NAME", help=_("whose archive, where several readers share the desk")
    )
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        default=None,
        metavar="FILE",
        help=_("file with the archive's passphrase, for machines without a keyring"),
    )
    parser.add_argument("--language", choices=language.LANGUAGES, default=None, help=_("language of the program"))


def server_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that name a DICOMweb server, before a command or behind it; what isn't given overwrites nothing."""
    unsaid = argparse.SUPPRESS
    parser.add_argument(
        "--server",
        default=unsaid,
        metavar="NAME",
        help=_("name of a server of the settings; without it the one in use"),
    )
    parser.add_argument("--url", default=unsaid, help=_("DICOMweb root of a server that the settings need not have"))
    parser.add_argument("--user", default=unsaid, help=_("user name at the server"))
    parser.add_argument(
        "--password-file", type=Path, default=unsaid, metavar="FILE", help=_("file with the password at the server")
    )


def secret_file(path: Path) -> str:
    """The secret in a file: its first line. Raises WorkstationError that names the file when it can't be read."""
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else _("it is no text")
        raise WorkstationError(_("The file with the secret can't be read"), f"{path.name}: {reason}") from error
