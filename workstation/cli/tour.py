"""`iris-workstation tour DIR`: the main job from end to end, in a real window that nobody needs to see.

Without `--url` it runs on an embedded IRIS of its own. DIR receives the pictures, the documents as IRIS gives them
back, and a transcript. A tour that was cut short in DIR goes on from where it stood.
"""

import argparse
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workstation.app import Application, application
from workstation.cli import secret_file, server_arguments
from workstation.cli.demo import cache, on_embedded_iris, phantoms_of, prepared
from workstation.cli.desk import passphrase_of, profile_of
from workstation.cli.report import FILES
from workstation.demo.identities import DemoIdentities, ensure_identities
from workstation.demo.phantoms import ensure_phantoms
from workstation.demo.server import EmbeddedIris
from workstation.dicom.documents import encapsulated_pdf
from workstation.errors import DiskFull, WorkstationError
from workstation.iris.wire import connect
from workstation.jobs import silent
from workstation.language import _
from workstation.settings import Reader, Settings

if TYPE_CHECKING:
    from workstation.ui.tour.steps import Plan
    from workstation.ui.tour.transcript import Transcript

EXAMPLE = (
    "iris-workstation tour ./tour --url http://127.0.0.1:8042/dicom-web --user reader --password-file password.txt"
)
MAIN, TILTED = "ct-main", "ct-tilt"


@dataclass(frozen=True)
class Stage:
    """Where a tour plays: the desk's settings, the server's password, what to read and whom to trust (PEM)."""

    settings: Settings
    password: str
    plan: "Plan"
    authority: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where to write, and which server."""
    parser.add_argument("folder", type=Path, metavar="DIR", help=_("folder for pictures, documents and transcript"))
    server_arguments(parser)
    parser.add_argument("--study", metavar="UID", default="", help=_("Study Instance UID to read"))
    parser.add_argument("--template", metavar="ID", default="", help=_("report template"))
    parser.add_argument("--identity", type=Path, metavar="P12", help=_("signing identity, a PKCS#12 file"))
    parser.add_argument("--identity-password-file", type=Path, metavar="FILE", help=_("file with its password"))
    parser.add_argument("--iris", type=Path, metavar="DIR", help=_("folder of the embedded IRIS"))
    parser.add_argument("--size", default="1280x800", metavar="WxH", help=_("size of the window"))


def run(options: argparse.Namespace) -> int:
    """Play it; the exit status is 0 when the conclusion is delivered and verified."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from workstation.ui.tour.transcript import Transcript

    folder: Path = options.folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskFull(_("The tour's folder can't be written"), str(error.strerror)) from error
    state = cache("tour", hashlib.sha256(str(folder).encode()).hexdigest()[:16])
    if not Transcript.unfinished_in(folder):
        # a desk of the tour's own, that is; one named by --data may be somebody's work
        shutil.rmtree(state / "desk", ignore_errors=True)
        if not options.url:
            shutil.rmtree(state / "iris", ignore_errors=True)
        for name in (*FILES.values(), "conclusion.pdf", "ca.pem"):
            with suppress(FileNotFoundError):
                (folder / name).unlink()
    transcript = Transcript(folder)
    transcript.write()
    with _stage(options, state) as stage:
        return _play(options, stage, transcript, passphrase_of(options, _throwaway_key(state)))


@contextmanager
def _stage(options: argparse.Namespace, state: Path) -> Iterator[Stage]:
    from workstation.ui.tour.steps import Plan

    data_dir = options.data or state / "desk"
    # one case is played, and nothing else comes in between
    settings = Settings(data_dir=data_dir, language=options.language or "ru", poll_seconds=5, prefetch=False)
    if options.url:
        stage = Stage(
            replace(settings, servers=(profile_of(options.url, options.user),)),
            secret_file(options.password_file) if options.password_file else "",
            Plan(main=options.study, template=options.template),
        )
        yield _with_identity(options, stage, lambda: ensure_identities(state / "identities"))
        return
    demo = prepared(options.iris or state / "iris")
    phantoms = ensure_phantoms(phantoms_of(demo.folder), silent)
    with EmbeddedIris(demo.folder) as iris:
        plan = Plan(
            main=options.study or phantoms.study(MAIN).study_uid,
            tilted="" if options.study else phantoms.study(TILTED).study_uid,
            template=options.template,
        )
        stage = Stage(on_embedded_iris(settings, demo, iris), iris.password, plan)
        yield _with_identity(options, stage, lambda: demo.identities)


def _with_identity(options: argparse.Namespace, stage: Stage, demonstration: Callable[[], DemoIdentities]) -> Stage:
    """The stage with the reader and the identity that signs: that of the options, or the demonstration's."""
    if options.identity:
        if not options.identity_password_file:
            raise WorkstationError(_("The identity needs its password"), advice=_("Give --identity-password-file."))
        from workstation.signing.identity import load_pkcs12

        file, password = options.identity, secret_file(options.identity_password_file)
        identity = load_pkcs12(file, password)
        authority = identity.authority_pem
        reader = Reader(
            name=identity.subject.replace(" ", "^", 2), organisation=identity.organisation, code=identity.code or "-"
        )
    else:
        demo = demonstration()
        file, password = demo.reader_p12, demo.password
        authority = demo.authority_pem.read_text(encoding="ascii")
        reader = Reader(name=demo.reader.name, organisation=demo.reader.organisation, code=demo.reader.code)
    return replace(
        stage,
        settings=replace(stage.settings, reader=reader, identity_file=str(file)),
        plan=replace(stage.plan, identity_password=password),
        authority=authority,
    )


def _play(options: argparse.Namespace, stage: Stage, transcript: "Transcript", passphrase: Callable[[], str]) -> int:
    from workstation.ui.application import qt_application
    from workstation.ui.tour.steps import Tour
    from workstation.ui.window import DeskWindow

    with application(stage.settings, passphrase=passphrase, password=stage.password) as opened:
        app = qt_application(stage.settings.theme)
        window = DeskWindow(opened.desk, opened.workers, stage.settings)
        window.shell.resize(*_size(options.size))
        try:
            case = Tour(opened.desk, window, stage.plan, transcript).run()
            _bring_back(opened, stage, transcript, case.case_uid)
        finally:
            window.shell.close()
            app.processEvents()
    transcript.finished = True
    transcript.write()
    return 0


def _throwaway_key(folder: Path) -> Callable[[], str]:
    """A passphrase made for this tour, so that it runs without a keyring and can be taken up again."""
    path = folder / "passphrase"

    def passphrase() -> str:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / "passphrase.new"
            draft.touch(mode=0o600)
            draft.write_text(os.urandom(24).hex(), encoding="ascii")
            draft.replace(path)
        return path.read_text(encoding="ascii")

    return passphrase


def _bring_back(opened: Application, stage: Stage, transcript: "Transcript", case_uid: str) -> None:
    """Fetch the delivered documents from IRIS by a connection of their own, and lay them beside the pictures."""
    step = transcript.begin("bring back")
    package = next(row for row in opened.desk.outbox() if row.case_uid == case_uid)
    case = opened.desk.case(case_uid)
    wire = connect(stage.settings.server, stage.password)
    found = {}
    for series in wire.dicomweb.search_series(case.study_uid):
        if series.modality in ("SR", "KO", "PR", "DOC"):
            for instance in wire.dicomweb.search_instances(case.study_uid, series.series_uid):
                found[instance.sop_instance_uid] = series.series_uid
    for role, uid, digest in package.objects:
        if uid not in found:
            raise WorkstationError(_("IRIS doesn't list a document that it was sent"), uid)
        data = wire.dicomweb.retrieve_instance(case.study_uid, found[uid], uid)
        if hashlib.sha256(data).hexdigest() != digest:
            raise WorkstationError(_("IRIS gave back other bytes than were signed"), uid)
        if role in FILES:
            (transcript.folder / FILES[role]).write_bytes(data)
        if role == "pdf":
            (transcript.folder / "conclusion.pdf").write_bytes(encapsulated_pdf(data))
    (transcript.folder / "ca.pem").write_text(stage.authority, encoding="ascii")
    step.end(documents=len(package.objects), identical=True)


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError as error:
        raise WorkstationError(_("This is no size of a window"), text, _("It looks like 1280x800")) from error
    return width, height
