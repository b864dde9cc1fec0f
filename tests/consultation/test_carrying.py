"""Imported studies: cases for viewing that no list takes away, priors of their patient. Exports: whole, on record."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import tiny_instances
from tests.fetched import fetched
from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.archive.importing import Imported
from workstation.archive.media import Source, sources
from workstation.archive.parcel import Parcel
from workstation.archive.priors import remembered
from workstation.consultation.carrying import Carrying
from workstation.consultation.case import CaseFilter
from workstation.consultation.cases import Cases
from workstation.consultation.desk import Desk
from workstation.errors import Cancelled, CaseUnavailable
from workstation.jobs import Cancellation
from workstation.settings import Reader, Settings


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path, bytes(range(32))) as opened:
        yield opened


def media(objects: list[bytes]) -> list[Source]:
    return [Source(str(number), lambda data=data: data) for number, data in enumerate(objects)]  # type: ignore[misc]


def test_an_imported_study_opens_without_a_link_and_for_viewing_only(archive: Archive, tmp_path: Path) -> None:
    told: list[Imported] = []
    counts = Carrying(archive, Reader()).take_in(media(tiny_instances.ct_series(3)), told.append)
    assert [one.outcome for one in told] == ["new"] * 3
    desk = Desk(archive, None, Settings(data_dir=tmp_path))
    (row,) = desk.page(CaseFilter(states="open"), 0, 10)
    assert {row.study_uid} == set(counts)
    assert (row.expected, row.received) == (0, 3)
    assert not desk.claim(row.case_uid).is_held
    assert fetched(desk, row.case_uid).case_uid == row.case_uid
    assert not desk.begin_reading(row.case_uid).is_writable
    assert len(desk.contents(row.case_uid).study) == 3
    with pytest.raises(CaseUnavailable):
        desk.save_draft(row.case_uid, "form", {})


def test_a_new_list_of_the_server_leaves_imported_studies(archive: Archive) -> None:
    Carrying(archive, Reader()).take_in(media(tiny_instances.ct_series(1)), lambda _one: None)
    cases = Cases(archive.database)
    cases.merge_workitems([])
    assert cases.count(CaseFilter(states=None)) == 1


def test_what_came_before_a_cancellation_can_be_opened(archive: Archive) -> None:
    cancellation = Cancellation()

    def found() -> Iterator[Source]:
        # twelve megabytes make a group
        yield from media(tiny_instances.ct_series(7, side=1024))
        cancellation.cancel()
        yield from media(tiny_instances.ct_series(1))

    with pytest.raises(Cancelled):
        Carrying(archive, Reader()).take_in(found(), lambda _one: None, cancellation=cancellation)
    (row,) = Cases(archive.database).page(CaseFilter(states=None), 0, 10)
    assert len(archive.instances(row.study_uid)) == 6


def entered(archive: Archive, study_uid: str) -> tuple[bool, bool, list[str]]:
    """Whether a study has a case and a pin, and what the audit chain tells of it."""
    with archive.database.read() as cursor:
        case = cursor.execute("SELECT 1 FROM cases WHERE study_uid = ?", (study_uid,)).fetchone()
        pinned = cursor.execute("SELECT pinned FROM studies WHERE study_uid = ?", (study_uid,)).fetchone()
        events = [entry.event for entry in audit.entries(cursor) if entry.subject == study_uid]
    return case is not None, bool(pinned and pinned[0]), events


def test_a_study_has_case_pin_and_record_with_its_first_object(archive: Archive, tmp_path: Path) -> None:
    # one megabyte is the limit, and whoever trims comes while the study is on its way in
    keeping = Desk(archive, None, Settings(data_dir=tmp_path, archive_limit_gb=0.001)).keeping
    seen = []

    def tell(one: Imported) -> None:
        if not seen:
            seen.append(entered(archive, one.study_uid))
            assert keeping.trim() == []

    (study_uid,) = Carrying(archive, Reader()).take_in(media(tiny_instances.ct_series(7, side=1024)), tell)
    assert seen == [(True, True, ["study import begun"])]
    assert entered(archive, study_uid)[2] == ["study import begun", "study imported"]
    assert len(archive.instances(study_uid)) == 7


def test_a_program_killed_in_the_middle_leaves_a_case_for_what_is_here(tmp_path: Path) -> None:
    (tmp_path / "medium").mkdir()
    for number, data in enumerate(tiny_instances.ct_series(7, side=1024)):
        (tmp_path / "medium" / str(number)).write_bytes(data)
    script = """
import os, sys
from pathlib import Path
from workstation.archive.archive import Archive
from workstation.archive.media import sources
from workstation.consultation.carrying import Carrying
from workstation.settings import Reader
with Archive.open(Path(sys.argv[1]), bytes(range(32))) as archive:
    Carrying(archive, Reader()).take_in(sources([Path(sys.argv[2])], str), lambda _one: os._exit(9))
"""
    desk = tmp_path / "desk"
    run = subprocess.run([sys.executable, "-c", script, desk, tmp_path / "medium"], timeout=60, check=False)
    assert run.returncode == 9
    with Archive.open(desk, bytes(range(32))) as archive:
        (row,) = Cases(archive.database).page(CaseFilter(states=None), 0, 10)
        assert len(archive.instances(row.study_uid)) == 6
        assert entered(archive, row.study_uid) == (True, True, ["study import begun"])
        counts = Carrying(archive, Reader()).take_in(sources([tmp_path / "medium"], str), lambda _one: None)
        assert counts[row.study_uid].new == 1


def priors_of(archive: Archive, study_uid: str) -> list[tuple[str, str]]:
    return [(one.study.study_uid, one.doubt) for one in remembered(archive.database, study_uid)]


def test_imported_studies_of_one_patient_are_each_others_priors(archive: Archive) -> None:
    carrying = Carrying(archive, Reader())
    taken = {}
    for name, changes in {
        "new": {},
        "old": {"study_date": "20250111"},
        "other issuer": {"study_date": "20240111", "issuer": "LPU-8"},
        "other name": {"study_date": "20230111", "patient_name": "Кузнецов^Пётр"},
        "no issuer": {"study_date": "20220111", "issuer": ""},
    }.items():
        (taken[name],) = carrying.take_in(media(tiny_instances.ct_series(1, **changes)), lambda _one: None)
    assert sorted(priors_of(archive, taken["new"])) == sorted(
        [(taken["old"], ""), (taken["other name"], "another name"), (taken["no issuer"], "")]
    )
    assert priors_of(archive, taken["other issuer"]) == [(taken["no issuer"], "")]
    # no study is an earlier one of a study before it
    assert priors_of(archive, taken["no issuer"]) == []


def test_an_imported_study_stays_a_prior_of_a_case_of_the_server(bench: Any) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        desk.refresh(Cancellation())
        old = tiny_instances.ct_series(1, study_date="20200111")
        (study_uid,) = Carrying(archive, Reader()).take_in(media(old), lambda _one: None)
        assert (study_uid, "") in priors_of(archive, bench.case_uid)
        desk.claim(bench.case_uid)
        fetched(desk, bench.case_uid)
        assert len(priors_of(archive, bench.case_uid)) == 2
        assert (study_uid, "") in priors_of(archive, bench.case_uid)
        (shown,) = [one for one in desk.contents(bench.case_uid).priors if one.header.study_uid == study_uid]
        assert len(shown.instances) == 1


def exported(archive: Archive) -> int:
    with archive.database.read() as cursor:
        return sum(entry.event == "study exported" for entry in audit.entries(cursor))


def test_a_sealed_file_is_whole_on_the_disk_before_it_is_on_record_and_named_after(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrying = Carrying(archive, Reader())
    (study_uid,) = carrying.take_in(media(tiny_instances.ct_series(2)), lambda _one: None)
    target = tmp_path / "case.iris"
    order = []
    real_sync, real_publish = os.fsync, Parcel.publish

    def sync(descriptor: int) -> None:
        real_sync(descriptor)
        if os.fstat(descriptor).st_size and "part" in os.readlink(f"/proc/self/fd/{descriptor}"):
            # nobody waits for this disk: the database is free
            writer = threading.Thread(target=lambda: audit_free(archive))
            writer.start()
            writer.join(5)
            assert not writer.is_alive()
            order.append(("synced", exported(archive), target.exists()))

    def publish(parcel: Parcel) -> None:
        order.append(("publish", exported(archive), target.exists()))
        real_publish(parcel)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Parcel, "publish", publish)
    carrying.export_sealed([study_uid], target, "трость под зонтом 17")
    assert order == [("synced", 0, False), ("publish", 1, False)]
    assert target.exists()


def audit_free(archive: Archive) -> None:
    with archive.database.transaction() as cursor:
        cursor.execute("INSERT OR REPLACE INTO properties VALUES ('free', 'yes')")


def test_what_a_killed_export_left_goes_with_the_next_one(archive: Archive, tmp_path: Path) -> None:
    carrying = Carrying(archive, Reader())
    (study_uid,) = carrying.take_in(media(tiny_instances.ct_series(1)), lambda _one: None)
    out = tmp_path / "out"
    out.mkdir()
    left = Parcel(out / "case.iris", "трость под зонтом 17")
    left.__enter__()
    assert [one.name.endswith(".part") for one in out.iterdir()] == [True]
    # the file handle is all that a kill would have taken
    assert left._file is not None
    left._file.close()
    carrying.export_sealed([study_uid], out / "case.iris", "трость под зонтом 17")
    assert [one.name for one in out.iterdir()] == ["case.iris"]
