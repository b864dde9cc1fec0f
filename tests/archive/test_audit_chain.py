"""The audit chain: entries are never changed, and a change by force is seen."""

from pathlib import Path

import pytest
import sqlcipher3

from workstation.archive import audit
from workstation.archive.archive import Archive


def fill(archive: Archive, count: int = 5) -> list[bytes]:
    hashes = []
    for n in range(count):
        with archive.database.transaction() as cursor:
            hashes.append(audit.record(cursor, "Врач", "case viewed", f"1.2.{n}", {"images": n}))
    return hashes


def force(archive: Archive, *statements: str) -> None:
    with archive.database.transaction() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS audit_keeps_its_entries")
        cursor.execute("DROP TRIGGER IF EXISTS audit_loses_no_entries")
        for statement in statements:
            cursor.execute(statement)


def test_a_chain_that_nobody_touched_is_whole(archive: Archive) -> None:
    assert audit.verify(archive.database) == audit.ChainState(0, bytes(32))
    hashes = fill(archive)
    state = audit.verify(archive.database)
    assert (state.entries, state.head, state.whole) == (5, hashes[-1], True)
    with archive.database.read() as cursor:
        assert audit.head(cursor) == (5, hashes[-1])


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'x'", "DELETE FROM audit WHERE sequence = 5"])
def test_entries_can_not_be_changed_or_deleted(archive: Archive, statement: str) -> None:
    fill(archive)
    with pytest.raises(sqlcipher3.IntegrityError), archive.database.transaction() as cursor:
        cursor.execute(statement)
    assert audit.verify(archive.database).whole


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit SET who = 'somebody else' WHERE sequence = 3", 3),
        ("UPDATE audit SET at = '2000-01-01' WHERE sequence = 1", 1),
        ("UPDATE audit SET detail_json = '{}' WHERE sequence = 4", 4),
        ("UPDATE audit SET hash = zeroblob(32) WHERE sequence = 5", 5),
        ("DELETE FROM audit WHERE sequence = 2", 2),
        ("UPDATE audit SET sequence = 9 WHERE sequence = 5", 5),
    ],
)
def test_a_change_by_force_is_seen_where_it_is(archive: Archive, statement: str, broken_at: int) -> None:
    fill(archive)
    force(archive, statement)
    assert audit.verify(archive.database).broken_at == broken_at


def test_a_chain_cut_at_its_end_is_seen_by_a_kept_head(archive: Archive) -> None:
    hashes = fill(archive)
    force(archive, "DELETE FROM audit WHERE sequence > 3")
    assert audit.verify(archive.database).whole
    assert not audit.verify(archive.database, [(5, hashes[4])]).whole
    assert audit.verify(archive.database, [(2, hashes[1])]).whole


def test_a_chain_computed_anew_is_seen_by_a_kept_head(archive: Archive) -> None:
    hashes = fill(archive)
    force(archive, "DELETE FROM audit WHERE sequence > 1")
    for n in range(1, 5):
        with archive.database.transaction() as cursor:
            audit.record(cursor, "Врач", "case viewed", f"1.2.{n + 7}", {"images": n})
    assert audit.verify(archive.database).whole
    state = audit.verify(archive.database, [(1, hashes[0]), (3, hashes[2]), (4, hashes[3])])
    assert (state.entries, state.broken_at) == (5, 3)


def test_an_entry_is_undone_with_the_deed(archive: Archive, tmp_path: Path) -> None:
    def fail() -> None:
        with archive.database.transaction() as cursor:
            audit.record(cursor, "Врач", "case signed", "1.2")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert audit.verify(archive.database).entries == 0
