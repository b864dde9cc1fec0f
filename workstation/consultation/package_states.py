"""The life of a signed package as one table: (state, event) → state. A pair that isn't in it raises.

A package that goes back to `queued` takes its case back to `QUEUED` with it; else both step on together.
"""

from enum import Enum
from typing import Literal

from workstation.consultation.states import ImpossibleEvent

PackageState = Literal[
    "queued", "sending", "stored", "confirmed", "delivered", "paused", "refused", "held", "kept", "replaced"
]


class PackageEvent(Enum):
    """What happens to a package.

    `MISS`: the server hasn't got what it said it stored. `DEFER`: a try failed that may be tried again. `HOLD`: the
    reader must decide before anything goes. `AGAIN`, `KEEP`, `REPLACE`: the reader's word: send, don't send, write it
    anew.
    """

    SEND = "send"
    STORE = "store"
    CONFIRM = "confirm"
    DELIVER = "deliver"
    MISS = "miss"
    DEFER = "defer"
    PAUSE = "pause"
    RESUME = "resume"
    REFUSE = "refuse"
    HOLD = "hold"
    AGAIN = "again"
    KEEP = "keep"
    REPLACE = "replace"


_E = PackageEvent

# what goes by itself once it is due
ACTIVE: tuple[PackageState, ...] = ("queued", "sending", "stored", "confirmed")
# what waits for nothing and nobody
OVER: tuple[PackageState, ...] = ("delivered", "kept", "replaced")

PACKAGE_TRANSITIONS: dict[tuple[PackageState, PackageEvent], PackageState] = {
    ("queued", _E.SEND): "sending",
    ("sending", _E.STORE): "stored",
    ("stored", _E.CONFIRM): "confirmed",
    ("stored", _E.MISS): "queued",
    ("confirmed", _E.DELIVER): "delivered",
    ("paused", _E.RESUME): "queued",
    ("refused", _E.AGAIN): "queued",
    ("held", _E.AGAIN): "queued",
    ("kept", _E.AGAIN): "queued",
    ("refused", _E.KEEP): "kept",
    ("held", _E.KEEP): "kept",
    ("refused", _E.REPLACE): "replaced",
    **{(state, _E.DEFER): state for state in ACTIVE},
    **{(state, _E.PAUSE): "paused" for state in ACTIVE},
    **{(state, _E.REFUSE): "refused" for state in ACTIVE},
    **{(state, _E.HOLD): "held" for state in ACTIVE},
}


def package_after(state: PackageState, event: PackageEvent) -> PackageState:
    """The state that follows; raises ImpossibleEvent for a pair that isn't in the table."""
    try:
        return PACKAGE_TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleEvent(f"{event.value} in state {state}") from None
