"""The state machines of a case and of a signed package: every pair of state and event, against tables by hand."""

import itertools
from typing import get_args

import pytest

from workstation.consultation.package_states import ACTIVE, OVER, PackageEvent, PackageState, package_after
from workstation.consultation.states import (
    FINISHED_STATES,
    HELD_STATES,
    OPEN_STATES,
    WRITING_STATES,
    CaseEvent,
    CaseState,
    ImpossibleEvent,
    after,
)

# The way of the design: requested → claimed → reading → (impression locked →) drafting → signed → queued → stored →
# confirmed → linked → done, with returned, rejected, superseded and lost beside it. One line a state; what a line
# doesn't name can't happen.
CASE = """
requested:          claim>claiming  supersede>superseded
claiming:           claim>claiming  hold>claimed  lose>lost  supersede>superseded
claimed:            open>reading  return>returned  lose>lost  supersede>superseded
reading:            open>reading  lock_impression>impression_locked  draft>drafting  return>returned  lose>lost
reading:            supersede>superseded
impression_locked:  open>impression_locked  draft>drafting  return>returned  lose>lost  supersede>superseded
drafting:           open>drafting  draft>drafting  sign>signed  return>returned  lose>lost  supersede>superseded
signed:             queue>queued
queued:             store>stored  queue>queued  reject>rejected  lose>lost
stored:             confirm>confirmed  store>stored  queue>queued  reject>rejected  lose>lost
confirmed:          link>linked  queue>queued  reject>rejected  lose>lost
linked:             finish>done  reject>rejected  lose>lost
rejected:           queue>queued  lose>lost  rewrite>drafting
lost:               queue>queued
done:
returned:
superseded:
"""

# Retried with back-off: everything that goes by itself. A sign-in pauses, a refusal stops, a lost case or a newer
# report waits for the reader's word; nothing is rebuilt: what is written anew is another package.
PACKAGE = """
queued:     send>sending  defer>queued  pause>paused  refuse>refused  hold>held
sending:    store>stored  defer>sending  pause>paused  refuse>refused  hold>held
stored:     confirm>confirmed  miss>queued  defer>stored  pause>paused  refuse>refused  hold>held
confirmed:  deliver>delivered  defer>confirmed  pause>paused  refuse>refused  hold>held
paused:     resume>queued
refused:    again>queued  keep>kept  replace>replaced
held:       again>queued  keep>kept
kept:       again>queued
delivered:
replaced:
"""

S, E = CaseState, CaseEvent


def table(text: str) -> dict[tuple[str, str], str]:
    pairs = {}
    for line in text.strip().splitlines():
        state, _colon, ways = line.partition(":")
        for way in ways.split():
            event, _arrow, target = way.partition(">")
            pairs[state, event] = target
    return pairs


def states(text: str) -> set[str]:
    return {line.partition(":")[0] for line in text.strip().splitlines()}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(CaseState, CaseEvent)))
def test_each_pair_of_a_case_leads_on_or_raises(state: CaseState, event: CaseEvent) -> None:
    wanted = table(CASE).get((state.name.lower(), event.name.lower()))
    if wanted:
        assert after(state, event) is CaseState[wanted.upper()]
    else:
        with pytest.raises(ImpossibleEvent):
            after(state, event)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(get_args(PackageState), PackageEvent)))
def test_each_pair_of_a_package_leads_on_or_raises(state: PackageState, event: PackageEvent) -> None:
    wanted = table(PACKAGE).get((state, event.name.lower()))
    if wanted:
        assert package_after(state, event) == wanted
    else:
        with pytest.raises(ImpossibleEvent):
            package_after(state, event)


def test_the_tables_by_hand_name_every_state() -> None:
    assert states(CASE) == {state.name.lower() for state in CaseState}
    assert states(PACKAGE) == set(get_args(PackageState))
    assert {event for _state, event in table(CASE)} == {event.name.lower() for event in CaseEvent}
    assert {event for _state, event in table(PACKAGE)} == {event.name.lower() for event in PackageEvent}


def test_a_package_goes_by_itself_waits_for_someone_or_is_over() -> None:
    assert set(ACTIVE) == {"queued", "sending", "stored", "confirmed"}
    assert set(OVER) == {"delivered", "kept", "replaced"}


def test_every_state_is_shown_as_open_or_finished_and_only_ours_as_held() -> None:
    assert set(OPEN_STATES) | set(FINISHED_STATES) == set(CaseState)
    assert not set(OPEN_STATES) & set(FINISHED_STATES)
    assert not set(HELD_STATES) & {S.REQUESTED, S.CLAIMING, S.RETURNED, S.SUPERSEDED, S.LOST, S.DONE}


def test_what_is_signed_is_written_again_only_when_it_was_refused_and_the_reader_says_so() -> None:
    ways = {pair for pair, target in table(CASE).items() if target in {state.value for state in WRITING_STATES}}
    assert {state for state, _event in ways} <= {"claiming", "claimed", "reading", "impression_locked", "drafting"} | {
        "rejected"
    }
    assert {event for state, event in ways if state == "rejected"} == {"rewrite"}
