"""Cases as rows of the archive's database: the worklist merged in, filtered, ordered and paged there.

A refresh replaces what nobody holds and never touches what we hold. Order: priority, then deadline, then UID.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from workstation.archive import ledger
from workstation.archive.database import Cursor, Database, now
from workstation.consultation.case import (
    PRIORITIES,
    STATES_OF,
    CaseFilter,
    CaseKind,
    CaseRow,
    CaseView,
    Counts,
    age_at,
    case_from_json,
)
from workstation.consultation.states import CaseEvent, CaseState, after
from workstation.dicom.content import Order
from workstation.dicom.instance import Instance
from workstation.iris.entries import StudyEntry
from workstation.iris.workitem import InputReference, Workitem
from workstation.jobs import Progress, Report, silent
from workstation.language import ngettext, number_text

# text order puts '' first, but a case without deadline comes last
_NO_DEADLINE = "9999"
# a page of many servers: what was read is on the list before the next page comes
_GROUP = 100
_FORGET = "DELETE FROM cases WHERE case_uid = ? AND state = ? AND server = ?"
# what someone else took stays until the next list, for the reader to see; what was written for it stays
_DROP_LOST = """DELETE FROM cases WHERE seen_at < ? AND state = ? AND server = ?
AND case_uid NOT IN (SELECT case_uid FROM drafts) AND case_uid NOT IN (SELECT case_uid FROM packages)"""
# objects about images rather than images: they don't name a study's modality
_COMPANIONS = {"SR", "KO", "PR", "DOC", "SEG", "REG"}


class Cases:
    """The cases of one archive. Thread-safe.

    `server` is the one in use: its list is read and shown, with what is ours of others. "" shows every case.
    """

    def __init__(self, database: Database, server: str = "") -> None:
        self._database = database
        self.server = server

    def merge_workitems(self, workitems: Iterable[Workitem]) -> int:
        """Take in a whole worklist as it is read, page by page; how many cases it has.

        Cases that nobody holds and that aren't on it any more go; only once the worklist came to its end.
        """
        started = now()
        count = self.take_in(workitems)
        self.drop_unseen(started)
        return count

    def merge_studies(self, studies: Iterable[StudyEntry]) -> int:
        """The same in archive mode: each study of the archive is a case."""
        started = now()
        count = self._take_in((_row_of_study(study), (), None) for study in studies)
        self.drop_unseen(started)
        return count

    def take_in(self, workitems: Iterable[Workitem], report: Report = silent) -> int:
        """Take in free workitems, each page's durable as it is read; how many there were."""
        return self._take_in(((_row_of_workitem(item), item.inputs, item) for item in workitems), report)

    def take_changes(self, workitems: Iterable[Workitem]) -> int:
        """Take in what changed on the server: free cases come or change, others leave the list; how many others.

        What we hold, or hold a draft or a conclusion of, is not touched.
        """
        started = now()
        others = 0
        items = iter(workitems)
        while group := list(islice(items, _GROUP)):
            with self._database.transaction() as cursor:
                for item in group:
                    if item.state == "SCHEDULED":
                        _upsert(cursor, self.server, _row_of_workitem(item), item.inputs, item)
                    else:
                        cursor.execute(_FORGET, (item.uid, CaseState.REQUESTED.value, self.server))
                        others += 1
        with self._database.transaction() as cursor:
            cursor.execute(_DROP_LOST, (started, CaseState.LOST.value, self.server))
        return others

    def drop_unseen(self, before: str) -> None:
        """Let cases go that nobody holds and that no list had since `before`, a time as the database keeps it."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "DELETE FROM cases WHERE seen_at < ? AND state = ? AND server = ? AND origin != 'import'",
                (before, CaseState.REQUESTED.value, self.server),
            )
            cursor.execute(_DROP_LOST, (before, CaseState.LOST.value, self.server))

    def free(self) -> int:
        """How many cases of the server nobody holds."""
        with self._database.read() as cursor:
            row = cursor.execute(
                "SELECT count(*) FROM cases WHERE state = ? AND server = ?", (CaseState.REQUESTED.value, self.server)
            ).fetchone()
        return int(row[0])

    def _take_in(
        self, found: Iterator[tuple[CaseRow, tuple[InputReference, ...], Workitem | None]], report: Report = silent
    ) -> int:
        count = 0
        while group := list(islice(found, _GROUP)):
            with self._database.transaction() as cursor:
                for row, inputs, workitem in group:
                    _upsert(cursor, self.server, row, inputs, workitem)
            count += len(group)
            cases = ngettext("{count} case", "{count} cases", count).format(count=number_text(count, 0))
            report(Progress(count, 0, cases))
        return count

    def count(self, wanted: CaseFilter) -> int:
        """How many cases match."""
        with self._database.read() as cursor:
            return _count(cursor, self.server, wanted)

    def page(self, wanted: CaseFilter, offset: int, limit: int) -> list[CaseRow]:
        """The matching cases from `offset` on, at most `limit`, in the worklist's order."""
        with self._database.read() as cursor:
            return [read_case(cursor, uid) for uid in _ordered(cursor, self.server, wanted, offset, limit)]

    def view(
        self, wanted: CaseFilter, first: int, page: int, keep: Sequence[tuple[str, int]] = (), find: str = ""
    ) -> CaseView:
        """Two pages around row `first`, and how many cases match.

        `keep` holds cases in place: (case UID, how many rows below the top); the first of them that matches decides
        what row is at the top, whatever came or went above it. `find` is a case whose place is wanted as well.
        """
        kept = {uid for uid, _below in keep} | {find} - {""}
        with self._database.read() as cursor:
            found: list[str] | None = None
            if wanted.text:
                # one pass over the texts for all that is asked
                found = _ordered(cursor, self.server, wanted, 0, -1)
                count = len(found)
                places = {uid: row for row, uid in enumerate(found) if uid in kept}
            else:
                count = _count(cursor, self.server, wanted)
                places = {uid: row for uid in kept if (row := _place(cursor, self.server, wanted, uid)) is not None}
            first = next((places[uid] - below for uid, below in keep if uid in places), first)
            first = max(0, min(first, count - 1))
            start = first // page * page
            if found is None:
                found = _ordered(cursor, self.server, wanted, start, 2 * page) if count else []
            else:
                found = found[start : start + 2 * page]
            return CaseView(count, first, start, tuple(read_case(cursor, uid) for uid in found), places)

    def get(self, case_uid: str) -> CaseRow:
        """One case; raises KeyError when there is none."""
        with self._database.read() as cursor:
            return read_case(cursor, case_uid)

    def inputs(self, case_uid: str) -> tuple[InputReference, ...]:
        """What the workitem names as input."""
        with self._database.read() as cursor:
            rows = cursor.execute(
                """SELECT study_uid, series_uid, sop_class_uid, sop_uid, retrieve_url, role FROM case_inputs
                WHERE case_uid = ? ORDER BY ordinal""",
                (case_uid,),
            ).fetchall()
        return tuple(InputReference(*row) for row in rows)

    def apply(self, case_uid: str, *events: CaseEvent) -> CaseRow:
        """Let the events happen to the case, durably."""
        with self._database.transaction() as cursor:
            apply(cursor, case_uid, *events)
            return read_case(cursor, case_uid)

    def in_states(self, states: Iterable[CaseState]) -> list[str]:
        """The UIDs of the cases in any of the states."""
        names = [state.value for state in states]
        marks = ", ".join("?" * len(names))
        with self._database.read() as cursor:
            return [row[0] for row in cursor.execute(f"SELECT case_uid FROM cases WHERE state IN ({marks})", names)]


def apply(cursor: Cursor, case_uid: str, *events: CaseEvent) -> CaseState:
    """Let events happen inside the caller's transaction; the state afterwards. Raises ImpossibleEvent, KeyError."""
    row = cursor.execute("SELECT state FROM cases WHERE case_uid = ?", (case_uid,)).fetchone()
    if row is None:
        raise KeyError(case_uid)
    state = CaseState(row[0])
    for event in events:
        state = after(state, event)
    if state.value != row[0]:
        cursor.execute("UPDATE cases SET state = ? WHERE case_uid = ?", (state.value, case_uid))
    return state


def read_case(cursor: Cursor, case_uid: str) -> CaseRow:
    """One case as the cursor sees it; raises KeyError when there is none."""
    row = cursor.execute("SELECT * FROM cases WHERE case_uid = ?", (case_uid,)).fetchone()
    if row is None:
        raise KeyError(case_uid)
    return _row(cursor, row)


def adopt_server(cursor: Cursor, server: str) -> None:
    """Cases and packages of a time when one server was all there was are the server's that is in use now."""
    cursor.execute("UPDATE cases SET server = ? WHERE server = '' AND origin != 'import'", (server,))
    cursor.execute(
        """UPDATE packages SET server = ? WHERE server = ''
        AND case_uid IN (SELECT case_uid FROM cases WHERE server = ?)""",
        (server, server),
    )


def server_of_study(cursor: Cursor, study_uid: str) -> str:
    """The server from which a study is to be had: that of its case, ours first, or of a case that it is a prior of."""
    row = cursor.execute(
        """SELECT server FROM cases WHERE study_uid = ? AND origin != 'import' ORDER BY state = ? LIMIT 1""",
        (study_uid, CaseState.REQUESTED.value),
    ).fetchone()
    if row is None:
        row = cursor.execute(
            """SELECT c.server FROM priors p JOIN cases c USING (case_uid) WHERE p.study_uid = ?
            AND c.origin != 'import' ORDER BY c.state = ? LIMIT 1""",
            (study_uid, CaseState.REQUESTED.value),
        ).fetchone()
    return str(row[0]) if row else ""


def set_reader(cursor: Cursor, case_uid: str, name: str) -> None:
    """Note who reads the case."""
    row = cursor.execute("SELECT state, row_json FROM cases WHERE case_uid = ?", (case_uid,)).fetchone()
    case = replace(case_from_json(row["row_json"], row["state"], Counts()), reader=name)
    cursor.execute("UPDATE cases SET reader = ?, row_json = ? WHERE case_uid = ?", (name, case.to_json(), case_uid))


def adopt_images(cursor: Cursor, case_uid: str, image: Instance) -> None:
    """In archive mode, take the case's patient from its images: a server's list may have lost letters it can't code."""
    row = cursor.execute("SELECT state, row_json FROM cases WHERE case_uid = ?", (case_uid,)).fetchone()
    case = case_from_json(row["row_json"], row["state"], Counts())
    known = replace(
        case,
        patient=image.patient,
        age_at_study=age_at(image.patient.birth_date, image.study.study_date),
        study_description=image.study.description or case.study_description,
        region=case.region or image.body_part,
    )
    cursor.execute(
        "UPDATE cases SET patient_id = ?, issuer = ?, region = ?, search = ?, row_json = ? WHERE case_uid = ?",
        (known.patient.patient_id, known.patient.issuer, known.region, _search_text(known), known.to_json(), case_uid),
    )


def add_imported(cursor: Cursor, entry: StudyEntry) -> None:
    """A study that came by a medium as a case for viewing; one that is on the server's list stays what it is.

    It is pinned: no server would give it again. A case for viewing that is there already learns what is new of it.
    """
    origins = {row[0] for row in cursor.execute("SELECT origin FROM cases WHERE study_uid = ?", (entry.study_uid,))}
    if origins <= {"import"}:
        _upsert(cursor, "", replace(_row_of_study(entry), origin="import"), (), None)
        cursor.execute("UPDATE studies SET pinned = 1 WHERE study_uid = ?", (entry.study_uid,))


def _row(cursor: Cursor, row: Any) -> CaseRow:
    case = case_from_json(row["row_json"], row["state"], _counts(cursor, row["case_uid"], row["study_uid"]))
    return replace(case, server=row["server"])


def _counts(cursor: Cursor, case_uid: str, study_uid: str) -> Counts:
    priors = cursor.execute("SELECT study_uid FROM priors WHERE case_uid = ?", (case_uid,)).fetchall()
    complete = 0
    for prior in priors:
        expected, received = _here(cursor, prior[0])
        complete += 0 < received >= expected
    removed = cursor.execute("SELECT removed_at FROM removed_studies WHERE study_uid = ?", (study_uid,)).fetchone()
    return Counts(*_here(cursor, study_uid), len(priors), complete, removed[0] if removed else "")


def _index(wanted: CaseFilter) -> str:
    """Texts are searched in an index that holds them; anything else in a small one."""
    return "cases_worklist" if wanted.text else "cases_order"


def _ordered(cursor: Cursor, server: str, wanted: CaseFilter, offset: int, limit: int) -> list[str]:
    where, values = _conditions(wanted, server)
    found = cursor.execute(
        f"""SELECT case_uid FROM cases INDEXED BY {_index(wanted)} WHERE {where}
        ORDER BY priority, deadline, case_uid LIMIT ? OFFSET ?""",
        (*values, limit, offset),
    )
    return [row[0] for row in found.fetchall()]


def _count(cursor: Cursor, server: str, wanted: CaseFilter) -> int:
    where, values = _conditions(wanted, server)
    row = cursor.execute(f"SELECT count(*) FROM cases INDEXED BY {_index(wanted)} WHERE {where}", values).fetchone()
    return int(row[0])


def _place(cursor: Cursor, server: str, wanted: CaseFilter, case_uid: str) -> int | None:
    """The row of a case among those that match; None when it doesn't."""
    where, values = _conditions(wanted, server)
    own = cursor.execute(
        f"SELECT priority, deadline, case_uid FROM cases WHERE case_uid = ? AND {where}", (case_uid, *values)
    ).fetchone()
    if own is None:
        return None
    before = cursor.execute(
        f"""SELECT count(*) FROM cases INDEXED BY {_index(wanted)}
        WHERE (priority, deadline, case_uid) < (?, ?, ?) AND {where}""",
        (*own, *values),
    ).fetchone()
    return int(before[0])


def _here(cursor: Cursor, study_uid: str) -> tuple[int, int]:
    """(expected, received) of a study; where no server listed it, 0 are expected and all that is here is received."""
    expected, received = ledger.counts(cursor, study_uid)
    if not expected:
        received = cursor.execute("SELECT count(*) FROM instances WHERE study_uid = ?", (study_uid,)).fetchone()[0]
    return expected, received


def _conditions(wanted: CaseFilter, server: str) -> tuple[str, list[str]]:
    conditions = ["1"]
    values: list[str] = []
    if server:
        conditions.append("(server IN (?, '') OR state != ?)")
        values += [server, CaseState.REQUESTED.value]
    if wanted.states:
        states = STATES_OF[wanted.states]
        conditions.append(f"state IN ({', '.join('?' * len(states))})")
        values += [state.value for state in states]
    if wanted.kind:
        conditions.append("kind = ?")
        values.append(wanted.kind.value)
    if wanted.modality:
        conditions.append("modality = ?")
        values.append(wanted.modality)
    for word in wanted.text.casefold().split():
        conditions.append("instr(search, ?) > 0")
        values.append(word)
    return " AND ".join(conditions), values


def _upsert(
    cursor: Cursor, server: str, row: CaseRow, inputs: tuple[InputReference, ...], workitem: Workitem | None
) -> None:
    columns = {
        "server": server,
        "case_uid": row.case_uid,
        "origin": row.origin,
        "state": CaseState.REQUESTED.value,
        "kind": row.kind.value,
        "priority": PRIORITIES.index(row.priority),
        "deadline": _stamp(row.deadline) or _NO_DEADLINE,
        "expiry": _stamp(workitem.expiry) if workitem else "",
        "modality": row.modality,
        "region": row.region,
        "sender": row.sender,
        "label": row.label,
        "reader": row.reader,
        "study_uid": row.study_uid,
        "study_date": row.study_date,
        "patient_id": row.patient.patient_id,
        "issuer": row.patient.issuer,
        "search": _search_text(row),
        "modified_at": _stamp(workitem.modified_at) if workitem else "",
        "row_json": row.to_json(),
        "seen_at": now(),
    }
    # a list that is read again is mostly what it was
    same = cursor.execute(
        "UPDATE cases SET seen_at = :seen_at WHERE case_uid = :case_uid AND modified_at = :modified_at"
        " AND modified_at != '' AND row_json = :row_json AND server = :server",
        columns,
    )
    if same.rowcount:
        return
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in ("case_uid", "state"))
    changed = cursor.execute(
        f"""INSERT INTO cases ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))})
        ON CONFLICT (case_uid) DO UPDATE SET {updates} WHERE state = '{CaseState.REQUESTED.value}'""",
        tuple(columns.values()),
    )
    if not changed.rowcount:
        cursor.execute("UPDATE cases SET seen_at = ? WHERE case_uid = ?", (columns["seen_at"], row.case_uid))
        return
    cursor.execute("DELETE FROM case_inputs WHERE case_uid = ?", (row.case_uid,))
    cursor.executemany(
        "INSERT INTO case_inputs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.case_uid, number, one.role, one.study_uid, one.series_uid, one.sop_class_uid,
                one.sop_instance_uid, one.retrieve_url,
            )
            for number, one in enumerate(_condensed(inputs))
        ],
    )  # fmt: skip


def _condensed(inputs: Iterable[InputReference]) -> list[InputReference]:
    """Documents by instance, images by series: a worklist may name every slice of every study."""
    kept = (
        one if one.role == "first_report" else replace(one, sop_class_uid="", sop_instance_uid="") for one in inputs
    )
    return list(dict.fromkeys(kept))


def _stamp(moment: datetime | None) -> str:
    """A time as the database keeps it: UTC, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds") if moment else ""


def _search_text(row: CaseRow) -> str:
    parts = (
        row.patient.name.replace("^", " ").replace("=", " "),
        row.patient.patient_id,
        row.accession,
        row.question,
        row.study_description,
        row.sender,
        row.label,
        row.study_uid,
    )
    return " ".join(part for part in parts if part).casefold()


def _row_of_workitem(item: Workitem) -> CaseRow:
    return CaseRow(
        case_uid=item.uid,
        state=CaseState.REQUESTED,
        kind=CaseKind(item.kind),
        priority=next((one for one in PRIORITIES if one == item.priority), "MEDIUM"),
        deadline=item.deadline,
        patient=item.patient,
        age_at_study=age_at(item.patient.birth_date, item.study_date),
        modality=item.modality,
        region=item.body_part,
        study_uid=item.study_uid,
        study_date=item.study_date,
        study_description=item.requested_procedure,
        accession=item.accession,
        sender=item.sender,
        question=item.question,
        history=item.history,
        label=item.label,
        reader=item.reader_name,
        expected=0,
        received=0,
        priors_expected=0,
        priors_received=0,
        has_first_report=any(one.role == "first_report" for one in item.inputs),
        order=item.order,
        input_ready=item.input_ready,
    )


def _row_of_study(entry: StudyEntry) -> CaseRow:
    return CaseRow(
        case_uid=entry.study_uid,
        state=CaseState.REQUESTED,
        kind=CaseKind.FIRST_READING,
        priority="MEDIUM",
        deadline=None,
        patient=entry.patient,
        age_at_study=age_at(entry.patient.birth_date, entry.study.study_date),
        modality=next((one for one in entry.modalities if one not in _COMPANIONS), entry.study.modality),
        region=entry.body_part,
        study_uid=entry.study_uid,
        study_date=entry.study.study_date,
        study_description=entry.study.description,
        accession=entry.study.accession,
        sender="",
        question="",
        history="",
        label="",
        reader="",
        expected=0,
        received=0,
        priors_expected=0,
        priors_received=0,
        has_first_report=False,
        order=Order(),
        origin="study",
    )
