"""Deadlines of the demonstration worklist: kept relative, so that a demo opened a week later still makes sense."""

import json
from datetime import datetime, timedelta

from workstation.demo.elements import put
from workstation.demo.procedure_steps import State, moment
from workstation.demo.store import Store

# a restart within the hour is the same sitting: times stay as they were shown
SAME_SITTING = timedelta(hours=1)
_FACT = "deadlines counted from"


def refresh_deadlines(store: Store, now: datetime | None = None) -> int:
    """Count the times of still SCHEDULED demo workitems from `now` again; returns how many were moved.

    What was claimed, completed or canceled, and what others created, keeps its times.
    """
    now = now or datetime.now().astimezone()
    counted = store.fact(_FACT)
    if counted is not None and abs(now - datetime.fromisoformat(counted)) < SAME_SITTING:
        return 0
    moved = 0
    with store.transaction() as db:
        rows = db.execute(
            "SELECT uid, dataset, due FROM workitems WHERE state = ? AND due <> ''", (State.SCHEDULED.value,)
        ).fetchall()
        for uid, text, due in rows:
            dataset = json.loads(text)
            put_times(dataset, json.loads(due), now)
            put(dataset, "ScheduledProcedureStepModificationDateTime", moment(now))
            db.execute("UPDATE workitems SET dataset = ? WHERE uid = ?", (json.dumps(dataset, ensure_ascii=False), uid))
            moved += 1
        db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_FACT, now.isoformat()))
    return moved


def put_times(dataset: dict[str, object], due: dict[str, float], now: datetime) -> None:
    """Set date-time attributes to so many minutes from `now`, by keyword."""
    for keyword, minutes in due.items():
        put(dataset, keyword, moment(now + timedelta(minutes=minutes)))
