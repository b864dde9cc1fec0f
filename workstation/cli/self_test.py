"""`iris-workstation self-test`: does this installation decode, draw, seal and sign? The frozen one is asked too.

Each check does the work itself on small made-up data, because a frozen build loses what is only found at run time:
decoders, plug-ins, catalogues, dictionaries, fonts.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workstation.errors import ArchiveLocked
from workstation.language import LANGUAGES, _, current_language, set_language

EXAMPLE = "iris-workstation self-test"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which checks; all without a word."""
    parser.add_argument("--only", choices=[name for name, _check in CHECKS], help=_("this check alone"))


def run(options: argparse.Namespace) -> int:
    """Print a line a check; status 1 when any fails."""
    failed = 0
    for name, check in CHECKS:
        if options.only not in (None, name):
            continue
        begun = time.perf_counter()
        try:
            said = check()
        except Exception as error:  # noqa: BLE001 - whatever is broken here, the other checks are wanted too
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
        else:
            print(f"ok      {name}: {said} ({time.perf_counter() - begun:.1f} s)", flush=True)
    return 1 if failed else 0


class Unfit(Exception):
    """A check had another result than it must have."""


def _expect(true: bool, what: str) -> None:
    # not `assert`: an optimised build would drop the check
    if not true:
        raise Unfit(what)


def _catalogues() -> str:
    """Each catalogue loads; whether it is complete is asked by `make check`."""
    before, said = current_language(), []
    try:
        for code in LANGUAGES:
            set_language(code)
            said.append(f"{code} {_('Worklist')}")
    finally:
        set_language(before)
    return ", ".join(said)


def _templates() -> str:
    from workstation.reporting.template import load_templates, template_for

    templates = load_templates()
    for code in LANGUAGES:
        template_for("CT", "CHEST", code)
    return str(len(templates))


def _hanging() -> str:
    from workstation.viewing.hanging import load_protocols

    protocols = load_protocols()
    _expect(len(protocols) > 0, "none")
    return str(len(protocols))


def _pictures() -> str:
    """A frame of each supported transfer syntax through the program's own way, then through each decoder behind it."""
    from workstation.cli.specimens import LOSSY, TOLERANCE, specimen
    from workstation.dicom import decoder_processes
    from workstation.dicom.decoders import DECODERS, Codestream
    from workstation.dicom.parsing import parse_instance
    from workstation.dicom.part10 import body_of
    from workstation.dicom.pixels import SUPPORTED_TRANSFER_SYNTAXES, decode_frame_named

    names = set()
    with decoder_processes.opened(1):
        for uid in SUPPORTED_TRANSFER_SYNTAXES:
            data, expected = specimen(uid)
            instance = parse_instance(data)
            values, name = decode_frame_named(instance, data)
            allowed = TOLERANCE if uid in LOSSY else 0
            _expect(_difference(values, expected) <= allowed, f"{uid}: {name}")
            names.add(name)
            body = body_of(data, uid)
            frame = b"".join(body[at : at + length] for at, length in instance.frame_offsets[0])
            for decoder in DECODERS.get(uid, ()):
                assert instance.pixels is not None
                samples = decoder.decode(Codestream(frame, instance.rows, instance.columns, instance.pixels))
                _expect(_difference(samples, expected) <= allowed, f"{uid}: {decoder.name}")
                names.add(decoder.name)
    return f"{len(SUPPORTED_TRANSFER_SYNTAXES)} transfer syntaxes; {', '.join(sorted(names))}"


def _difference(
    values: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]",
    expected: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]",
) -> int:
    if values.shape != expected.shape:
        return 1 << 16
    return int(np.abs(values.astype(np.int64) - expected.astype(np.int64)).max())


def _reslice() -> str:
    """A sheared volume whose values are the place itself: a plane across it must read them back."""
    from vtkmodules.vtkCommonCore import vtkVersion

    from workstation.imaging.plane import Plane, volume_centre
    from workstation.imaging.reslice import Slab, reslice
    from workstation.imaging.volume import Volume

    shear = np.array([[0.5, 0, 0, -3], [0, 0.5, -0.4, 7], [0, 0, 1.5, 11], [0, 0, 0, 1.0]])
    k, j, i = np.mgrid[0:12, 0:24, 0:24]
    y = shear[1, 1] * j + shear[1, 2] * k + shear[1, 3]
    z = shear[2, 2] * k + shear[2, 3]
    volume = Volume.of_array((10 * y + 100 * z + 0 * i).astype(np.float32), shear, "2.25.5", "HU")
    plane = Plane(volume_centre(volume), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), 0.5, 6, 6)
    wanted = [
        [10 * plane.pixel_to_lps(x, y)[1] + 100 * plane.pixel_to_lps(x, y)[2] for x in range(6)] for y in range(6)
    ]
    for slab in (Slab(), Slab(2.0, "mip")):
        found = reslice(volume, plane, slab)
        _expect(bool(found.inside.all()), "the plane is outside")
        _expect(bool(np.allclose(found.values, wanted, atol=0.1)), "wrong values")
    return f"VTK {vtkVersion.GetVTKVersion()}"


def _seal() -> str:
    from workstation.archive.archive import Archive
    from workstation.cli.specimens import specimen

    data, _values = specimen("1.2.840.10008.1.2.1")
    key = os.urandom(32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Archive.open(folder, key) as archive:
            archive.put(data)
        with Archive.open(folder, key) as archive:
            _expect(archive.get("2.25.1") == data, "other bytes came back")
        sealed = b"".join(path.read_bytes() for path in (folder / "archive").rglob("*") if path.is_file())
        _expect(b"Test^Self" not in sealed, "the archive is not sealed")
        try:
            Archive.open(folder, os.urandom(32)).close()
        except ArchiveLocked:
            return "SQLCipher, AES-256-GCM"
    raise Unfit("the archive opens with another key")


def _sign() -> str:
    """Every document of a conclusion, written, signed and verified; then one of them changed by a byte."""
    from workstation.cli.specimens import small_conclusion
    from workstation.consultation.package import Prepared, sign
    from workstation.dicom.documents import encapsulated_pdf, read_measurements
    from workstation.reporting.pdf import render_pdf
    from workstation.signing.authority import Authority, ReaderSubject
    from workstation.signing.identity import load_pkcs12
    from workstation.signing.trust import load_certificates
    from workstation.signing.verification import verify

    authority = Authority.create("self-test", "self-test")
    trust = load_certificates(authority.pem)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reader.p12"
        path.write_bytes(authority.issue(ReaderSubject("Test^Self", "self-test", "0"), "secret"))
        identity = load_pkcs12(path, "secret")
    conclusion = small_conclusion()
    package = sign(Prepared(conclusion, render_pdf(conclusion)), identity)
    signed = {each.kind: each.data for each in package.objects}
    for kind, data in [*signed.items(), ("PAdES", encapsulated_pdf(signed["pdf"]))]:
        found = verify(data, trust)
        _expect(found.valid, f"{kind}: {'; '.join(found.problems)}")
    _expect(read_measurements(signed["measurements"])[0].primary.value == 10.0, "another measurement came back")
    spoiled = signed["conclusion"].replace("Проверка".encode(), "ПровЕрка".encode())
    _expect(not verify(spoiled, trust).valid, "a changed conclusion counts as valid")
    return f"PKCS#12, PAdES, {', '.join(signed)}"


def _embedded_iris() -> str:
    """The embedded IRIS keeps an object that the desk's own client sends, and gives it back."""
    from workstation.cli.specimens import specimen
    from workstation.demo.server import EmbeddedIris
    from workstation.iris.wire import connect
    from workstation.settings import ServerProfile

    data, _values = specimen("1.2.840.10008.1.2.1")
    with tempfile.TemporaryDirectory() as folder, EmbeddedIris(Path(folder)) as iris:
        wire = connect(ServerProfile("self-test", iris.url, user=iris.user), iris.password)
        answer = wire.dicomweb.store("2.25.2", [data])
        _expect(not answer.failed, "the object is refused")
        _expect(wire.dicomweb.retrieve_instance("2.25.2", "2.25.3", "2.25.1") == data, "other bytes came back")
        _expect(wire.workitems is not None and wire.workitems.supported(), "no worklist")
    return "STOW-RS, WADO-RS, UPS-RS"


def _secrets() -> str:
    import keyring

    from workstation import secrets

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = secrets.open_key(folder, lambda: "the keys of a self-test", wrap="passphrase")
        _expect(secrets.open_key(folder, lambda: "the keys of a self-test") == key, "another key came back")
    return f"scrypt; {keyring.get_keyring().name}"


def _window() -> str:
    if os.name == "posix" and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        # Qt would end the program where it finds no display
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QLibraryInfo, QTranslator
    from PySide6.QtWidgets import QLabel

    from workstation.ui.application import qt_application
    from workstation.ui.theme import icon

    app = qt_application()
    label = QLabel("Рабочее место")
    label.setPixmap(icon("mdi6.ruler").pixmap(24, 24))
    label.show()
    app.processEvents()
    painted = label.grab().toImage()
    label.close()
    _expect(not painted.isNull(), "nothing was painted")
    texts = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    _expect(QTranslator().load("qtbase_ru", texts), "Qt's own Russian texts are missing")
    return f"Qt {app.platformName()}, {app.font().family()}"


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("languages", _catalogues),
    ("report templates", _templates),
    ("hanging protocols", _hanging),
    ("pictures", _pictures),
    ("reformats", _reslice),
    ("secrets", _secrets),
    ("sealed archive", _seal),
    ("signing", _sign),
    ("embedded IRIS", _embedded_iris),
    ("window", _window),
)
