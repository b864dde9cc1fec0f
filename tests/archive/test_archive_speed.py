"""Smoke: generous bounds that catch a slip by an order of magnitude; the figures themselves are benchmarks' work."""

import time
from types import ModuleType

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
