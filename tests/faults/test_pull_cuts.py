"""A pull over a line that is cut, reset, stalled or slowed at any byte ends where it would end on a good line."""

import random
import threading
import time
from pathlib import Path

import pytest

from tests.faults.conftest import (
    INSTANCE_LIST,
    KEY,
    SERIES_LIST,
    SINGLE,
    STREAM,
    Place,
    assert_as_without_fault,
    pull,
)
from tests.faulty_proxy import Cut, CutRequest, Drop, FaultyProxy, Slow, Stall
from workstation.archive.archive import Archive
from workstation.errors import LinkDown

# on each of two servers
_SEEDS = [10, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]


def _break_at_random(proxy: FaultyProxy, chance: random.Random, size: int) -> None:
    """One to four breaks anywhere in the exchanges of the pull, small and large offsets alike likely."""
    for _break in range(chance.randint(1, 4)):
        after = int(size ** chance.random()) if chance.random() < 0.5 else chance.randrange(size)
        fault = chance.choice([Cut(after), Cut(after), Cut(after, reset=True), CutRequest(after % 400), Drop()])
        pattern = chance.choice([STREAM, STREAM, STREAM, SINGLE, SERIES_LIST, INSTANCE_LIST, ""])
        proxy.set(fault, pattern, times=chance.randint(1, 2))


@pytest.mark.parametrize("seeds", _SEEDS, ids=["few", "many"])
def test_a_pull_cut_at_random_bytes_ends_with_the_same_bytes(tmp_path: Path, place: Place, seeds: int) -> None:
    size = sum(map(len, place.objects.values()))
    broken = 0
    first = 0 if place.path == "/dicom-web" else 1000
    for seed in range(first, first + seeds):
        place.proxy.clear()
        _break_at_random(place.proxy, random.Random(seed), size)
        folder = tmp_path / str(seed)
        with Archive.open(folder, KEY) as archive:
            outcome = pull(archive, place, tries=12)
            assert_as_without_fault(archive, folder, place, outcome)
        broken += bool(place.proxy.hit)
        assert all(isinstance(error, LinkDown) for error in outcome.errors), (seed, outcome.errors)
    # the breaks were worth it
    assert broken > seeds * 0.8


@pytest.mark.parametrize("after", [0, 40, 300, 20_000])
def test_a_stalled_stream_is_given_up_and_finished(archive: Archive, tmp_path: Path, place: Place, after: int) -> None:
    place.stall_s = 0.3
    place.proxy.set(Stall(after), STREAM)
    begun = time.monotonic()
    outcome = pull(archive, place)
    assert place.proxy.hit
    assert time.monotonic() - begun < 5
    assert_as_without_fault(archive, tmp_path, place, outcome)


def test_a_slow_line_is_no_stall(archive: Archive, tmp_path: Path, place: Place) -> None:
    place.stall_s = 0.3
    place.proxy.set(Slow(64_000), "", times=None)
    begun = time.monotonic()
    outcome = pull(archive, place)
    # some 60 kB of objects: longer than the stall guard, which judges the silence and not the whole
    assert time.monotonic() - begun > 0.6
    assert outcome.errors == []
    assert_as_without_fault(archive, tmp_path, place, outcome)


def test_a_line_that_is_down_says_so_and_leaves_the_archive_as_it_was(
    archive: Archive, tmp_path: Path, place: Place
) -> None:
    place.proxy.die()
    outcome = pull(archive, place, tries=2)
    place.proxy.start()
    assert [type(error) for error in outcome.errors] == [LinkDown, LinkDown]
    assert (outcome.ledger.listed_at, outcome.ledger.series) == ("", ())
    assert_as_without_fault(archive, tmp_path, place, pull(archive, place))


def test_a_proxy_that_dies_in_the_middle_and_comes_back(archive: Archive, tmp_path: Path, place: Place) -> None:
    place.proxy.set(Stall(3000), STREAM)
    proxy = place.proxy
    killer = threading.Timer(0.2, proxy.die)
    killer.start()
    first = pull(archive, place, tries=1)
    killer.join()
    proxy.start()
    assert [type(error) for error in first.errors] == [LinkDown]
    assert 0 < first.ledger.expected == len(place.objects)
    assert_as_without_fault(archive, tmp_path, place, pull(archive, place))


def test_kept_connections_that_were_closed_meanwhile_are_no_trouble(
    archive: Archive, tmp_path: Path, place: Place
) -> None:
    place.proxy.tells_close = False
    outcome = pull(archive, place)
    assert outcome.errors == []
    assert_as_without_fault(archive, tmp_path, place, outcome)
