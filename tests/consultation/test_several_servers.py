"""A desk with two servers: each case and each conclusion belongs to the server that it came from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.consultation.conftest import filled, general, post_workitem
from tests.fetched import fetched
from workstation import settings as settings_file
from workstation.archive.archive import Archive
from workstation.consultation.case import CaseFilter
from workstation.consultation.desk import Desk
from workstation.consultation.states import CaseState
from workstation.consultation.wanted import HeldBack, Stage, Urgency
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.errors import LinkDown, WorkstationError
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.iris.wire import Wire, connect
from workstation.jobs import Cancellation, Workers
from workstation.settings import Reader, ServerProfile, Settings
from workstation.signing.identity import Identity

KEY = bytes(range(32))


@dataclass
class Two:
    """Servers North and South with one case each, and a desk that knows both; North is in use."""

    iris: dict[str, EmbeddedIris]
    cases: dict[str, str]
    studies: dict[str, str]
    settings: Settings
    asked: list[str]

    def connect(self, server: str) -> Wire:
        self.asked.append(server)
        profile = self.settings.server_named(server)
        return connect(profile, self.iris[server].password)

    def requests(self, server: str) -> int:
        return self.asked.count(server)


@pytest.fixture
def two(tmp_path: Path, tiny: Any) -> Iterator[Two]:
    with EmbeddedIris(tmp_path / "north") as north, EmbeddedIris(tmp_path / "south") as south:
        iris = {"North": north, "South": south}
        cases, studies, profiles = {}, {}, []
        for name, server in iris.items():
            studies[name] = new_uid()
            profile = ServerProfile(name, server.url, user=server.user, aet=name.upper())
            with IrisSession(profile, server.password) as session:
                DicomWeb(session).store(studies[name], tiny.ct_series(2, study_uid=studies[name]))
            cases[name] = post_workitem(server, studies[name])
            profiles.append(profile)
        reader = Reader("Петрова^Анна^Сергеевна", "Референс-центр № 1", "R-0815")
        settings = Settings(tmp_path / "desk", language="en", servers=tuple(profiles), reader=reader)
        settings_file.save(settings)
        yield Two(iris, cases, studies, settings, [])


@pytest.fixture
def desk(two: Two) -> Iterator[Desk]:
    with Archive.open(two.settings.data_dir, KEY) as archive:
        workers = Workers()
        made = Desk(archive, two.connect, two.settings, workers)
        yield made
        made.fetching.close()
        workers.close()


@pytest.fixture
def signed(identity: Identity) -> Callable[[Desk, str], None]:
    """Reads and signs a case that is held."""

    def sign(desk: Desk, case_uid: str) -> None:
        desk.begin_reading(case_uid)
        template = general()
        form = filled(template)
        desk.save_draft(case_uid, "form", form.to_json())
        desk.sign(case_uid, desk.prepare(case_uid, form, template, (), ()), identity)

    return sign


def shown(desk: Desk) -> dict[str, str]:
    return {case.case_uid: case.server for case in desk.page(CaseFilter(states=None), 0, 50)}


def use(desk: Desk, server: str) -> None:
    desk.use_server(server)
    desk.refresh(Cancellation())


def state_at(two: Two, server: str, case_uid: str) -> Any:
    with IrisSession(two.settings.server_named(server), two.iris[server].password) as session:
        from workstation.iris.workitems import Workitems

        return Workitems(session).get(case_uid)


def test_the_list_is_that_of_the_server_in_use_with_what_is_ours_of_the_other(two: Two, desk: Desk) -> None:
    north, south = two.cases["North"], two.cases["South"]
    desk.refresh(Cancellation())
    assert shown(desk) == {north: "North"}
    use(desk, "South")
    assert shown(desk) == {south: "South"}
    # neither list took the other's free case away
    assert desk.case(north).server == "North"
    use(desk, "North")
    assert shown(desk) == {north: "North"}
    desk.claim(north)
    use(desk, "South")
    assert shown(desk) == {north: "North", south: "South"}
    assert desk.case(north).state is CaseState.CLAIMED
    assert settings_file.load(two.settings.data_dir).server.name == "South"


def test_a_case_is_claimed_pulled_and_returned_at_its_own_server_whichever_is_in_use(two: Two, desk: Desk) -> None:
    north = two.cases["North"]
    desk.refresh(Cancellation())
    desk.use_server("South")
    two.iris["South"].faults.force(500, "*", None)
    assert desk.claim(north).is_held
    assert state_at(two, "North", north).state == "IN PROGRESS"
    case = fetched(desk, north)
    assert (case.received, case.expected) == (2, 2)
    assert "South" not in two.asked
    desk.return_case(north, "not_my_specialty")
    assert state_at(two, "North", north).state == "CANCELED"
    assert "South" not in two.asked


def test_a_case_waits_for_its_server_and_is_not_asked_for_elsewhere(two: Two, desk: Desk) -> None:
    north = two.cases["North"]
    desk.refresh(Cancellation())
    desk.use_server("South")
    desk.leave("North")
    two.iris["North"].stop()
    with pytest.raises(LinkDown):
        desk.claim(north)
    with pytest.raises(LinkDown):
        fetched(desk, north)
    assert "South" not in two.asked
    # a list of the other server doesn't lose it
    desk.refresh(Cancellation())
    assert desk.case(north).state is CaseState.CLAIMING


def test_a_server_that_is_gone_holds_up_no_pull_from_another(two: Two, desk: Desk) -> None:
    north, south = two.cases["North"], two.cases["South"]
    desk.refresh(Cancellation())
    desk.claim(north)
    use(desk, "South")
    desk.leave("North")
    two.iris["North"].stop()
    fetching = desk.fetching
    with pytest.raises(LinkDown):
        fetching.want(two.studies["North"], Urgency.NEXT, case_uid=north).result(20)
    fetching.want(two.studies["South"], Urgency.REST, case_uid=south).result(20)
    assert desk.case(south).received == 2
    waiting = fetching.state.of(two.studies["North"])
    assert waiting is not None
    assert (waiting.stage, type(waiting.error)) == (Stage.WAITING, LinkDown)
    assert fetching.state.held_back is HeldBack.NOT


def test_each_conclusion_goes_to_its_own_server_and_the_other_is_not_held_up(two: Two, desk: Desk, signed: Any) -> None:
    for server in ("North", "South"):
        use(desk, server)
        desk.claim(two.cases[server])
        fetched(desk, two.cases[server])
        signed(desk, two.cases[server])
    desk.leave("North")
    two.iris["North"].stop()
    with pytest.raises(LinkDown):
        desk.deliver()
    told = {row.case_uid: (row.state, row.last_error) for row in desk.outbox()}
    assert told[two.cases["South"]] == ("delivered", "")
    state, error = told[two.cases["North"]]
    assert state == "queued"
    assert error.startswith("North: No connection to the server")
    assert state_at(two, "South", two.cases["South"]).state == "COMPLETED"

    two.iris["North"].start()
    two.settings = Settings(
        two.settings.data_dir,
        servers=tuple(
            ServerProfile(one.name, two.iris[one.name].url, user=one.user, aet=one.aet) for one in two.settings.servers
        ),
    )
    desk.hurry()
    assert desk.deliver() == 1
    (receipt,) = desk.receipts(two.cases["North"])
    assert receipt.server == "North"
    assert state_at(two, "North", two.cases["North"]).state == "COMPLETED"
    with IrisSession(two.settings.server_named("South"), two.iris["South"].password) as session:
        found = [entry.study_uid for entry in DicomWeb(session).search_studies({})]
    assert found == [two.studies["South"]]


def test_conclusions_of_one_delivery_part_by_their_servers(two: Two, desk: Desk, signed: Any) -> None:
    for server in ("North", "South"):
        use(desk, server)
        desk.claim(two.cases[server])
        fetched(desk, two.cases[server])
        signed(desk, two.cases[server])
    assert desk.deliver() == 2
    for server, case_uid in two.cases.items():
        assert [one.server for one in desk.receipts(case_uid)] == [server]
        with IrisSession(two.settings.server_named(server), two.iris[server].password) as session:
            assert [one.study_uid for one in DicomWeb(session).search_studies({})] == [two.studies[server]]


def test_what_waits_for_a_server_that_is_not_set_up_says_so_and_stays(two: Two, desk: Desk, signed: Any) -> None:
    use(desk, "North")
    desk.claim(two.cases["North"])
    fetched(desk, two.cases["North"])
    signed(desk, two.cases["North"])
    two.settings = Settings(two.settings.data_dir, servers=two.settings.servers[1:])
    desk.leave("North")

    def gone(server: str) -> Wire:
        from workstation.consultation.link import not_set_up

        raise not_set_up(server)

    desk._link._way = gone
    with pytest.raises(WorkstationError):
        desk.deliver()
    (row,) = desk.outbox()
    assert row.state == "queued"
    assert "The server North is not set up on this desk" in row.last_error


def test_cases_of_a_time_with_one_server_are_that_server_s(two: Two) -> None:
    with Archive.open(two.settings.data_dir, KEY) as archive:
        Desk(archive, two.connect, two.settings).refresh(Cancellation())
        with archive.database.transaction() as cursor:
            cursor.execute("UPDATE cases SET server = ''")
        desk = Desk(archive, two.connect, two.settings)
        assert shown(desk) == {two.cases["North"]: "North"}
