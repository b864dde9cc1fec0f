"""Writes a data folder with everything in it, and the truth about it, as the program in the current folder keeps them.

To be run once in a checkout of each published version of the tables, before the next version is begun:
`PYTHONPATH=. python …/tests/archive/versions/make.py FOLDER` writes `FOLDER/v<version>.zip`.
"""

import hashlib
import importlib.util
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from workstation.archive import schema
from workstation.archive.archive import Archive
from workstation.consultation.case import CaseFilter
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.iris.wire import connect
from workstation.jobs import Cancellation
from workstation.settings import ServerProfile
from workstation.signing.authority import Authority, ReaderSubject
from workstation.signing.identity import load_pkcs12

DRAFT = {"form": {"field": "Очаг в S6 правого лёгкого, 7 мм"}, "view": {"slice": 3}}


def module(path: str) -> Any:
    """A file of the checkout's tests as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, Path.cwd() / path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


def write(folder: Path) -> Path:
    """The archive of a signed conclusion that waits and of one that was begun; names and images are made up."""
    tiny, bench = module("tests/tiny_instances.py"), module("tests/consultation/conftest.py")
    issued = Authority.create("Test root", "Tests").issue(ReaderSubject("Петрова^Анна", "Центр", "R-0815"), "secret")
    (folder / "reader.p12").write_bytes(issued)
    data = folder / "desk"
    with EmbeddedIris(folder / "iris") as iris:
        profile = ServerProfile("embedded", iris.url, user=iris.user)
        web = connect(profile, iris.password).dicomweb
        studies = [new_uid() for _number in range(2)]
        prior = new_uid()
        objects = [one for uid in studies for one in tiny.ct_series(2, study_uid=uid)]
        objects += tiny.ct_series(1, study_uid=prior, study_date="20250111")
        for uid, mine in zip((*studies, prior), (objects[:2], objects[2:4], objects[4:]), strict=True):
            web.store(uid, mine)
        cases = [bench.post_workitem(iris, uid) for uid in studies]
        identity = load_pkcs12(folder / "reader.p12", "secret")
        made = bench.Bench(profile, iris.password, data, objects, identity, cases[0])
        with Archive.open(data, bench.KEY) as archive:
            desk = made.open(archive)
            for case_uid in cases:
                made.case_uid = case_uid
                made.ready(desk)
            for part, payload in DRAFT.items():
                desk.save_draft(cases[1], part, payload)
            made.case_uid = cases[0]
            desk.sign(cases[0], made.prepared(desk), identity)
            waiting = {one.sop_instance_uid: hashlib.sha256(one.data).hexdigest() for one in desk.documents(cases[0])}
            assert desk.count(CaseFilter(states=None)) == 2
            desk.refresh(Cancellation())
            if hasattr(archive, "remove"):
                archive.put(tiny.ct_series(1, study_uid=prior + ".1")[0])
                archive.remove(prior + ".1", "R-0815", "asked")
            with archive.database.read() as cursor:
                entries = cursor.execute("SELECT count(*) FROM audit").fetchone()[0]
    truth = {
        "cases": dict(zip(("waiting", "begun"), cases, strict=True)),
        "objects": [hashlib.sha256(one).hexdigest() for one in objects],
        "draft": DRAFT,
        "waiting": waiting,
        "audit": entries,
        "studies": studies,
        "removed": prior + ".1",
        "prior": prior,
    }
    (data / "truth.json").write_text(json.dumps(truth, ensure_ascii=False), encoding="utf-8")
    return data


def main(target: Path) -> None:
    """Write the folder of the program's own version."""
    with tempfile.TemporaryDirectory() as name:
        data = write(Path(name))
        with zipfile.ZipFile(target / f"v{schema.VERSION}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(data.rglob("*")):
                if path.is_file() and path.name != "lock":
                    packed.write(path, path.relative_to(data).as_posix())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
