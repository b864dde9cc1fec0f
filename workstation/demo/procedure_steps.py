"""The states of a Unified Procedure Step and who may change what (PS3.4 CC.1.1, CC.2.1, CC.2.5 and CC.2.6).

A table says what becomes of each wish in each state; an outcome carries the HTTP status of PS3.18 §11 and the text of
its Warning header.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from workstation.demo.elements import first, put, tag, values
from workstation.demo.headers import Json, is_uid
from workstation.demo.store import Store

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"


class State(Enum):
    """Procedure Step State (0074,1000)."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class Outcome(Enum):
    """HTTP status and warning of an answer; the comment gives the DIMSE status it stands for."""

    DONE = (200, "")
    ALREADY_COMPLETED = (200, "The UPS is already in the requested state of COMPLETED")  # B306
    ALREADY_CANCELED = (200, "The UPS is already in the requested state of CANCELED")  # B304
    MODIFIED = (200, "The Workitem was created with modifications")  # B300
    WRONG_TRANSACTION = (400, "The Transaction UID is missing or incorrect")  # C301
    NOT_VALID = (400, "The request is not a valid dataset for this transaction")
    NOT_FOUND = (404, "The Workitem was not found")  # C307
    FINAL = (409, "The UPS may no longer be updated")  # C300
    TAKEN = (409, "The UPS is already IN PROGRESS")  # C302
    ONLY_CREATED = (409, "The UPS may only become SCHEDULED via creation")  # C303
    NOT_COMPLETE = (409, "The UPS has not met final state requirements for the requested state change")  # C304
    NOT_STARTED = (409, "The UPS is not yet in the IN PROGRESS state")  # C310
    DUPLICATE = (409, "The Workitem exists already")  # 0111
    ALREADY_DONE = (409, "The UPS is already COMPLETED")  # C311
    NO_PERFORMER = (409, "The performer cannot be contacted")  # C312

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[1]


# PS3.4 table CC.1.1-2, wishes with the right Transaction UID
CHANGES: dict[tuple[State, State], Outcome] = {
    (State.SCHEDULED, State.SCHEDULED): Outcome.ONLY_CREATED,
    (State.SCHEDULED, State.IN_PROGRESS): Outcome.DONE,
    (State.SCHEDULED, State.COMPLETED): Outcome.NOT_STARTED,
    (State.SCHEDULED, State.CANCELED): Outcome.NOT_STARTED,
    (State.IN_PROGRESS, State.SCHEDULED): Outcome.ONLY_CREATED,
    (State.IN_PROGRESS, State.IN_PROGRESS): Outcome.TAKEN,
    (State.IN_PROGRESS, State.COMPLETED): Outcome.DONE,
    (State.IN_PROGRESS, State.CANCELED): Outcome.DONE,
    (State.COMPLETED, State.SCHEDULED): Outcome.FINAL,
    (State.COMPLETED, State.IN_PROGRESS): Outcome.FINAL,
    (State.COMPLETED, State.COMPLETED): Outcome.ALREADY_COMPLETED,
    (State.COMPLETED, State.CANCELED): Outcome.FINAL,
    (State.CANCELED, State.SCHEDULED): Outcome.FINAL,
    (State.CANCELED, State.IN_PROGRESS): Outcome.FINAL,
    (State.CANCELED, State.COMPLETED): Outcome.FINAL,
    (State.CANCELED, State.CANCELED): Outcome.ALREADY_CANCELED,
}

# PS3.4 table CC.2.5-3: an N-CREATE without these is no workitem; the SCP may fill in others
REQUIRED_AT_CREATION = (
    "ScheduledProcedureStepPriority",
    "ProcedureStepLabel",
    "ScheduledProcedureStepStartDateTime",
    "InputReadinessState",
    "ProcedureStepState",
)
# final state requirements (P) of the Performed Procedure
REQUIRED_AT_COMPLETION = (
    "PerformedStationNameCodeSequence",
    "PerformedWorkitemCodeSequence",
    "PerformedProcedureStepStartDateTime",
    "PerformedProcedureStepEndDateTime",
)
# who sends these in an update misunderstands it: identity is fixed and the state has its own transaction
NOT_UPDATABLE = ("SOPClassUID", "SOPInstanceUID", "ProcedureStepState", "ScheduledProcedureStepModificationDateTime")
_LABEL, _CHANGED = (f"""json_extract(dataset, '$."{tag}".Value[0]')""" for tag in ("00741202", "00404010"))
_AT_ONCE = 500


@dataclass(frozen=True)
class ProcedureStep:
    """A workitem as the server keeps it; the Transaction UID is never part of the dataset."""

    uid: str
    state: State
    transaction_uid: str
    dataset: Json


@dataclass(frozen=True)
class Wanted:
    """A search that indexes answer, however long the worklist: state, queue, changed since and until (UTC)."""

    state: str = ""
    label: str = ""
    since: datetime | None = None
    until: datetime | None = None
    without: frozenset[str] = frozenset()

    def sql(self) -> tuple[str, str, tuple[str, ...]]:
        """Index, condition and values."""
        terms = [
            ("state = ?", self.state),
            (f"{_LABEL} = ?", self.label),
            (f"{_CHANGED} >= ?", moment(self.since) if self.since else ""),
            (f"{_CHANGED} <= ?", moment(self.until) if self.until else ""),
            *(("uid <> ?", uid) for uid in sorted(self.without)),
        ]
        given = [(term, value) for term, value in terms if value]
        index = "INDEXED BY workitems_changed" if self.since or self.until else ""
        return index, " AND ".join(term for term, _value in given) or "1", tuple(value for _term, value in given)


class ProcedureSteps:
    """The workitems of a store. Every change is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._order_by_text()

    def all(self) -> Iterator[ProcedureStep]:
        """Every workitem in the order of creation, read a few hundred at a time."""
        last = 0
        while rows := self._store.rows(
            """SELECT uid, state, transaction_uid, dataset, number FROM workitems WHERE number > ?
            ORDER BY number LIMIT ?""",
            (last, _AT_ONCE),
        ):
            yield from (_step(row[:4]) for row in rows)
            last = int(str(rows[-1][4]))

    def found(self, wanted: "Wanted", offset: int, limit: int) -> tuple[list[str], int]:
        """The datasets of a page of the workitems that are wanted, in the order of creation, and how many there are."""
        index, where, values = wanted.sql()
        source = f"FROM workitems {index} WHERE {where}"
        count = self._store.rows(f"SELECT count(*) {source}", values)
        page = self._store.rows(f"SELECT dataset {source} ORDER BY number LIMIT ? OFFSET ?", (*values, limit, offset))
        return [str(row[0]) for row in page], int(str(count[0][0]))

    def get(self, uid: str) -> ProcedureStep | None:
        """One workitem, or None."""
        rows = self._store.rows("SELECT uid, state, transaction_uid, dataset FROM workitems WHERE uid = ?", (uid,))
        return _step(rows[0]) if rows else None

    def create(self, uid: str, dataset: Json, due: str = "") -> Outcome:
        """N-CREATE. `due` is the server's own note on how deadlines lie relative to the worklist's making."""
        missing = [keyword for keyword in REQUIRED_AT_CREATION if first(dataset, keyword) is None]
        if not is_uid(uid) or missing or first(dataset, "TransactionUID"):
            return Outcome.NOT_VALID
        if first(dataset, "ProcedureStepState") != State.SCHEDULED.value:
            return Outcome.NOT_VALID
        kept = {name: element for name, element in dataset.items() if name != tag("TransactionUID")}
        put(kept, "SOPClassUID", UPS_PUSH)
        put(kept, "SOPInstanceUID", uid)
        _touch(kept)
        with self._store.transaction() as db:
            if db.execute("SELECT 1 FROM workitems WHERE uid = ?", (uid,)).fetchone():
                return Outcome.DUPLICATE
            db.execute(
                "INSERT INTO workitems (uid, state, transaction_uid, dataset, due) VALUES (?, ?, '', ?, ?)",
                (uid, State.SCHEDULED.value, json.dumps(kept, ensure_ascii=False), due),
            )
        return Outcome.DONE

    def update(self, uid: str, transaction_uid: str, changes: Json) -> Outcome:
        """N-SET: each attribute in `changes` replaces the old one."""
        with self._store.transaction():
            step = self.get(uid)
            if step is None:
                return Outcome.NOT_FOUND
            if step.state in (State.COMPLETED, State.CANCELED):
                return Outcome.FINAL
            if step.state is State.SCHEDULED and transaction_uid:
                return Outcome.NOT_STARTED
            if step.state is State.IN_PROGRESS and transaction_uid != step.transaction_uid:
                return Outcome.WRONG_TRANSACTION
            if any(tag(keyword) in changes for keyword in NOT_UPDATABLE):
                return Outcome.NOT_VALID
            kept = {name: element for name, element in changes.items() if name != tag("TransactionUID")}
            self._write(step, step.state, step.transaction_uid, step.dataset | kept)
            return Outcome.DONE

    def change_state(self, uid: str, transaction_uid: str, wanted: State) -> Outcome:
        """N-ACTION "Change UPS State": claim, complete or cancel as the performer."""
        with self._store.transaction():
            step = self.get(uid)
            if step is None:
                return Outcome.NOT_FOUND
            outcome = CHANGES[step.state, wanted]
            if outcome in (Outcome.ONLY_CREATED, Outcome.FINAL):
                return outcome
            if not is_uid(transaction_uid):
                return Outcome.WRONG_TRANSACTION
            owned = step.transaction_uid == transaction_uid
            if not owned and step.state is not State.SCHEDULED and outcome is not Outcome.TAKEN:
                return Outcome.WRONG_TRANSACTION
            if outcome is not Outcome.DONE:
                return outcome
            dataset = dict(step.dataset)
            if wanted is State.COMPLETED and not may_complete(dataset):
                return Outcome.NOT_COMPLETE
            if wanted is State.CANCELED and not may_cancel(dataset):
                return Outcome.NOT_COMPLETE
            put(dataset, "ProcedureStepState", wanted.value)
            self._write(step, wanted, transaction_uid, dataset)
            return Outcome.DONE

    def request_cancel(self, uid: str, reason: Json) -> Outcome:
        """N-ACTION "Request UPS Cancel", by someone who isn't the performer.

        What nobody performs is canceled here. A performer can't be reached: nothing is pushed to the workstation.
        """
        with self._store.transaction():
            step = self.get(uid)
            if step is None:
                return Outcome.NOT_FOUND
            if step.state is State.COMPLETED:
                return Outcome.ALREADY_DONE
            if step.state is State.CANCELED:
                return Outcome.ALREADY_CANCELED
            if step.state is State.IN_PROGRESS:
                return Outcome.NO_PERFORMER
            progress: Json = {}
            put(progress, "ProcedureStepCancellationDateTime", moment(datetime.now().astimezone()))
            for keyword in ("ReasonForCancellation", "ProcedureStepDiscontinuationReasonCodeSequence"):
                put(progress, keyword, *values(reason, keyword))
            dataset = dict(step.dataset)
            put(dataset, "ProcedureStepProgressInformationSequence", progress)
            put(dataset, "ProcedureStepState", State.CANCELED.value)
            self._write(step, State.CANCELED, "", dataset)
            return Outcome.DONE

    def _order_by_text(self) -> None:
        """Bring modification times that were written with an offset to UTC."""
        with self._store.transaction() as db:
            rows = db.execute(
                f"""SELECT number, dataset FROM workitems INDEXED BY workitems_changed
                WHERE {_CHANGED} NOT LIKE '%+0000'"""
            ).fetchall()
            for number, text in rows:
                dataset = json.loads(text)
                _touch(dataset)
                changed = json.dumps(dataset, ensure_ascii=False)
                db.execute("UPDATE workitems SET dataset = ? WHERE number = ?", (changed, number))

    def _write(self, step: ProcedureStep, state: State, transaction_uid: str, dataset: Json) -> None:
        _touch(dataset)
        self._store.rows(
            "UPDATE workitems SET state = ?, transaction_uid = ?, dataset = ? WHERE uid = ?",
            (state.value, transaction_uid, json.dumps(dataset, ensure_ascii=False), step.uid),
        )


def may_complete(dataset: Json) -> bool:
    """Whether the final state requirements of COMPLETED hold."""
    performed = first(dataset, "UnifiedProcedureStepPerformedProcedureSequence")
    return performed is not None and all(first(performed, keyword) for keyword in REQUIRED_AT_COMPLETION)


def may_cancel(dataset: Json) -> bool:
    """Whether the final state requirements of CANCELED hold: a coded reason and when."""
    progress = first(dataset, "ProcedureStepProgressInformationSequence")
    return progress is not None and all(
        first(progress, keyword)
        for keyword in ("ProcedureStepDiscontinuationReasonCodeSequence", "ProcedureStepCancellationDateTime")
    )


def moment(when: datetime) -> str:
    """A timezone-aware time as a DICOM DT; in UTC, so that text order is time order."""
    return when.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f%z")


def _touch(dataset: Json) -> None:
    put(dataset, "ScheduledProcedureStepModificationDateTime", moment(datetime.now().astimezone()))


def _step(row: tuple[object, ...]) -> ProcedureStep:
    uid, state, transaction_uid, dataset = map(str, row)
    return ProcedureStep(uid, State(state), transaction_uid, json.loads(dataset))
