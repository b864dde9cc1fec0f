"""What the desk fetches meets a fault of the line and is whole in the end without anybody's hand."""

import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.conftest import (
    INSTANCE_LIST,
    SERIES_LIST,
    SINGLE,
    STREAM,
    Outcome,
    Place,
    assert_as_without_fault,
    assert_clear,
)
from tests.faults.test_pull_answers import LISTS, refusing
from tests.faulty_proxy import Alter, Cut, Drop, FaultyProxy, Say, Stall, http
from workstation.archive.archive import Archive
from workstation.archive.ledger import study_ledger
from workstation.consultation import link_wait
from workstation.consultation.desk import Desk
from workstation.consultation.wanted import Stage
from workstation.errors import WorkstationError
from workstation.iris.wire import Wire, connect
from workstation.jobs import Workers
from workstation.settings import Settings

Break = Callable[[FaultyProxy], None]

FAULTS: dict[str, Break] = {
    "cuts": lambda proxy: [proxy.set(Cut(2000), STREAM), proxy.set(Cut(60), SERIES_LIST)][0],
    "dropped answers": lambda proxy: proxy.set(Drop(), times=4),
    "a stall": lambda proxy: proxy.set(Stall(900), STREAM, times=2),
    "a busy server": lambda proxy: proxy.set(refusing("503 Service Unavailable"), times=3),
    "a server that wants time": lambda proxy: proxy.set(refusing("429 Too Many Requests", "Retry-After: 1\r\n")),
    "single objects refused for a while": lambda proxy: [
        proxy.set(Cut(9000), STREAM, times=3),
        proxy.set(refusing("502 Bad Gateway"), SINGLE, times=3),
    ][0],
    "half a list": lambda proxy: proxy.set(Alter(LISTS["half of the list"]), SERIES_LIST),
    "half a list of instances": lambda proxy: proxy.set(Alter(LISTS["half of the list"]), INSTANCE_LIST),
    "the page of a portal": lambda proxy: proxy.set(
        Say(http(b"<html>sign in to the wireless</html>", content_type="text/html")), times=2
    ),
    "a proxy that is down": lambda proxy: proxy.die(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wanted_comes_whole_after_a_fault(
    archive: Archive, tmp_path: Path, place: Place, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so that the test need not wait as long as a reader would not notice
    monkeypatch.setattr(link_wait, "_FIRST_S", 0.05)
    monkeypatch.setattr(link_wait, "_LONGEST_S", 0.3)
    place.stall_s = 0.4
    workers = Workers()

    def wire(_server: str = "") -> Wire:
        return connect(place.profile, place.password)

    desk = Desk(archive, wire, Settings(tmp_path, language="en", servers=(place.profile,)), workers)
    errors: list[WorkstationError] = []
    begun = time.monotonic()
    try:
        FAULTS[fault](place.proxy)
        future = desk.fetching.want(place.study_uid)
        with suppress(CancelledError):
            error = future.exception(timeout=20)
            if isinstance(error, WorkstationError):
                errors.append(error)
        if fault == "a proxy that is down":
            place.proxy.start()
        while time.monotonic() - begun < 20:
            pulled = desk.fetching.state.of(place.study_uid)
            if pulled is not None and pulled.stage in (Stage.DONE, Stage.FAILED):
                break
            time.sleep(0.02)
    finally:
        desk.fetching.close()
        workers.close()
    for told in errors:
        assert_clear(told)
    if fault == "a server that wants time":
        assert time.monotonic() - begun >= 1
    assert_as_without_fault(archive, tmp_path, place, Outcome(errors, study_ledger(archive.database, place.study_uid)))
