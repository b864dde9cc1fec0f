"""The archive's index as it grows: adding instances in bulk, opening it, opening one study of many, its totals.

The rows are entered as `Archive.store` enters them, without the sealed files they name. The peer is SQLite without
encryption, with the same tables and rows.
"""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from benchmarks.figures import Figure
from benchmarks.waves import write_series
from workstation.archive import schema
from workstation.archive.archive import Archive
from workstation.archive.database import Cursor
from workstation.archive.index import Arrived, enter, enter_study
from workstation.archive.objects import new_name
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance

KEY = bytes(range(32))
OF_A_STUDY, GROUP = 500, 100
_DATA = bytes(526_336)


def template(folder: Path) -> Instance:
    """The header of a CT slice, as it comes from a file."""
    folder.mkdir(exist_ok=True)
    return parse_instance(write_series(folder, 1, 16).files[0].read_bytes())


def instances(pattern: Instance, begin: int, end: int) -> Iterator[Instance]:
    """Slices number `begin` … `end` of studies of 500, each of a patient of its own."""
    for number in range(begin, end):
        study = f"1.2.826.0.1.3680043.10.1337.{number // OF_A_STUDY + 10}"
        yield replace(
            pattern,
            study_uid=study,
            series_uid=f"{study}.1",
            sop_instance_uid=f"{study}.1.{number % OF_A_STUDY}",
            instance_number=number % OF_A_STUDY + 1,
            patient=replace(pattern.patient, patient_id=f"77-{number // OF_A_STUDY}"),
            study=replace(pattern.study, study_uid=study),
        )


def fill(archive: Archive, pattern: Instance, begin: int, end: int) -> list[float]:
    """Enter slices in groups, each durable; the time of each group in milliseconds an instance."""
    times = []
    for first in range(begin, end, GROUP):
        group = list(instances(pattern, first, min(first + GROUP, end)))
        began = perf_counter()
        with archive.database.transaction() as cursor:
            _enter(cursor, group)
        times.append((perf_counter() - began) * 1000 / len(group))
    return times


def _enter(cursor: Cursor, group: list[Instance]) -> None:
    known = ""
    for instance in group:
        if instance.study_uid != known:
            enter_study(cursor, instance)
            known = instance.study_uid
        enter(cursor, Arrived(instance, _DATA, os.urandom(32), new_name()))


def _plain(file: Path, pattern: Instance, count: int) -> list[float]:
    """The same rows into SQLite without encryption."""
    database = sqlite3.connect(file, isolation_level=None)
    database.row_factory = sqlite3.Row
    database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + "".join(schema.MIGRATIONS))
    times = []
    for first in range(0, count, GROUP):
        group = list(instances(pattern, first, first + GROUP))
        began = perf_counter()
        cursor = database.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        _enter(cursor, group)  # type: ignore[arg-type]
        cursor.execute("COMMIT")
        times.append((perf_counter() - began) * 1000 / len(group))
    database.close()
    return times


def measure(folder: Path, count: int) -> list[Figure]:
    """Figures of an index of a hundredth of `count` instances, and of all of them."""
    folder.mkdir(exist_ok=True)
    pattern = template(folder / "pattern")
    few = max(count // 100, GROUP)
    figures: list[Figure] = []
    desk = folder / "index"
    small: dict[str, tuple[float, ...]] = {}
    begin = 0
    for end in (few, count):
        with Archive.open(desk, KEY) as archive:
            added = fill(archive, pattern, begin, end)[-few // GROUP :]
            begin = end
        plain = tuple(_plain(folder / f"plain-{end}.db", pattern, few))
        times = _times(desk, end)
        of, peer = f"index of {_count(end)}", f"of {_count(few)}" if small else ""
        figures.append(
            Figure(
                f"{of}: add an instance, in bulk",
                tuple(added),
                0.2,
                "ms",
                "median",
                f"plain SQLite of {_count(few)}",
                plain,
            )
        )
        for name, aim in (("open", 50), ("read a study of 500", None), ("sum what is held", None)):
            figures.append(Figure(f"{of}: {name}", times[name], aim, "ms", "median", peer, small.get(name, ())))
        small = times
    return figures


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _times(desk: Path, count: int) -> dict[str, tuple[float, ...]]:
    opened, read, summed = [], [], []
    for turn in range(7):
        began = perf_counter()
        archive = Archive.open(desk, KEY)
        opened.append((perf_counter() - began) * 1000)
        with archive:
            study = f"1.2.826.0.1.3680043.10.1337.{(turn * 7919) % max(count // OF_A_STUDY, 1) + 10}"
            began = perf_counter()
            found = archive.instances(study_uid=study)
            read.append((perf_counter() - began) * 1000)
            assert len(found) == min(OF_A_STUDY, count)
            began = perf_counter()
            size = archive.size()
            summed.append((perf_counter() - began) * 1000)
            assert size == count * len(_DATA)
    return {"open": tuple(opened), "read a study of 500": tuple(read), "sum what is held": tuple(summed)}
