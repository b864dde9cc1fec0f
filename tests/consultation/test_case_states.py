"""The state machine of a case: every pair of state and event."""

import itertools

import pytest

from workstation.consultation.states import (
    FINISHED_STATES,
    HELD_STATES,
    OPEN_STATES,
    TRANSITIONS,
    CaseEvent,
    CaseState,
    ImpossibleEvent,
    after,
)

S, E = CaseState, CaseEvent

# the way of a case as the design has it, and every way off it
MAIN_WAY = [
    (S.REQUESTED, E.CLAIM), (S.CLAIMING, E.HOLD), (S.CLAIMED, E.OPEN), (S.READING, E.LOCK_IMPRESSION),
    (S.IMPRESSION_LOCKED, E.DRAFT), (S.DRAFTING, E.SIGN), (S.SIGNED, E.QUEUE), (S.QUEUED, E.STORE),
    (S.STORED, E.CONFIRM), (S.CONFIRMED, E.LINK), (S.LINKED, E.FINISH),
]  # fmt: skip


@pytest.mark.parametrize(("state", "event"), list(itertools.product(CaseState, CaseEvent)))
def test_each_pair_leads_on_or_raises(state: CaseState, event: CaseEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(ImpossibleEvent):
            after(state, event)


def test_the_main_way_leads_from_the_request_to_the_end() -> None:
    state = S.REQUESTED
    for expected, event in MAIN_WAY:
        assert state is expected
        state = after(state, event)
    assert state is S.DONE


def test_a_first_reading_needs_no_locked_impression() -> None:
    assert after(S.READING, E.DRAFT) is S.DRAFTING


def test_nothing_happens_to_what_is_over() -> None:
    for state in (S.DONE, S.RETURNED, S.SUPERSEDED):
        assert not [event for event in CaseEvent if (state, event) in TRANSITIONS]


def test_what_is_signed_is_never_written_again() -> None:
    signed = (S.SIGNED, S.QUEUED, S.STORED, S.CONFIRMED, S.LINKED, S.DONE, S.REJECTED, S.LOST)
    for state, event in itertools.product(signed, (E.DRAFT, E.SIGN, E.OPEN, E.RETURN)):
        assert (state, event) not in TRANSITIONS


def test_every_state_is_shown_as_open_or_finished_and_only_ours_as_held() -> None:
    assert set(OPEN_STATES) | set(FINISHED_STATES) == set(CaseState)
    assert not set(OPEN_STATES) & set(FINISHED_STATES)
    assert not set(HELD_STATES) & {S.REQUESTED, S.CLAIMING, S.RETURNED, S.SUPERSEDED, S.LOST, S.DONE}
