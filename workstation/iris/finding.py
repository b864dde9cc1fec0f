"""What a check of the link found: a state, a fact and, where something has to be done, what.

Read by an administrator, in a terminal or by a program: no patient's data, no addresses of searches, no passwords.
"""

from dataclasses import dataclass
from enum import Enum

from workstation.errors import WorkstationError


class State(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """`check` is a word of the program's own, the same in every language; `found` and `advice` are for the reader."""

    check: str
    state: State
    found: str
    advice: str = ""


def failed(check: str, error: WorkstationError, advice: str = "") -> Finding:
    """The finding for an error of the world; `advice` where the check knows better than the error."""
    found = f"{error.title}: {error.detail}" if error.detail else error.title
    return Finding(check, State.FAILED, found, advice or error.advice)
