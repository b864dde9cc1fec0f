"""Keeping the archive: what may go when it is full, what must stay, and removing a study for good.

Studies of held cases, open drafts and undelivered conclusions stay, with the earlier studies that belong to them, and
so do pinned ones. Of the rest the one that was opened longest ago goes first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.archive.database import Cursor, now
from workstation.archive.index import Removed
from workstation.archive.inspection import Damage, Findings, inspect, mend
from workstation.consultation.cases import server_of_study
from workstation.consultation.link import Link
from workstation.consultation.package_states import OVER
from workstation.consultation.states import HELD_STATES, CaseState
from workstation.errors import CaseUnavailable, WorkstationError
from workstation.jobs import Cancellation, Report, silent
from workstation.language import N_, _
from workstation.settings import Settings

LIMIT, ASKED = "limit", "asked"

_HELD = N_("it belongs to a case that you hold")
_DRAFT = N_("it belongs to a draft that isn't finished")
_OUTBOX = N_("it belongs to a conclusion that isn't delivered")
_PINNED = N_("it is pinned")

_BUSY = ", ".join(f"'{state.value}'" for state in (*HELD_STATES, CaseState.CLAIMING))
_OVER = ", ".join(f"'{state.value}'" for state in (CaseState.DONE, CaseState.RETURNED, CaseState.SUPERSEDED))
_SENT = ", ".join(map(repr, OVER))


@dataclass(frozen=True)
class ArchiveState:
    """How full the archive is: bytes, and how many of them must stay. `limit` 0: none."""

    studies: int
    objects: int
    size: int
    limit: int
    kept_studies: int
    kept_size: int
    removed_studies: int


class Keeping:
    """The care for one archive. Thread-safe."""

    def __init__(self, archive: Archive, link: Link, settings: Settings) -> None:
        self._archive = archive
        self._link = link
        self._who = settings.reader.code or settings.reader.name
        self._limit = int(settings.archive_limit_gb * 1e9)

    def state(self) -> ArchiveState:
        """How full the archive is."""
        studies = self._archive.studies()
        with self._archive.database.read() as cursor:
            kept = must_stay(cursor)
            removed = cursor.execute("SELECT count(*) FROM removed_studies").fetchone()[0]
        staying = [one for one in studies if one.study.study_uid in kept]
        return ArchiveState(
            studies=len(studies),
            objects=sum(one.instances for one in studies),
            size=sum(one.size for one in studies),
            limit=self._limit,
            kept_studies=len(staying),
            kept_size=sum(one.size for one in staying),
            removed_studies=removed,
        )

    def studies(self) -> list[str]:
        """The UIDs of the studies of which anything is held."""
        with self._archive.database.read() as cursor:
            return [row[0] for row in cursor.execute("SELECT study_uid FROM studies ORDER BY study_uid")]

    def pin(self, study_uid: str, pinned: bool = True) -> None:
        """Let a study stay whatever comes, or no longer. Raises CaseUnavailable when it isn't here."""
        with self._archive.database.transaction() as cursor:
            changed = cursor.execute("UPDATE studies SET pinned = ? WHERE study_uid = ?", (pinned, study_uid)).rowcount
            if not changed:
                raise _absent(study_uid)
            audit.record(cursor, self._who, "study pinned" if pinned else "study unpinned", study_uid)

    def remove(self, study_uid: str, reason: str = ASKED) -> Removed:
        """Remove a study for good: no copy of its files opens any more. It can be pulled again from the server.

        Raises CaseUnavailable, with the reason, when it must stay, or isn't here.
        """

        def check(cursor: Cursor) -> None:
            why = must_stay(cursor).get(study_uid)
            if why is not None:
                raise CaseUnavailable(_("The study must stay"), f"{study_uid}: {_(why)}")

        try:
            return self._archive.remove(study_uid, self._who, reason, check)
        except KeyError:
            raise _absent(study_uid) from None

    def trim(self, open_case: str = "", cancellation: Cancellation | None = None) -> list[Removed]:
        """Bring the archive under its limit as far as what must stay allows; what was removed.

        `open_case` is a case whose studies stay as well, because somebody looks at them.
        """
        if not self._limit:
            return []
        with self._archive.database.read() as cursor:
            size, removable = self._removable(cursor, studies_of(cursor, open_case))
        return self._shrink(size - self._limit, removable, cancellation or Cancellation())

    def give_up(self, size: int, spared: Iterable[str]) -> list[Removed] | None:
        """Remove studies of so many bytes at least; what was removed, or None, and nothing is, when that can't be.

        `spared` are studies that are wanted more than what is to come.
        """
        with self._archive.database.read() as cursor:
            _size, removable = self._removable(cursor, spared)
        if size > sum(bytes_ for _study_uid, bytes_ in removable):
            return None
        return self._shrink(size, removable, Cancellation())

    @property
    def room(self) -> int | None:
        """How many bytes more the archive may take; None: there is no limit."""
        return self._limit - self._archive.size() if self._limit else None

    @staticmethod
    def _removable(cursor: Cursor, spared: Iterable[str]) -> tuple[int, list[tuple[str, int]]]:
        """The size of all, and the studies that may go with their sizes, in the order in which they would."""
        kept = {*must_stay(cursor), *spared}
        rows = cursor.execute(
            "SELECT study_uid, size FROM studies WHERE objects > 0 ORDER BY max(opened_at, added_at), size DESC"
        ).fetchall()
        size = cursor.execute("SELECT size FROM totals").fetchone()[0]
        return size, [(row["study_uid"], row["size"]) for row in rows if row["study_uid"] not in kept]

    def _shrink(self, excess: int, removable: Iterable[tuple[str, int]], cancellation: Cancellation) -> list[Removed]:
        removed: list[Removed] = []
        for study_uid, _size in removable:
            cancellation.check()
            if excess <= 0:
                break
            try:
                removed.append(self.remove(study_uid, LIMIT))
            except CaseUnavailable:
                # taken, or removed by another program, since the list was read
                continue
            excess -= removed[-1].size
        return removed

    def inspect(self, report: Report = silent, cancellation: Cancellation | None = None) -> Findings:
        """Open every object and compare it with its hash."""
        return inspect(self._archive, report, cancellation)

    def mend(
        self, findings: Findings, cancellation: Cancellation | None = None
    ) -> tuple[Findings, WorkstationError | None]:
        """*Network.* Fetch what is damaged anew, delete stray files; what then is found, and what stopped it if any."""
        swept = self._archive.sweep() if findings.strays else 0
        mended: list[Damage] = []
        stopped = None
        if findings.damages:
            try:
                for server, damages in self._by_server(findings.damages):
                    with self._link.wire(server) as wire:
                        for damage in mend(self._archive, wire.dicomweb, damages, cancellation):
                            mended.append(damage)
            except WorkstationError as error:
                stopped = error
        if mended:
            with self._archive.database.transaction() as cursor:
                for damage in mended:
                    if damage.mended:
                        detail = {"object": damage.sop_uid, "fault": damage.fault}
                        audit.record(cursor, self._who, "object fetched anew", damage.study_uid, detail)
        seen = {damage.sop_uid for damage in mended}
        rest = tuple(damage for damage in findings.damages if damage.sop_uid not in seen)
        return replace(findings, damages=(*mended, *rest), swept=swept), stopped

    def _by_server(self, damages: Iterable[Damage]) -> list[tuple[str, tuple[Damage, ...]]]:
        """What is damaged, by the server that each study is to be had from."""
        with self._archive.database.read() as cursor:
            servers = {one.study_uid: server_of_study(cursor, one.study_uid) for one in damages}
        found: dict[str, list[Damage]] = {}
        for one in damages:
            found.setdefault(servers[one.study_uid], []).append(one)
        return [(server, tuple(ones)) for server, ones in found.items()]


def must_stay(cursor: Cursor) -> dict[str, str]:
    """The studies that must stay, each with its reason in English (`N_`)."""
    kept = {row[0]: _PINNED for row in cursor.execute("SELECT study_uid FROM studies WHERE pinned <> 0").fetchall()}
    for where, why in (
        (f"state NOT IN ({_OVER}) AND case_uid IN (SELECT case_uid FROM drafts)", _DRAFT),
        (f"state IN ({_BUSY})", _HELD),
        (f"case_uid IN (SELECT case_uid FROM packages WHERE state NOT IN ({_SENT}))", _OUTBOX),
    ):
        for row in cursor.execute(f"SELECT case_uid FROM cases WHERE {where}").fetchall():
            kept |= dict.fromkeys(studies_of(cursor, row[0]), why)
    for row in cursor.execute(f"SELECT study_uid FROM packages WHERE state NOT IN ({_SENT})").fetchall():
        kept[row[0]] = _OUTBOX
    return kept


def studies_of(cursor: Cursor, case_uid: str) -> Iterator[str]:
    """The study of a case, its inputs and its earlier studies."""
    rows = cursor.execute(
        """SELECT study_uid FROM cases WHERE case_uid = :case UNION SELECT study_uid FROM priors WHERE case_uid = :case
        UNION SELECT study_uid FROM case_inputs WHERE case_uid = :case""",
        {"case": case_uid},
    ).fetchall()
    return (row[0] for row in rows)


def note_opened(cursor: Cursor, case_uid: str) -> None:
    """Note that the studies of a case are being looked at, inside the caller's transaction."""
    cursor.executemany(
        "UPDATE studies SET opened_at = ? WHERE study_uid = ?",
        [(now(), study_uid) for study_uid in studies_of(cursor, case_uid)],
    )


def _absent(study_uid: str) -> CaseUnavailable:
    return CaseUnavailable(_("The archive holds no such study"), study_uid)
