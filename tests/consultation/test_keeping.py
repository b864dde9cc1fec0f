"""A full desk is trimmed to its limit: what must stay stays, what went is said and can be fetched again."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from tests.fetched import fetched
from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.consultation.case import CaseFilter
from workstation.consultation.desk import Desk
from workstation.consultation.keeping import Keeping
from workstation.consultation.link import Link
from workstation.dicom.uids import new_uid
from workstation.errors import CaseUnavailable
from workstation.jobs import Cancellation
from workstation.settings import Reader, Settings


def keeping(bench: Any, archive: Archive, limit_bytes: float) -> Keeping:
    settings = Settings(bench.folder, reader=Reader("A", "B", "R-1"), archive_limit_gb=limit_bytes / 1e9)
    return Keeping(archive, Link(bench.connect), settings)


def fill(archive: Archive, tiny: ModuleType, count: int) -> list[str]:
    """Studies of two slices, the first opened longest ago."""
    studies = [new_uid() for _study in range(count)]
    for study_uid in studies:
        archive.store(tiny.ct_series(2, study_uid=study_uid))
    with archive.database.transaction() as cursor:
        cursor.executemany(
            "UPDATE studies SET opened_at = ? WHERE study_uid = ?",
            [(f"2099-01-{day + 1:02}T00:00:00.000+00:00", study_uid) for day, study_uid in enumerate(studies)],
        )
    return studies


def held(archive: Archive) -> set[str]:
    return {study.study.study_uid for study in archive.studies()}


def test_what_was_opened_longest_ago_goes_until_the_limit_is_kept(bench: Any, tiny: ModuleType) -> None:
    with bench.archive() as archive:
        studies = fill(archive, tiny, 5)
        size = sum(study.size for study in archive.studies())
        care = keeping(bench, archive, size * 0.7)
        removed = care.trim()
        assert [one.study_uid for one in removed] == studies[:2]
        assert held(archive) == set(studies[2:])
        assert care.state().size <= care.state().limit
        assert care.trim() == []
        with archive.database.read() as cursor:
            told = [(one.event, one.subject, one.detail["reason"]) for one in audit.entries(cursor)]
        assert told == [("study removed", study_uid, "limit") for study_uid in studies[:2]]


def test_pinned_studies_and_those_looked_at_never_go(bench: Any, tiny: ModuleType) -> None:
    with bench.archive() as archive:
        studies = fill(archive, tiny, 4)
        care = keeping(bench, archive, 1)
        care.pin(studies[0])
        with pytest.raises(CaseUnavailable, match=studies[0]):
            care.remove(studies[0])
        care.trim()
        assert held(archive) == {studies[0]}
        care.pin(studies[0], False)
        care.trim()
        assert held(archive) == set()


def test_a_held_case_its_draft_and_its_outbox_keep_their_studies(bench: Any, tiny: ModuleType) -> None:
    with bench.archive() as archive:
        desk: Desk = bench.open(archive)
        case = bench.ready(desk)
        own = held(archive)
        assert len(own) == 2
        (other,) = fill(archive, tiny, 1)
        care = keeping(bench, archive, 1)
        assert [one.study_uid for one in care.trim()] == [other]
        with pytest.raises(CaseUnavailable):
            care.remove(case.study_uid)
        desk.sign(case.case_uid, bench.prepared(desk), bench.identity)
        assert care.trim() == []
        with pytest.raises(CaseUnavailable):
            care.remove(case.study_uid)
        assert desk.deliver() == 1
        assert {one.study_uid for one in care.trim()} == own


def test_a_lost_case_with_a_draft_keeps_its_studies(bench: Any) -> None:
    with bench.archive() as archive:
        desk: Desk = bench.open(archive)
        case = bench.ready(desk)
        desk.save_draft(case.case_uid, "form", {})
        with archive.database.transaction() as cursor:
            cursor.execute("UPDATE cases SET state = 'lost' WHERE case_uid = ?", (case.case_uid,))
        assert keeping(bench, archive, 1).trim() == []
        with archive.database.transaction() as cursor:
            cursor.execute("DELETE FROM drafts")
        assert len(keeping(bench, archive, 1).trim()) == 2


def test_the_row_says_that_images_went_until_they_are_fetched_again(bench: Any) -> None:
    with bench.archive() as archive:
        desk: Desk = bench.open(archive)
        desk.refresh(Cancellation())
        (case,) = desk.page(CaseFilter(), 0, 10)
        fetched(desk, case.case_uid)
        desk.keeping.remove(case.study_uid)
        row = desk.case(case.case_uid)
        assert (row.expected, row.received, bool(row.removed_at)) == (6, 0, True)
        again = fetched(desk, case.case_uid)
        assert (again.expected, again.received, again.removed_at) == (6, 6, "")


def test_an_open_case_stays_though_nobody_holds_it(bench: Any) -> None:
    with bench.archive() as archive:
        desk: Desk = bench.open(archive)
        desk.refresh(Cancellation())
        (case,) = desk.page(CaseFilter(), 0, 10)
        fetched(desk, case.case_uid)
        assert keeping(bench, archive, 1).trim(case.case_uid) == []
        assert len(keeping(bench, archive, 1).trim()) == 2


def test_damage_is_fetched_from_the_server(bench: Any) -> None:
    with bench.archive() as archive:
        desk: Desk = bench.open(archive)
        bench.ready(desk)
        files = sorted(path for path in (bench.folder / "archive" / "objects").rglob("*") if path.is_file())
        files[0].unlink()
        files[1].write_bytes(files[2].read_bytes())
        files[3].write_bytes(files[3].read_bytes()[:100])
        findings = desk.keeping.inspect()
        assert sorted(damage.fault for damage in findings.damages) == ["changed", "changed", "missing"]
        offline = bench.open(archive, None)
        rest, stopped = offline.keeping.mend(findings)
        assert (rest.sound, stopped is not None) == (False, True)
        mended, stopped = desk.keeping.mend(findings)
        assert (mended.sound, stopped) == (True, None)
        assert desk.keeping.inspect() == replace(findings, damages=())
        assert {archive.get(one.sop_instance_uid) for one in archive.instances()} >= set(bench.study)
