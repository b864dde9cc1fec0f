"""The life of a case as one table: (state, event) → state. A pair that isn't in it raises."""

from enum import Enum


class CaseState(Enum):
    """Where a case stands.

    `LINKED`: the documents are named in the workitem, or there is none. `REJECTED`: the server refused the documents.
    `SUPERSEDED`: another order replaced this one. `LOST`: it is, or became, someone else's.
    """

    REQUESTED = "requested"
    CLAIMING = "claiming"
    CLAIMED = "claimed"
    READING = "reading"
    IMPRESSION_LOCKED = "impression_locked"
    DRAFTING = "drafting"
    SIGNED = "signed"
    QUEUED = "queued"
    STORED = "stored"
    CONFIRMED = "confirmed"
    LINKED = "linked"
    DONE = "done"
    RETURNED = "returned"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    LOST = "lost"


class CaseEvent(Enum):
    """What happens to a case."""

    CLAIM = "claim"
    HOLD = "hold"
    OPEN = "open"
    LOCK_IMPRESSION = "lock impression"
    DRAFT = "draft"
    SIGN = "sign"
    QUEUE = "queue"
    STORE = "store"
    CONFIRM = "confirm"
    LINK = "link"
    FINISH = "finish"
    REJECT = "reject"
    RETURN = "return"
    SUPERSEDE = "supersede"
    LOSE = "lose"
    REWRITE = "rewrite"


class ImpossibleEvent(Exception):
    """An event that can't happen in this state: a mistake of ours."""


_S, _E = CaseState, CaseEvent

# a case that is being written, in the order in which it is
_WRITING = (_S.CLAIMED, _S.READING, _S.IMPRESSION_LOCKED, _S.DRAFTING)
_DELIVERING = (_S.QUEUED, _S.STORED, _S.CONFIRMED, _S.LINKED)

TRANSITIONS: dict[tuple[CaseState, CaseEvent], CaseState] = {
    (_S.REQUESTED, _E.CLAIM): _S.CLAIMING,
    # no answer came: the same claim is sent again
    (_S.CLAIMING, _E.CLAIM): _S.CLAIMING,
    (_S.CLAIMING, _E.HOLD): _S.CLAIMED,
    (_S.CLAIMED, _E.OPEN): _S.READING,
    (_S.READING, _E.OPEN): _S.READING,
    (_S.IMPRESSION_LOCKED, _E.OPEN): _S.IMPRESSION_LOCKED,
    (_S.DRAFTING, _E.OPEN): _S.DRAFTING,
    (_S.READING, _E.LOCK_IMPRESSION): _S.IMPRESSION_LOCKED,
    (_S.READING, _E.DRAFT): _S.DRAFTING,
    (_S.IMPRESSION_LOCKED, _E.DRAFT): _S.DRAFTING,
    (_S.DRAFTING, _E.DRAFT): _S.DRAFTING,
    (_S.DRAFTING, _E.SIGN): _S.SIGNED,
    (_S.SIGNED, _E.QUEUE): _S.QUEUED,
    (_S.QUEUED, _E.STORE): _S.STORED,
    # a database of an earlier version may hold a package to be sent again whose case stayed here
    (_S.STORED, _E.STORE): _S.STORED,
    (_S.STORED, _E.CONFIRM): _S.CONFIRMED,
    (_S.CONFIRMED, _E.LINK): _S.LINKED,
    (_S.LINKED, _E.FINISH): _S.DONE,
    # the server lost what it had taken, or the sign-in was missing: from the start
    (_S.QUEUED, _E.QUEUE): _S.QUEUED,
    (_S.STORED, _E.QUEUE): _S.QUEUED,
    (_S.CONFIRMED, _E.QUEUE): _S.QUEUED,
    # on the reader's word: try again, send as an unsolicited opinion, or write and sign anew
    (_S.REJECTED, _E.QUEUE): _S.QUEUED,
    (_S.LOST, _E.QUEUE): _S.QUEUED,
    (_S.REJECTED, _E.REWRITE): _S.DRAFTING,
    **{(state, _E.RETURN): _S.RETURNED for state in _WRITING},
    **{(state, _E.REJECT): _S.REJECTED for state in _DELIVERING},
    **{(state, _E.SUPERSEDE): _S.SUPERSEDED for state in (_S.REQUESTED, _S.CLAIMING, *_WRITING)},
    **{(state, _E.LOSE): _S.LOST for state in (_S.CLAIMING, *_WRITING, *_DELIVERING, _S.REJECTED)},
}


def after(state: CaseState, event: CaseEvent) -> CaseState:
    """The state that follows; raises ImpossibleEvent for a pair that isn't in the table."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleEvent(f"{event.value} in state {state.value}") from None


# by what a reader looks for
OPEN_STATES = (_S.REQUESTED, _S.CLAIMING, *_WRITING, _S.REJECTED)
HELD_STATES = (*_WRITING, _S.SIGNED, *_DELIVERING, _S.REJECTED)
FINISHED_STATES = (_S.SIGNED, *_DELIVERING, _S.DONE, _S.RETURNED, _S.SUPERSEDED, _S.LOST)
WRITING_STATES = _WRITING
# a second opinion before the reader's own impression is locked: what others found is covered
BLIND_STATES = (_S.REQUESTED, _S.CLAIMING, _S.CLAIMED, _S.READING)
