"""The sealed database: all or nothing, snapshots, named errors, migrations."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlcipher3

from workstation.archive import schema
from workstation.archive.database import Database, now
from workstation.errors import ArchiveLocked, DiskFull, WorkstationError

KEY = b"k" * 32


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "index.db", KEY)
    yield opened
    opened.close()


def remember(database: Database, name: str, value: str) -> None:
    with database.transaction() as cursor:
        cursor.execute("INSERT INTO properties VALUES (?, ?)", (name, value))


def names(database: Database) -> list[str]:
    with database.read() as cursor:
        return [row["name"] for row in cursor.execute("SELECT name FROM properties ORDER BY name")]


def fail_inside(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("INSERT INTO properties VALUES ('a', '1')")
        raise LookupError("ours")


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(LookupError):
        fail_inside(database)
    assert names(database) == []
    remember(database, "b", "2")
    assert names(database) == ["b"]


def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    remember(database, "a", "1")
    with database.read() as cursor:
        first = cursor.execute("SELECT count(*) FROM properties").fetchone()[0]
        remember(database, "b", "2")
        assert cursor.execute("SELECT count(*) FROM properties").fetchone()[0] == first == 1
    assert names(database) == ["a", "b"]


def write_through_reader(database: Database) -> None:
    with database.read() as cursor:
        cursor.execute("DELETE FROM properties")


def test_writing_through_a_reader_is_a_mistake_of_ours(database: Database) -> None:
    with pytest.raises(sqlcipher3.OperationalError):
        write_through_reader(database)
    remember(database, "a", "1")
    assert names(database) == ["a"]


def test_a_nested_transaction_says_so_instead_of_waiting_forever(database: Database) -> None:
    with database.transaction(), pytest.raises(RuntimeError, match="cursor"):
        remember(database, "a", "1")


def test_writers_of_many_threads_wait_for_each_other(database: Database) -> None:
    remember(database, "count", "0")

    def add() -> None:
        for _ in range(25):
            with database.transaction() as cursor:
                count = int(cursor.execute("SELECT value FROM properties").fetchone()[0])
                cursor.execute("UPDATE properties SET value = ?", (str(count + 1),))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as cursor:
        assert cursor.execute("SELECT value FROM properties").fetchone()[0] == "100"


def test_two_programs_share_one_file(tmp_path: Path) -> None:
    one, two = Database(tmp_path / "index.db", KEY), Database(tmp_path / "index.db", KEY)
    remember(one, "a", "1")
    remember(two, "b", "2")
    assert names(one) == names(two) == ["a", "b"]
    one.close()
    remember(two, "c", "3")
    two.close()


def test_another_key_is_refused_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Database(tmp_path / "index.db", KEY).close()
    with pytest.raises(ArchiveLocked) as caught:
        Database(tmp_path / "index.db", b"x" * 32)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_the_file_is_no_plain_sqlite(tmp_path: Path) -> None:
    Database(tmp_path / "index.db", KEY).close()
    assert not (tmp_path / "index.db").read_bytes().startswith(b"SQLite format 3")


def fill(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("PRAGMA max_page_count = 1")
        for n in range(200):
            cursor.execute("INSERT INTO properties VALUES (?, ?)", (str(n), "x" * 4000))


def test_a_full_database_is_a_full_disk_and_keeps_what_it_had(database: Database) -> None:
    remember(database, "a", "1")
    with pytest.raises(DiskFull):
        fill(database)
    assert names(database) == ["a"]


def test_a_mistake_in_sql_keeps_its_name(database: Database) -> None:
    with pytest.raises(sqlcipher3.OperationalError, match="no such table"), database.read() as cursor:
        cursor.execute("SELECT * FROM nowhere")


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(sqlcipher3.IntegrityError), database.transaction() as cursor:
        cursor.execute("INSERT INTO series VALUES ('1', 'none', 'CT', 1, '')")


def test_an_older_file_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Database(tmp_path / "index.db", KEY).close()
    step = "CREATE TABLE later (a TEXT);\nINSERT INTO later VALUES ('x;y');"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    database = Database(tmp_path / "index.db", KEY)
    with database.read() as cursor:
        assert cursor.execute("SELECT a FROM later").fetchone()[0] == "x;y"
    database.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Database(tmp_path / "index.db", KEY).close()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (a TEXT);\nNONSENSE;"))
        patched.setattr(schema, "VERSION", schema.VERSION + 1)
        with pytest.raises(sqlcipher3.OperationalError):
            Database(tmp_path / "index.db", KEY)
    database = Database(tmp_path / "index.db", KEY)
    with database.read() as cursor:
        assert cursor.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'").fetchone()[0] == 0
    database.close()


def test_a_file_of_a_newer_program_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (a TEXT);"))
        patched.setattr(schema, "VERSION", schema.VERSION + 1)
        Database(tmp_path / "index.db", KEY).close()
    with pytest.raises(WorkstationError, match="newer"):
        Database(tmp_path / "index.db", KEY)


def test_times_sort_as_text() -> None:
    assert now() <= now()
    assert now().endswith("+00:00")


def test_a_worklist_of_many_rows_is_filtered_from_the_index_alone(database: Database) -> None:
    with database.read() as cursor:
        plan = cursor.execute(
            "EXPLAIN QUERY PLAN SELECT case_uid FROM cases INDEXED BY cases_worklist"
            " WHERE state = 'OPEN' AND modality = 'CT' AND instr(search, ?) ORDER BY priority, deadline LIMIT 50",
            ("иванов",),
        ).fetchall()
    text = " ".join(row["detail"] for row in plan)
    assert "COVERING INDEX cases_worklist" in text
    assert "TEMP B-TREE" not in text
