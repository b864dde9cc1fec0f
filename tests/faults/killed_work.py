"""Run as a program by `test_pull_killed`: work on an archive, killed at random moments, then checked and resumed.

Arguments: which work, a folder, the number of seeds. Prints one line of JSON a seed.
"""

import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.archive import fake_iris
from tests.killing import done, killed
from workstation.archive import audit, importing
from workstation.archive.archive import Archive
from workstation.archive.importing import take_in
from workstation.archive.inspection import inspect
from workstation.archive.ledger import study_ledger
from workstation.archive.media import sources
from workstation.archive.retrieval import Retrieval
from workstation.consultation.keeping import Keeping
from workstation.consultation.link import Link
from workstation.settings import Reader, Settings

KEY = b"k" * 32


def state(archive: Archive, folder: Path) -> dict[str, Any]:
    """What every start must find: each object with its file and each file with its object, and a chain that holds."""
    places = [folder / "archive" / part for part in ("objects", "incoming")]
    with archive.database.read() as cursor:
        notes = cursor.execute("SELECT count(*) FROM discarded_objects").fetchone()[0]
    return {
        "objects": len(archive.instances()),
        "files": sum(path.is_file() for place in places for path in place.rglob("*")),
        "sound": inspect(archive).sound,
        "notes": notes,
        "chain": audit.verify(archive.database).whole,
    }


class Pull:
    """Two series of 20 slices, 3 ms each."""

    longest_s = 0.3

    def __init__(self, _folder: Path) -> None:
        self._iris = fake_iris.FakeIris(count=20, series=2, rows=128)

    def prepare(self, folder: Path) -> None:
        """Nothing is there before."""

    def do(self, folder: Path, begun: Path) -> None:
        self._iris.pause_s = 0.003
        begun.touch()
        with Archive.open(folder, KEY) as archive:
            Retrieval(archive, self._iris).pull_study(fake_iris.STUDY)

    def check(self, folder: Path) -> dict[str, Any]:
        with Archive.open(folder, KEY) as archive:
            held = {i.sop_instance_uid for i in archive.instances()}
            found = state(archive, folder) | {
                "received": study_ledger(archive.database, fake_iris.STUDY).received,
                "same": all(archive.get(uid) == self._iris.all[uid] for uid in held),
            }
            after = Retrieval(archive, self._iris).pull_study(fake_iris.STUDY)
            return found | {
                "asked_again": len(held & set(self._iris.singles)),
                "complete": after.complete,
                "all": all(archive.get(uid) == data for uid, data in self._iris.all.items()),
            }


class Removal:
    """Six studies of twelve slices, removed one after another."""

    longest_s = 0.06
    studies, count = 6, 12

    def __init__(self, _folder: Path) -> None:
        pass

    def prepare(self, folder: Path) -> None:
        with Archive.open(folder, KEY) as archive:
            for study in range(self.studies):
                name = f"1.2.{study + 1}"
                archive.store([fake_iris.part10(number, study=name) for number in range(self.count)])

    def do(self, folder: Path, begun: Path) -> None:
        with Archive.open(folder, KEY) as archive:
            begun.touch()
            for study in range(self.studies):
                archive.remove(f"1.2.{study + 1}", "reader", "asked")

    def check(self, folder: Path) -> dict[str, Any]:
        with Archive.open(folder, KEY) as archive:
            with archive.database.read() as cursor:
                entries = cursor.execute("SELECT count(*) FROM audit").fetchone()[0]
                removed = cursor.execute("SELECT count(*) FROM removed_studies").fetchone()[0]
            held = [study.instances for study in archive.studies()]
            return state(archive, folder) | {"held": held, "entries": entries, "removed": removed}


class Trim(Removal):
    """The same studies, of which one is pinned, and a limit that only that one fits in."""

    def prepare(self, folder: Path) -> None:
        super().prepare(folder)
        with Archive.open(folder, KEY) as archive:
            self._keeping(archive, folder).pin("1.2.3")

    def do(self, folder: Path, begun: Path) -> None:
        with Archive.open(folder, KEY) as archive:
            begun.touch()
            self._keeping(archive, folder).trim()

    def check(self, folder: Path) -> dict[str, Any]:
        found = super().check(folder)
        with Archive.open(folder, KEY) as archive:
            kept = [study.study.study_uid for study in archive.studies()]
            self._keeping(archive, folder).trim()
            left = [study.study.study_uid for study in archive.studies()]
            return found | {"pinned": "1.2.3" in kept, "left": left, "resumed": state(archive, folder)["sound"]}

    def _keeping(self, archive: Archive, folder: Path) -> Keeping:
        settings = Settings(folder, archive_limit_gb=40_000 / 1e9, reader=Reader("A^B", "C", "1"))
        return Keeping(archive, Link(None), settings)


class Import:
    """Forty files in a folder, six in a flush to the disk."""

    longest_s = 0.12
    count = 40

    def __init__(self, folder: Path) -> None:
        importing._GROUP_OBJECTS = 6
        self._medium = folder / "medium"
        self._medium.mkdir(parents=True)
        for number in range(self.count):
            (self._medium / f"{number:03}.dcm").write_bytes(fake_iris.part10(number, rows=128))

    def prepare(self, folder: Path) -> None:
        """Nothing is there before."""

    def do(self, folder: Path, begun: Path) -> None:
        with Archive.open(folder, KEY) as archive:
            begun.touch()
            self._take_in(archive)

    def check(self, folder: Path) -> dict[str, Any]:
        with Archive.open(folder, KEY) as archive:
            found = state(archive, folder)
            outcomes = self._take_in(archive)
            return found | {
                "again": outcomes.count("held"),
                "new": outcomes.count("new"),
                "resumed": state(archive, folder),
            }

    def _take_in(self, archive: Archive) -> list[str]:
        outcomes: list[str] = []
        take_in(archive, sources([self._medium], lambda: ""), {}, lambda one: outcomes.append(one.outcome))
        return outcomes


WORKS = {"pull": Pull, "removal": Removal, "trim": Trim, "import": Import}


def main(name: str, root: Path, seeds: int) -> None:
    work = WORKS[name](root)
    for seed in range(seeds):
        folder, answer, begun = root / str(seed), root / f"{seed}.json", root / f"{seed}.begun"
        done(lambda folder=folder: work.prepare(folder), answer)
        cut = killed(lambda begun, folder=folder: work.do(folder, begun), begun, random.Random(seed), work.longest_s)
        print(json.dumps(done(lambda folder=folder: work.check(folder), answer) | {"killed": cut}), flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
