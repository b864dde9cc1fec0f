"""Imported studies: cases for viewing, without a server, that no list takes away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tiny_instances
from workstation.archive.archive import Archive
from workstation.archive.importing import Imported
from workstation.archive.media import Source
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
    assert not desk.claim(row.case_uid).is_held
    assert desk.pull(row.case_uid).case_uid == row.case_uid
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
