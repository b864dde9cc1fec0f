"""Drafts: what the reader is writing, part by part; each save is durable when it returns."""

import json
from typing import Any

from workstation.archive.database import Cursor, Database, now

# "impression" is written once, when it is locked
PARTS = ("form", "measurements", "key_images", "view", "opinion", "impression")


class Drafts:
    """The drafts of one archive. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, case_uid: str) -> dict[str, Any]:
        """What was saved for the case, by part; empty when nothing was."""
        with self._database.read() as cursor:
            rows = cursor.execute("SELECT part, payload_json FROM drafts WHERE case_uid = ?", (case_uid,)).fetchall()
        return {row["part"]: json.loads(row["payload_json"]) for row in rows}


def draft_part(cursor: Cursor, case_uid: str, part: str) -> Any:
    """One part as it was saved last; None when it never was."""
    row = cursor.execute("SELECT payload_json FROM drafts WHERE case_uid = ? AND part = ?", (case_uid, part)).fetchone()
    return json.loads(row[0]) if row else None


def save_draft(cursor: Cursor, case_uid: str, part: str, payload: Any) -> None:
    """Save one part, a JSON value, in the place of what it was; inside the caller's transaction."""
    if part not in PARTS:
        raise ValueError(f"no such part of a draft: {part}")
    cursor.execute(
        """INSERT INTO drafts VALUES (?, ?, ?, ?) ON CONFLICT (case_uid, part) DO UPDATE
        SET payload_json = excluded.payload_json, saved_at = excluded.saved_at""",
        (case_uid, part, json.dumps(payload, ensure_ascii=False), now()),
    )
