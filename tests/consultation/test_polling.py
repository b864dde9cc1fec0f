"""The worklist kept up to date: the whole list once, then only what changed; nothing is lost when pages slide."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from workstation.archive.archive import Archive
from workstation.consultation import polling
from workstation.consultation.case import CaseFilter
from workstation.consultation.cases import Cases
from workstation.consultation.polling import Polling, Wanted
from workstation.consultation.states import CaseState
from workstation.demo.procedure_steps import ProcedureSteps, State
from workstation.demo.server import EmbeddedIris
from workstation.errors import Cancelled, LinkDown
from workstation.iris.session import IrisSession
from workstation.iris.workitem import Workitem
from workstation.iris.workitems import Workitems
from workstation.jobs import Cancellation, Progress, silent
from workstation.settings import ServerProfile


def put_items(iris: EmbeddedIris, numbers: Any, label: str = "CT-CHEST") -> None:
    """Workitems 1.2.<number> on the server, as its own worklist keeps them."""
    steps = ProcedureSteps(iris.store)
    for number in numbers:
        outcome = steps.create(
            f"1.2.{number}",
            {
                "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
                "00741200": {"vr": "CS", "Value": ["MEDIUM"]},
                "00741202": {"vr": "LO", "Value": [label]},
                "00741204": {"vr": "LO", "Value": ["Описание"]},
                "00404005": {"vr": "DT", "Value": ["20260110103000+0300"]},
                "00404041": {"vr": "CS", "Value": ["READY"]},
                "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"Иванов^{number}"}]},
                "0020000D": {"vr": "UI", "Value": [f"1.3.{number}"]},
            },
        )
        assert outcome.status == 200, outcome


def aged(iris: EmbeddedIris) -> None:
    """Everything on the server was last changed an hour ago."""
    stamp = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y%m%d%H%M%S.%f+0000")
    with iris.store.transaction() as db:
        db.execute("""UPDATE workitems SET dataset = json_set(dataset, '$."00404010".Value[0]', ?)""", (stamp,))


class Counting(Workitems):
    """Counts the items that came."""

    came = 0

    def search(self, *args: Any, **more: Any) -> Iterator[Workitem]:
        for item in super().search(*args, **more):
            self.came += 1
            yield item


@pytest.fixture
def iris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedIris]:
    with EmbeddedIris(tmp_path_factory.mktemp("iris")) as server:
        yield server


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path, bytes(32)) as opened:
        yield opened


@pytest.fixture
def workitems(iris: EmbeddedIris) -> Iterator[Counting]:
    with IrisSession(ServerProfile("iris", iris.url, user=iris.user), iris.password) as session:
        yield Counting(session)


@pytest.fixture
def poll(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Polling:
    monkeypatch.setattr(polling, "_SHARE", 1e9)
    return Polling(archive.database, Cases(archive.database), "iris", Wanted())


def shown(archive: Archive) -> set[str]:
    return {row.case_uid.removeprefix("1.2.") for row in Cases(archive.database).page(CaseFilter(), 0, 10_000)}


def refresh(poll: Polling, workitems: Workitems, asked: bool = False) -> int:
    return poll.refresh(workitems, silent, Cancellation(), asked)


def test_after_the_whole_list_a_poll_brings_only_what_changed(
    iris: EmbeddedIris, archive: Archive, workitems: Counting, poll: Polling
) -> None:
    put_items(iris, range(250))
    aged(iris)
    assert refresh(poll, workitems) == 250
    assert len(shown(archive)) == 250
    ProcedureSteps(iris.store).change_state("1.2.7", "2.25.1", State.IN_PROGRESS)
    ProcedureSteps(iris.store).update("1.2.8", "", {"00741202": {"vr": "LO", "Value": ["MMG-2ND"]}})
    put_items(iris, [900])
    workitems.came = 0
    assert refresh(poll, workitems) == 250
    assert shown(archive) == {str(number) for number in range(250) if number != 7} | {"900"}
    assert Cases(archive.database).get("1.2.8").label == "MMG-2ND"
    assert workitems.came == 3


def test_another_ones_claim_takes_the_case_off_the_list_but_never_one_that_we_hold(
    iris: EmbeddedIris, archive: Archive, workitems: Counting, poll: Polling
) -> None:
    from workstation.consultation.states import CaseEvent

    put_items(iris, range(3))
    aged(iris)
    refresh(poll, workitems)
    cases = Cases(archive.database)
    cases.apply("1.2.1", CaseEvent.CLAIM, CaseEvent.HOLD)
    for number in (1, 2):
        ProcedureSteps(iris.store).change_state(f"1.2.{number}", f"2.25.{number}", State.IN_PROGRESS)
    refresh(poll, workitems)
    assert shown(archive) == {"0", "1"}
    assert cases.get("1.2.1").state is CaseState.CLAIMED


def test_the_cap_of_a_server_is_honoured_and_the_first_page_is_there_before_the_last(
    iris: EmbeddedIris, archive: Archive, workitems: Counting, poll: Polling
) -> None:
    put_items(iris, range(450))
    seen: list[tuple[int, int]] = []

    def report(progress: Progress) -> None:
        seen.append((progress.done, len(shown(archive))))

    assert poll.refresh(workitems, report, Cancellation()) == 450
    assert seen[0] == (100, 100)
    assert seen[-1] == (450, 450)
    assert [done for done, _rows in seen] == sorted(done for done, _rows in seen)


def test_a_list_that_is_cancelled_keeps_its_rows_and_drops_none(
    iris: EmbeddedIris, archive: Archive, workitems: Counting, poll: Polling
) -> None:
    put_items(iris, range(300))
    aged(iris)
    refresh(poll, workitems)
    iris.store.rows("DELETE FROM workitems WHERE uid = '1.2.299'")
    cancellation = Cancellation()

    def stop(progress: Progress) -> None:
        cancellation.cancel()

    with pytest.raises(Cancelled):
        poll.refresh(workitems, stop, cancellation, asked=True)
    assert len(shown(archive)) == 300
    # the next poll goes on with changes; the reader's word makes the list whole
    workitems.came = 0
    refresh(poll, workitems)
    assert workitems.came == 0
    refresh(poll, workitems, asked=True)
    assert len(shown(archive)) == 299


def test_a_broken_line_in_the_middle_of_the_list_loses_no_row_and_the_next_try_completes_it(
    iris: EmbeddedIris, archive: Archive, workitems: Counting, poll: Polling
) -> None:
    put_items(iris, range(250))
    iris.faults.cut(10, path="*/workitems", times=None)
    with pytest.raises(LinkDown):
        refresh(poll, workitems)
    iris.faults.clear()
    assert refresh(poll, workitems) == 250


def test_a_case_that_slips_between_sliding_pages_stays_on_the_list(
    iris: EmbeddedIris, archive: Archive, workitems: Counting, poll: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_items(iris, range(300))
    aged(iris)
    refresh(poll, workitems)
    steps = ProcedureSteps(iris.store)
    real = Counting.search

    def sliding(self: Counting, *args: Any, **more: Any) -> Iterator[Workitem]:
        for number, item in enumerate(real(self, *args, **more)):
            # somebody takes a case of the first page while we read it: case 100 slides into the page we had
            if number == 50 and not more.get("changed_since"):
                steps.change_state("1.2.3", "2.25.3", State.IN_PROGRESS)
            yield item

    monkeypatch.setattr(Counting, "search", sliding)
    refresh(poll, workitems, asked=True)
    assert shown(archive) == {str(number) for number in range(300)} - {"3"}


def test_what_vanished_without_a_stamp_goes_with_the_next_whole_list(
    iris: EmbeddedIris, archive: Archive, workitems: Counting, poll: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_items(iris, range(5))
    aged(iris)
    refresh(poll, workitems)
    iris.store.rows("DELETE FROM workitems WHERE uid = '1.2.3'")
    refresh(poll, workitems)
    assert "3" in shown(archive)
    monkeypatch.setattr(polling, "_SHARE", 0)
    refresh(poll, workitems)
    assert shown(archive) == {"0", "1", "2", "4"}


@pytest.mark.parametrize("answer", ["ignored", "refused", "without stamps", "without a clock"])
def test_a_server_that_can_not_tell_changes_gives_the_whole_list_each_time(
    iris: EmbeddedIris,
    archive: Archive,
    workitems: Counting,
    poll: Polling,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_items(iris, range(30))
    aged(iris)
    real = Counting.search

    def dull(self: Counting, *args: Any, **more: Any) -> Iterator[Workitem]:
        if answer == "ignored":
            more["changed_since"] = None
        if answer == "refused" and more.get("changed_since"):
            iris.faults.force(400, path="*/workitems")
        for item in real(self, *args, **more):
            yield replace(item, modified_at=None) if answer == "without stamps" else item

    monkeypatch.setattr(Counting, "search", dull)
    if answer == "without a clock":
        monkeypatch.setattr(Counting, "server_time", lambda _self: None)
    for _turn in range(3):
        assert refresh(poll, workitems) == 30
    ProcedureSteps(iris.store).change_state("1.2.7", "2.25.1", State.IN_PROGRESS)
    assert refresh(poll, workitems) == 29
    assert shown(archive) == {str(number) for number in range(30)} - {"7"}


def test_a_queue_of_its_own_is_polled_by_changes_too(
    iris: EmbeddedIris, archive: Archive, workitems: Counting, poll: Polling
) -> None:
    put_items(iris, range(3))
    put_items(iris, range(10, 12), label="MMG-2ND")
    aged(iris)
    mine = Polling(archive.database, Cases(archive.database), "iris", Wanted("MMG-2ND", "R-1"))
    assert refresh(mine, workitems) == 2
    put_items(iris, [20], label="MMG-2ND")
    put_items(iris, [21])
    refresh(mine, workitems)
    assert shown(archive) == {"10", "11", "20"}


def test_the_server_answers_a_search_by_time_of_change_exactly(iris: EmbeddedIris) -> None:
    put_items(iris, range(3))
    for number, stamp in enumerate(
        ("20260110101500.000000+0000", "20260110101500.500000+0000", "20260110101501.000000+0000")
    ):
        iris.store.rows(
            """UPDATE workitems SET dataset = json_set(dataset, '$."00404010".Value[0]', ?) WHERE uid = ?""",
            (stamp, f"1.2.{number}"),
        )
    for wanted, found in {
        "20260110101500+0000-20260110101500+0000": {"0", "1"},
        "20260110131500.2+0300-": {"1", "2"},
        "-20260110101500.0+0000": {"0"},
        "20260110101501+0000": {"2"},
        "20260110101502+0000-": set(),
    }.items():
        answer = requests.get(
            f"{iris.url}/workitems",
            params={"ScheduledProcedureStepModificationDateTime": wanted},
            auth=(iris.user, iris.password),
            timeout=10,
        )
        assert {item["00080018"]["Value"][0].removeprefix("1.2.") for item in answer.json()} == found, wanted
