"""What `doctor` looks at on this computer: folder, keyring, database, decoders, display, signing identity.

Nothing is made or changed: a desk that isn't there yet is none afterwards either.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from workstation import secrets
from workstation.errors import WorkstationError
from workstation.iris.finding import Finding, State, failed
from workstation.language import _, number_text
from workstation.settings import Settings

FREE_WARNING_GB = 10.0
FREE_FAILURE_GB = 1.0


def examine_desk(settings: Settings, key: "bytes | Finding") -> Iterator[Finding]:
    """Every check of this computer; `key` is what `archive_key` gave."""
    yield from _check_folder(settings.data_dir)
    yield _keyring()
    yield key if isinstance(key, Finding) else _database(settings.data_dir, key)
    yield _decoders()
    yield _display()
    yield _identity(settings.identity_file)


def archive_key(data_dir: Path, passphrase: Callable[[], str] | None) -> "bytes | Finding":
    """The master key, without asking anybody, or the finding that says why there is none."""
    if not (data_dir / "key.json").exists() and not (data_dir / "archive").exists():
        return Finding("database", State.NOT_CHECKED, _("there is none yet: the first start makes it"))
    try:
        if secrets.needs_passphrase(data_dir) and passphrase is None:
            return Finding("database", State.NOT_CHECKED, _("it opens with a passphrase: give it by --passphrase-file"))
        return secrets.open_key(data_dir, passphrase)
    except WorkstationError as error:
        return failed("database", error)


def _check_folder(folder: Path) -> Iterator[Finding]:
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        if not nearest.is_dir():
            raise NotADirectoryError
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(b"doctor")
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        yield Finding(
            "data folder",
            State.FAILED,
            _("nothing can be written to {folder}").format(folder=nearest),
            _("Give this user the right to write there, or name another folder by --data."),
        )
    else:
        found = _("{folder} can be written to") if nearest == folder else _("{folder} can be made")
        yield Finding("data folder", State.OK, found.format(folder=folder))
    yield _free(nearest)


def _free(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / 1e9
    found = _("{size} GB free").format(size=number_text(free, 1))
    if free >= FREE_WARNING_GB:
        return Finding("disk", State.OK, found)
    return Finding(
        "disk",
        State.FAILED if free < FREE_FAILURE_GB else State.WARNING,
        found,
        _("Make room on this disk, or put the data folder on another: studies are kept there."),
    )


def _keyring() -> Finding:
    name = secrets.keyring_in_use()
    if name is not None:
        return Finding("keyring", State.OK, name)
    return Finding(
        "keyring",
        State.WARNING,
        _("No keyring answers on this computer"),
        _("Unlock or install one (Secret Service, KWallet), or work with a passphrase for the archive."),
    )


def _database(data_dir: Path, key: bytes) -> Finding:
    path = data_dir / "archive" / "index.db"
    if not path.exists():
        return Finding("database", State.NOT_CHECKED, _("there is none yet: the first start makes it"))
    from workstation.archive.database import Database

    try:
        database = Database(path, secrets.derive_key(key, "database"))
        try:
            with database.read() as cursor:
                (studies,) = cursor.execute("SELECT count(*) FROM studies").fetchone()
        finally:
            database.close()
    except WorkstationError as error:
        return failed("database", error, error.advice or _("Close the program, and put the folder back from a copy."))
    return Finding("database", State.OK, _("opens; studies: {count}").format(count=studies))


def _decoders() -> Finding:
    from workstation.cli.self_test import CHECKS
    from workstation.dicom.pixels import SUPPORTED_TRANSFER_SYNTAXES

    try:
        dict(CHECKS)["pictures"]()
    except Exception as error:  # noqa: BLE001 - a library that is broken raises what it likes
        return Finding(
            "decoders",
            State.FAILED,
            _("not every picture decodes") + f" ({type(error).__name__}: {error})",
            _("Install the program anew, and let the security product of this computer allow its child processes."),
        )
    count = len(SUPPORTED_TRANSFER_SYNTAXES)
    return Finding("decoders", State.OK, _("transfer syntaxes decoded: {count}").format(count=count))


def _display() -> Finding:
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in named):
        return Finding(
            "display",
            State.WARNING,
            _("there is none: the window can't open here"),
            _("Run this in the reader's desktop session; commands without a window work everywhere."),
        )
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "workstation"]
    try:
        # in a process of its own: Qt ends the one in which it finds no display
        done = subprocess.run(
            [*program, "self-test", "--only", "window"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        said, status = "", 1
    else:
        said, status = done.stdout.strip().rpartition("\n")[2], done.returncode
    if status == 0:
        return Finding("display", State.OK, said.partition(": ")[2])
    return Finding(
        "display",
        State.FAILED,
        _("the window can't open") + (f" ({said})" if said else ""),
        _("Install the packages that Qt needs (see the administrator's guide), and check the graphical session."),
    )


def _identity(file: str) -> Finding:
    if not file:
        return Finding("identity", State.NOT_CHECKED, _("no file is set: it is chosen when a conclusion is signed"))
    path = Path(file)
    try:
        sound = path.read_bytes()[:1] == b"\x30"  # PKCS#12 is a DER sequence
        mode = path.stat().st_mode
    except OSError:
        return Finding(
            "identity",
            State.FAILED,
            _("{file} can't be read").format(file=path.name),
            _("Put in the medium that holds it, or mend identity_file and the rights of the file."),
        )
    if not sound:
        return Finding(
            "identity",
            State.FAILED,
            _("{file} is no PKCS#12 file").format(file=path.name),
            _("Name the .p12 or .pfx file of the reader in identity_file."),
        )
    if os.name == "posix" and mode & 0o077:
        return Finding(
            "identity",
            State.WARNING,
            _("{file} is there, and others on this computer can read it").format(file=path.name),
            _("Make it readable by its owner alone (mode 600)."),
        )
    return Finding("identity", State.OK, _("{file} is there").format(file=path.name))
