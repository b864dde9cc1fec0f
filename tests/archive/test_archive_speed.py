"""Smoke: generous bounds that catch a slip by an order of magnitude; the figures themselves are benchmarks' work."""

import time
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import index
from workstation.archive.archive import Archive
from workstation.archive.intake import Intake
from workstation.archive.ledger import study_ledger


def test_a_ct_of_100_slices_is_sealed_and_read_in_moments(archive: Archive, fake: ModuleType) -> None:
    data = [fake.part10(n, rows=512) for n in range(1, 101)]
    archive.put(fake.part10(1, study="1.9"))
    began = time.perf_counter()
    with Intake(archive) as intake:
        for item in data:
            intake.put(item)
    sealed = time.perf_counter()
    instances = archive.instances(study_uid=fake.STUDY)
    for instance in instances:
        archive.get(instance.sop_instance_uid)
    read = time.perf_counter()
    assert len(instances) == 100
    assert sealed - began < 4
    assert read - sealed < 2


def test_the_ledger_of_a_study_of_3000_is_quick(archive: Archive, fake: ModuleType) -> None:
    from workstation.archive import ledger
    from workstation.iris.entries import InstanceEntry, SeriesEntry

    listing = [
        (
            SeriesEntry("1.5", f"1.5.{s}", "CT", s, "", instance_count=300),
            [InstanceEntry("1.5", f"1.5.{s}", f"1.5.{s}.{n}", number=n) for n in range(300)],
        )
        for s in range(10)
    ]
    with archive.database.transaction() as cursor:
        ledger.expect(cursor, "1.5", listing)
    began = time.perf_counter()
    assert study_ledger(archive.database, "1.5").expected == 3000
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(5_000, id="5 thousand"),
        pytest.param(1_000_000, id="a million", marks=[pytest.mark.long, pytest.mark.timeout(3000)]),
    ],
)
def test_an_index_of_many_instances_is_as_quick_as_one_of_few(count: int, tmp_path: Path) -> None:
    few = {figure.work.partition(": ")[2]: figure.value for figure in index.measure(tmp_path / "few", 1000)[4:]}
    many = {figure.work.partition(": ")[2]: figure.value for figure in index.measure(tmp_path / "many", count)[4:]}
    assert few.keys() == many.keys() == {
        "add an instance, in bulk", "open", "read a study of 500", "sum what is held",
    }  # fmt: skip
    # the aims are 0.2 and 50 ms; the rest is room for a busy machine and its disk
    assert many["add an instance, in bulk"] < 2, many
    assert many["open"] < 500, many
    # a sum over all rows would take a thousand times as long
    assert many["sum what is held"] < 20 * max(few["sum what is held"], 1), (few, many)
    assert many["read a study of 500"] < 20 * max(few["read a study of 500"], 10), (few, many)


def test_totals_are_those_of_the_objects_through_storing_and_removing(archive: Archive, fake: ModuleType) -> None:
    sizes = {}
    for study in ("1.4.1", "1.4.2", "1.4.3"):
        data = [fake.part10(n, study=study, rows=8 * n) for n in (1, 2, 3)]
        archive.store(data)
        # what is held already counts once
        archive.store(data[:2])
        sizes[study] = sum(map(len, data))
    assert archive.size() == sum(sizes.values())
    assert {one.study.study_uid: (one.instances, one.size) for one in archive.studies()} == {
        study: (3, size) for study, size in sizes.items()
    }
    archive.remove("1.4.2", "R-1", "asked")
    assert archive.size() == sizes["1.4.1"] + sizes["1.4.3"]
    assert archive.size() == sum(len(archive.get(one.sop_instance_uid)) for one in archive.instances())
