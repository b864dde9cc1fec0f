"""The tour's transcript: each step, how long it took and what it came to, on disk after each step."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NAME = "transcript.json"


def _say(line: str) -> None:
    print(line, flush=True)


@dataclass
class Transcript:
    """Written whole after each change: temporary file, then rename. Holds UIDs and numbers, no person."""

    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False
    on_step: Callable[[str], None] = field(default=_say)

    @classmethod
    def unfinished_in(cls, folder: Path) -> bool:
        """Whether a tour was cut short here."""
        try:
            return json.loads((folder / NAME).read_text(encoding="utf-8"))["finished"] is False
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def begin(self, name: str) -> "Step":
        """Start a step; end it with what it came to."""
        self.steps.append({"step": name, "at": datetime.now(UTC).isoformat(timespec="seconds"), "state": "begun"})
        self.write()
        return Step(self, self.steps[-1], time.monotonic())

    def write(self) -> None:
        """Bring the file up to date."""
        whole = {"finished": self.finished, **self.facts, "steps": self.steps}
        temporary = self.folder / f"{NAME}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(whole, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / NAME)


@dataclass
class Step:
    """One step under way."""

    transcript: Transcript
    entry: dict[str, Any]
    started: float

    @property
    def seconds(self) -> float:
        """Since the step began."""
        return round(time.monotonic() - self.started, 3)

    def end(self, **came_to: Any) -> None:
        """The step is done; `came_to` are its UIDs and numbers."""
        seconds = self.seconds
        self.entry.update(state="done", seconds=seconds, **came_to)
        self.transcript.write()
        self.transcript.on_step(f"{self.entry['step']:10} {seconds:7.2f} s  {_short(came_to)}")


def _short(values: dict[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in values.items() if isinstance(value, int | float | str))
