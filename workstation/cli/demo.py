"""`iris-workstation demo`: the workstation on the embedded IRIS."""

import argparse
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import platformdirs

from workstation import language
from workstation import settings as settings_file
from workstation.app import application
from workstation.cli.desktop import must_have_display
from workstation.cli.progress import show_progress
from workstation.demo.oidc import CLIENT_ID
from workstation.demo.preparation import DemoFolder, prepare
from workstation.demo.server import EmbeddedIris
from workstation.errors import DiskFull
from workstation.jobs import Progress
from workstation.language import _
from workstation.settings import Reader, ServerProfile, Settings

EXAMPLE = "iris-workstation --language en demo"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where the demonstration lies."""
    parser.add_argument("--iris", type=Path, metavar="DIR", help=_("folder of the embedded IRIS"))
    parser.add_argument("--serve", action="store_true", help=_("only run the embedded IRIS, for other clients"))


def run(options: argparse.Namespace) -> int:
    """Prepare what is missing, start the server, open the window; the demonstration is kept between runs."""
    if not options.serve:
        must_have_display()
    folder = prepared(options.iris or cache("demo", "iris"))
    if options.serve:
        return _serve(folder)
    from workstation.ui.application import run_window

    data_dir = options.data or cache("demo", "desk")
    passphrase = folder.identities.password
    with EmbeddedIris(folder.folder) as iris:
        settings = replace(settings_file.load(data_dir), data_dir=data_dir)
        settings = on_embedded_iris(settings, folder, iris)
        if options.language:
            settings = replace(settings, language=options.language)
        print(
            _("Signing identity: {file}, password: {password}").format(
                file=folder.identities.reader_p12, password=passphrase
            )
        )
        with application(settings, passphrase=lambda: passphrase, password=iris.password) as opened:
            return run_window(opened.desk, opened.workers, settings, opened.door, opened.guard)


def cache(*parts: str) -> Path:
    """A folder for what can be made again."""
    return Path(platformdirs.user_cache_path("iris-workstation", appauthor=False)).joinpath(*parts)


def phantoms_of(folder: Path) -> Path:
    """Where the phantoms of an embedded IRIS lie: in its folder, or in the one that all share."""
    own = folder / "phantoms"
    return own if own.exists() else cache("phantoms")


def prepared(folder: Path) -> DemoFolder:
    """The embedded IRIS with its phantoms, made at first use with its progress on stderr."""

    def show(progress: Progress) -> None:
        show_progress(f"{progress.done:4} / {progress.total}  {progress.text}")

    try:
        made = prepare(folder, show, phantoms_of(folder))
    except OSError as error:
        raise DiskFull(_("The demonstration can't be written"), str(error.strerror)) from error
    show_progress("")
    return made


def on_embedded_iris(settings: Settings, folder: DemoFolder, iris: EmbeddedIris) -> Settings:
    """The settings of a desk whose reader and server are the demonstration's."""
    reader = folder.identities.reader
    return replace(
        settings,
        servers=(ServerProfile(name="IRIS (demo)", dicomweb_url=iris.url, user=iris.user),),
        reader=Reader(name=reader.name, organisation=reader.organisation, code=reader.code),
        identity_file=str(folder.identities.reader_p12),
        language=settings.language if settings.language in language.LANGUAGES else "ru",
    )


def _serve(folder: DemoFolder) -> int:
    iris = EmbeddedIris(folder.folder)

    def announce(url: str) -> None:
        by_oidc = {"oidc_issuer": iris.issuer, "oidc_client_id": CLIENT_ID}
        print(json.dumps({"url": url, "user": iris.user, "password": iris.password, **by_oidc}), flush=True)

    with suppress(KeyboardInterrupt):  # the way to end it
        iris.serve(announce)
    return 0
