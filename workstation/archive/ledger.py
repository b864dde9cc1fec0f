"""The completeness ledger: what the server says there is, what is here, and why the rest is not.

`expected` is stored before a pull and only ever grows: what was listed once stays expected, even when a later list
lacks it. `received` is never stored; it is counted from the objects held.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workstation.archive.database import Cursor, Database, now
from workstation.iris.entries import InstanceEntry, SeriesEntry


@dataclass(frozen=True)
class Gap:
    """An instance that is expected and not here; `reason` is empty when it was not asked for yet."""

    series_uid: str
    sop_uid: str
    number: int | None
    reason: str = ""


@dataclass(frozen=True)
class SeriesLedger:
    """One series. `announced` is the server's count, `listed` the length of its list: they may differ."""

    series_uid: str
    modality: str
    number: int | None
    description: str
    announced: int
    listed: int
    received: int
    gaps: tuple[Gap, ...]

    @property
    def expected(self) -> int:
        return max(self.announced, self.listed)

    @property
    def complete(self) -> bool:
        return self.received >= self.expected and not self.gaps


@dataclass(frozen=True)
class StudyLedger:
    """One study. `listed_at` is empty when the server was never asked; `collisions` as in `Archive.collisions`.

    `unlisted` counts objects of the study that are here and on no list.
    """

    study_uid: str
    listed_at: str
    series: tuple[SeriesLedger, ...]
    unlisted: int = 0
    collisions: tuple[str, ...] = ()

    @property
    def expected(self) -> int:
        return sum(series.expected for series in self.series)

    @property
    def received(self) -> int:
        return sum(series.received for series in self.series)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(gap for series in self.series for gap in series.gaps)

    @property
    def complete(self) -> bool:
        """Whether everything the server ever listed or counted is here; False when it listed nothing."""
        return bool(self.listed_at and self.series) and all(series.complete for series in self.series)


def expect(cursor: Cursor, study_uid: str, listing: Sequence[tuple[SeriesEntry, Sequence[InstanceEntry]]]) -> None:
    """Enter what the server lists. Inside the caller's transaction; durable when that ends, so before the pull."""
    cursor.execute(
        "INSERT INTO expected_studies VALUES (?, ?) ON CONFLICT DO UPDATE SET listed_at = excluded.listed_at",
        (study_uid, now()),
    )
    for series, instances in listing:
        cursor.execute(
            """INSERT INTO expected_series VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
            modality = excluded.modality, number = excluded.number, description = excluded.description,
            announced = max(announced, excluded.announced)""",
            (
                study_uid,
                series.series_uid,
                series.modality,
                series.number,
                series.description,
                series.instance_count or 0,
            ),
        )
        cursor.executemany(
            "INSERT OR IGNORE INTO expected_instances (study_uid, series_uid, sop_uid, number) VALUES (?, ?, ?, ?)",
            [(study_uid, series.series_uid, entry.sop_instance_uid, entry.number) for entry in instances],
        )


def note_missing(cursor: Cursor, study_uid: str, gap: Gap) -> None:
    """Enter why an instance can't be had, in words for the reader; a later success makes the note void by itself."""
    cursor.execute(
        "UPDATE expected_instances SET missing_reason = ? WHERE study_uid = ? AND series_uid = ? AND sop_uid = ?",
        (gap.reason, study_uid, gap.series_uid, gap.sop_uid),
    )


def counts(cursor: Cursor, study_uid: str) -> tuple[int, int]:
    """(expected, received) of a study, for a row of the worklist; (0, 0) when the server was never asked."""
    row = cursor.execute(
        """SELECT coalesce(sum(max(announced, listed)), 0),
        coalesce(sum(matched + max(0, min(held - matched, announced - listed))), 0) FROM (
        SELECT announced, count(e.sop_uid) AS listed, count(i.sop_uid) AS matched,
        (SELECT count(*) FROM instances h WHERE h.series_uid = s.series_uid) AS held FROM expected_series s
        LEFT JOIN expected_instances e USING (study_uid, series_uid) LEFT JOIN instances i ON i.sop_uid = e.sop_uid
        WHERE s.study_uid = ? GROUP BY s.series_uid)""",
        (study_uid,),
    ).fetchone()
    return row[0], row[1]


def study_ledger(database: Database, study_uid: str, series_uid: str | None = None) -> StudyLedger:
    """The ledger of a study, or of one series of it, as it stands; empty when the server was never asked for it."""
    only, one = ("", ()) if series_uid is None else (" AND series_uid = ?", (series_uid,))
    with database.read() as cursor:
        listed = cursor.execute("SELECT listed_at FROM expected_studies WHERE study_uid = ?", (study_uid,)).fetchone()
        series = cursor.execute(
            f"SELECT * FROM expected_series WHERE study_uid = ?{only} ORDER BY number, series_uid", (study_uid, *one)
        ).fetchall()
        instances = cursor.execute(
            f"""SELECT series_uid, sop_uid, number, missing_reason,
            EXISTS (SELECT 1 FROM instances i WHERE i.sop_uid = e.sop_uid) AS held
            FROM expected_instances e WHERE study_uid = ?{only} ORDER BY series_uid, number, sop_uid""",
            (study_uid, *one),
        ).fetchall()
        unlisted = cursor.execute(
            f"""SELECT series_uid, count(*) FROM instances i WHERE study_uid = ?{only} AND NOT EXISTS (
            SELECT 1 FROM expected_instances e
            WHERE e.study_uid = i.study_uid AND e.series_uid = i.series_uid AND e.sop_uid = i.sop_uid)
            GROUP BY series_uid""",
            (study_uid, *one),
        ).fetchall()
        collisions = cursor.execute(
            f"SELECT DISTINCT sop_uid FROM collisions JOIN instances USING (sop_uid) WHERE study_uid = ?{only}",
            (study_uid, *one),
        ).fetchall()
    extra = {row[0]: row[1] for row in unlisted}
    gaps: dict[str, list[Gap]] = defaultdict(list)
    matched: dict[str, int] = defaultdict(int)
    for row in instances:
        if row["held"]:
            matched[row["series_uid"]] += 1
        else:
            gaps[row["series_uid"]].append(Gap(row["series_uid"], row["sop_uid"], row["number"], row["missing_reason"]))
    return StudyLedger(
        study_uid,
        listed[0] if listed else "",
        tuple(
            _series_ledger(row, matched[row["series_uid"]], extra.get(row["series_uid"], 0), gaps[row["series_uid"]])
            for row in series
        ),
        sum(extra.values()),
        tuple(row[0] for row in collisions),
    )


def _series_ledger(row: Any, matched: int, unlisted: int, gaps: Sequence[Gap]) -> SeriesLedger:
    listed = matched + len(gaps)
    # what is on no list can fill a place that was only counted, never the place of a listed one
    received = matched + max(0, min(unlisted, row["announced"] - listed))
    return SeriesLedger(
        row["series_uid"],
        row["modality"],
        row["number"],
        row["description"],
        row["announced"],
        listed,
        received,
        tuple(gaps),
    )
