"""From an empty folder to a demonstration: phantoms, their server's store, the worklist, the reader's identity."""

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workstation.demo.cases import build_worklist
from workstation.demo.deadlines import refresh_deadlines
from workstation.demo.identities import DemoIdentities, ensure_identities
from workstation.demo.phantoms import PhantomSet, ensure_phantoms
from workstation.demo.phantoms.cache import VERSION as PICTURES_VERSION
from workstation.demo.server import STATE
from workstation.demo.store import Store
from workstation.jobs import Report

# raise it when the worklist or the reports change: what is missing is then added to folders of old
VERSION = "1"
REPORTS = "reports"
_PREPARED, _PICTURES = "prepared", "pictures"


@dataclass(frozen=True)
class DemoFolder:
    """A prepared folder: start `EmbeddedIris(folder)` on it."""

    folder: Path
    identities: DemoIdentities


def prepare(folder: Path, report: Report, pictures: Path | None = None) -> DemoFolder:
    """Make what is missing of the demonstration in `folder`; on one that is complete, at once.

    `pictures` is the folder of the phantoms, which several demonstrations may share; by default one in `folder`.
    Cut short at any point, the next call goes on. Raises OSError when the folder can't be written, and what `report`
    raises.
    """
    phantoms = ensure_phantoms(pictures or folder / "phantoms", report)
    fill(folder, phantoms, report)
    return DemoFolder(folder, ensure_identities(folder / "identities"))


def fill(folder: Path, phantoms: PhantomSet, report: Report) -> None:
    """Put phantoms and worklist into the store of `folder`, unless it has them.

    A store filled with other pictures under the same UIDs begins anew: its conclusions were about those.
    """
    pictures = _fingerprint(phantoms)
    store = Store(folder / STATE)
    try:
        if store.fact(_PICTURES) not in (None, pictures):
            store.close()
            shutil.rmtree(folder / STATE)
            shutil.rmtree(folder / REPORTS, ignore_errors=True)
            store = Store(folder / STATE)
        if store.fact(_PREPARED) == VERSION:
            return
        store.remember(_PICTURES, pictures)
        store.ingest((file for study in phantoms.studies for file in study.files), report)
        now = datetime.now().astimezone()
        build_worklist(store, phantoms, folder / REPORTS, now)
        refresh_deadlines(store, now)
        store.remember(_PREPARED, VERSION)
    finally:
        store.close()


def _fingerprint(phantoms: PhantomSet) -> str:
    """Tells one making of the pictures from another."""
    files = [(file.name, file.stat().st_size) for study in phantoms.studies for file in study.files]
    return hashlib.sha256(repr((PICTURES_VERSION, files)).encode()).hexdigest()
