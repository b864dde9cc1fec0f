"""Pulling a study: expected is stored first, everything that can be had arrives, the rest is told with its reason."""

import threading
import time
from collections.abc import Iterator
from types import ModuleType

import pytest

from workstation.archive import ledger
from workstation.archive.archive import Archive
from workstation.archive.ledger import study_ledger
from workstation.archive.retrieval import Retrieval
from workstation.errors import Cancelled, LinkDown, ServerRefused, SignInNeeded
from workstation.jobs import Cancellation, Progress


def uid(fake: ModuleType, number: int, series: int = 1) -> str:
    return f"{fake.STUDY}.{series}.{number}"


def assert_all_here(archive: Archive, iris: object, fake: ModuleType) -> None:
    assert isinstance(iris, fake.FakeIris)
    for sop_uid, data in iris.all.items():
        assert archive.get(sop_uid) == data


def test_a_study_arrives_whole_by_one_stream_a_series(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=5, series=3)
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert_all_here(archive, iris, fake)
    assert (result.expected, result.received, result.gaps, result.complete) == (15, 15, (), True)
    assert iris.requests["stream"] == 3
    assert iris.singles == []


def test_a_few_series_come_at_once_the_lower_numbers_first(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=2, series=7)
    stream = iris.retrieve_series
    running: set[str] = set()
    most, started = [0], []
    lock = threading.Lock()

    def watch(study: str, series: str, cancellation: Cancellation) -> Iterator[bytes]:
        with lock:
            running.add(series)
            started.append(int(series.rpartition(".")[2]))
            most.append(len(running))
        time.sleep(0.05)
        yield from stream(study, series, cancellation)
        with lock:
            running.discard(series)

    iris.retrieve_series = watch
    assert Retrieval(archive, iris).pull_study(fake.STUDY).complete
    assert 2 <= max(most) <= 4
    assert all(number - place <= max(most) for place, number in enumerate(started, 1))


def test_an_error_in_one_series_ends_the_others(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=500, series=2, rows=16)
    iris.pause_s = 0.01
    stream = iris.retrieve_series

    def watch(study: str, series: str, cancellation: Cancellation) -> Iterator[bytes]:
        if series.endswith(".2"):
            raise SignInNeeded("sign in")
        return iter(stream(study, series, cancellation))

    iris.retrieve_series = watch
    began = time.monotonic()
    with pytest.raises(SignInNeeded):
        Retrieval(archive, iris).pull_study(fake.STUDY)
    assert time.monotonic() - began < 4
    assert len(archive.instances()) < 400


def test_when_most_lacks_after_a_cut_another_stream_brings_it(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=60)
    iris.cut_after["1"] = 5
    stream = iris.retrieve_series

    def once(*arguments: object) -> Iterator[bytes]:
        yield from stream(*arguments)

    def cut_once(*arguments: object) -> Iterator[bytes]:
        iris.retrieve_series = mended
        return once(*arguments)

    def mended(*arguments: object) -> Iterator[bytes]:
        iris.cut_after.clear()
        return once(*arguments)

    iris.retrieve_series = cut_once
    assert Retrieval(archive, iris).pull_study(fake.STUDY).complete
    assert iris.singles == []
    assert iris.requests["stream"] == 2
    assert_all_here(archive, iris, fake)


def test_a_stream_that_always_ends_at_one_place_is_not_asked_for_again_and_again(
    archive: Archive, fake: ModuleType
) -> None:
    iris = fake.FakeIris(count=60)
    iris.cut_after["1"] = 5
    assert Retrieval(archive, iris).pull_study(fake.STUDY).complete
    assert iris.requests["stream"] == 2
    assert len(iris.singles) == 55


def test_what_is_here_is_not_transferred_again_where_that_would_take_longer(archive: Archive, fake: ModuleType) -> None:
    # 30 of 60 objects of half a megabyte are here: at 1 MB/s 15 s again, against 0.4 s for 30 requests
    iris = fake.FakeIris(count=60, rows=512)
    archive.store([iris.all[uid(fake, n)] for n in range(1, 31)])
    assert Retrieval(archive, iris).pull_study(fake.STUDY).complete
    assert iris.requests["stream"] == 0
    assert sorted(iris.singles) == sorted(uid(fake, n) for n in range(31, 61))


def test_expected_is_durable_before_the_first_object_is_asked_for(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=5, series=2)
    iris.announced["2"] = None
    seen = []
    stream = iris.retrieve_series

    def watch(*arguments: object) -> object:
        seen.append(study_ledger(archive.database, fake.STUDY))
        return stream(*arguments)

    iris.retrieve_series = watch
    Retrieval(archive, iris).pull_study(fake.STUDY)
    assert seen[0].expected == 10
    assert seen[0].received == 0
    assert not seen[0].complete
    assert [gap.number for gap in seen[0].series[1].gaps] == [1, 2, 3, 4, 5]


def test_a_second_pull_asks_for_no_object(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=5, series=2)
    Retrieval(archive, iris).pull_study(fake.STUDY)
    iris.requests.clear()
    assert Retrieval(archive, iris).pull_study(fake.STUDY).complete
    assert iris.requests == {"series": 1}


@pytest.mark.parametrize("fault", ["cut_after", "broken"])
def test_a_stream_that_breaks_is_finished_by_single_requests(archive: Archive, fake: ModuleType, fault: str) -> None:
    iris = fake.FakeIris(count=8)
    getattr(iris, fault)["1"] = 5
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert result.complete
    assert iris.singles == [uid(fake, n) for n in (6, 7, 8)]
    assert_all_here(archive, iris, fake)


def test_a_link_that_stays_down_is_told_and_what_arrived_is_kept(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=8)
    iris.cut_after["1"] = 5
    down = iris.retrieve_instance

    def no_link(*arguments: object) -> bytes:
        raise LinkDown("down")

    iris.retrieve_instance = no_link
    with pytest.raises(LinkDown):
        Retrieval(archive, iris).pull_study(fake.STUDY)
    assert study_ledger(archive.database, fake.STUDY).received == 5
    iris.retrieve_instance = down
    iris.requests.clear()
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert result.complete
    assert iris.requests["stream"] == 0
    assert iris.singles == [uid(fake, n) for n in (6, 7, 8)]


def test_a_server_that_is_down_leaves_the_ledger_as_it_was(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris()
    Retrieval(archive, iris).pull_study(fake.STUDY)
    before = study_ledger(archive.database, fake.STUDY)
    iris.down = True
    with pytest.raises(LinkDown):
        Retrieval(archive, iris).pull_study(fake.STUDY)
    assert study_ledger(archive.database, fake.STUDY) == before


def test_what_the_stream_left_out_is_fetched_singly(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=6)
    iris.not_in_stream = {uid(fake, 2), uid(fake, 5)}
    assert Retrieval(archive, iris).pull_study(fake.STUDY).complete
    assert sorted(iris.singles) == [uid(fake, 2), uid(fake, 5)]


def test_what_can_not_be_had_is_a_gap_with_its_reason(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=6)
    iris.absent = {uid(fake, 3)}
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    (gap,) = result.gaps
    assert (gap.sop_uid, gap.number, gap.reason) == (uid(fake, 3), 3, "the server no longer has it")
    assert (result.expected, result.received, result.complete) == (6, 5, False)
    with archive.database.read() as cursor:
        assert ledger.counts(cursor, fake.STUDY) == (6, 5)


def test_a_gap_closes_when_the_object_comes_at_last(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=6)
    iris.absent = {uid(fake, 3)}
    Retrieval(archive, iris).pull_study(fake.STUDY)
    iris.absent = set()
    assert Retrieval(archive, iris).pull_study(fake.STUDY).complete


def test_an_unreadable_object_is_a_gap_and_hurts_no_other(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=6)
    iris.replaced = {uid(fake, 2): b"rubbish" * 100}
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    (gap,) = result.gaps
    assert gap.number == 2
    assert "can't be read" in gap.reason
    assert result.received == 5


def test_an_object_of_another_uid_is_not_taken_for_the_one_asked(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=3)
    iris.replaced = {uid(fake, 2): fake.part10(77)}
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert [(gap.number, gap.reason) for gap in result.gaps] == [(2, "the server sent another object in its place")]
    assert result.received == 2
    assert result.unlisted == 1


def test_objects_sent_twice_are_stored_once(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=4)
    iris.twice = True
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert (result.received, result.collisions, result.complete) == (4, (), True)
    assert len(archive.instances()) == 4


def test_other_bytes_under_a_held_uid_are_reported(archive: Archive, fake: ModuleType) -> None:
    archive.put(fake.part10(1, seed=9))
    archive.store([fake.part10(1)])
    result = Retrieval(archive, fake.FakeIris(count=2)).pull_study(fake.STUDY)
    assert result.collisions == (uid(fake, 1),)


def test_a_count_higher_than_the_list_leaves_the_series_incomplete(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=4)
    iris.announced["1"] = 6
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert (result.expected, result.received, result.complete, result.gaps) == (6, 4, False, ())
    iris.requests.clear()
    Retrieval(archive, iris).pull_study(fake.STUDY)
    assert iris.requests["stream"] == 0


def test_what_was_counted_and_not_listed_counts_when_it_arrives(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=4)
    iris.unlisted = {uid(fake, n) for n in range(1, 5)}
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert (result.expected, result.received, result.complete) == (4, 4, True)
    with archive.database.read() as cursor:
        assert ledger.counts(cursor, fake.STUDY) == (4, 4)


def test_a_stream_that_breaks_on_a_series_without_a_list_is_told(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=4)
    iris.unlisted = {uid(fake, n) for n in range(1, 5)}
    iris.cut_after["1"] = 2
    with pytest.raises(LinkDown):
        Retrieval(archive, iris).pull_study(fake.STUDY)
    assert not study_ledger(archive.database, fake.STUDY).complete


def test_a_series_without_a_count_is_expected_by_its_list(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=4, series=2)
    iris.announced["2"] = None
    iris.cut_after["1"] = 0
    iris.absent = {uid(fake, n) for n in range(1, 5)}
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert (result.expected, result.received) == (8, 4)


def test_a_study_that_grew_is_pulled_on(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=3)
    Retrieval(archive, iris).pull_study(fake.STUDY)
    iris.objects["1"][uid(fake, 4)] = fake.part10(4)
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert (result.expected, result.complete) == (4, True)
    assert iris.singles == [uid(fake, 4)]


def test_what_was_listed_once_stays_expected(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=3)
    iris.cut_after["1"] = 0
    iris.absent = {uid(fake, 2)}
    Retrieval(archive, iris).pull_study(fake.STUDY)
    del iris.objects["1"][uid(fake, 2)]
    result = Retrieval(archive, iris).pull_study(fake.STUDY)
    assert (result.expected, result.received) == (3, 2)


def test_a_server_that_refuses_everything_is_not_asked_for_each_instance(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=50)
    asked = []

    def overloaded(*arguments: object) -> bytes:
        asked.append(arguments)
        raise ServerRefused("busy", status=503)

    iris.cut_after["1"] = 0
    iris.retrieve_instance = overloaded
    with pytest.raises(ServerRefused):
        Retrieval(archive, iris).pull_study(fake.STUDY)
    assert len(asked) < 5


def test_a_lost_sign_in_stops_the_pull_at_once(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris()

    def signed_out(*arguments: object) -> object:
        raise SignInNeeded("sign in")

    iris.retrieve_series = signed_out
    with pytest.raises(SignInNeeded):
        Retrieval(archive, iris).pull_study(fake.STUDY)
    assert iris.singles == []


def test_a_cancelled_pull_keeps_what_arrived_and_goes_on_later(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=15)
    cancellation = Cancellation()

    def stop(progress: Progress) -> None:
        if progress.done >= 3:
            cancellation.cancel()

    iris.pause_s = 0.02
    with pytest.raises(Cancelled):
        Retrieval(archive, iris).pull_study(fake.STUDY, stop, cancellation)
    received = study_ledger(archive.database, fake.STUDY).received
    assert 3 <= received < 15
    iris.pause_s = 0
    Retrieval(archive, iris).pull_study(fake.STUDY)
    assert len(iris.singles) == 15 - received
    assert_all_here(archive, iris, fake)


def test_progress_only_grows_and_ends_at_the_total(archive: Archive, fake: ModuleType) -> None:
    told: list[Progress] = []
    Retrieval(archive, fake.FakeIris(count=6, series=2)).pull_study(fake.STUDY, told.append)
    done = [progress.done for progress in told]
    assert done == sorted(done)
    assert (told[0].done, told[0].total) == (0, 12)
    assert (told[-1].done, told[-1].total) == (12, 12)
    assert told[-1].text.startswith("12 of 12 images, ")


def test_documents_come_before_pictures_and_alone_when_only_they_are_wanted(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=2, series=3, modality={"3": "SR"})
    result = Retrieval(archive, iris).pull_documents(fake.STUDY)
    assert (result.expected, result.received, result.complete) == (6, 2, False)
    assert {i.series_uid for i in archive.instances()} == {f"{fake.STUDY}.3"}
    order = []
    stream = iris.retrieve_series

    def watch(study: str, series: str, cancellation: Cancellation) -> object:
        order.append(series.rpartition(".")[2])
        return stream(study, series, cancellation)

    iris.retrieve_series = watch
    assert Retrieval(archive, iris).pull_study(fake.STUDY).complete
    assert sorted(order) == ["1", "2"]


def test_progress_tells_bytes_and_the_time_still_needed(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=30)
    iris.pause_s = 0.08
    told: list[Progress] = []
    Retrieval(archive, iris).pull_study(fake.STUDY, told.append)
    size = sum(map(len, iris.all.values()))
    assert told[-1].size == size
    (some,) = [progress for progress in told if progress.done == 20][:1]
    assert some.rate == pytest.approx(size / 30 / 0.08, rel=0.5)
    assert some.remaining_s == pytest.approx(10 * 0.08, rel=0.6)
    assert some.text.endswith(" s left")


def test_a_study_of_which_the_server_lists_nothing_is_not_complete(archive: Archive, fake: ModuleType) -> None:
    result = Retrieval(archive, fake.FakeIris(series=0)).pull_study(fake.STUDY)
    assert (result.expected, result.complete) == (0, False)
    assert result.listed_at


def test_a_study_never_asked_for_has_an_empty_ledger(archive: Archive) -> None:
    result = study_ledger(archive.database, "1.2.3")
    assert (result.listed_at, result.expected, result.complete) == ("", 0, False)
    with archive.database.read() as cursor:
        assert ledger.counts(cursor, "1.2.3") == (0, 0)


def test_an_object_that_a_cut_swallowed_is_asked_for_once_more(archive: Archive, fake: ModuleType) -> None:
    iris = fake.FakeIris(count=6)
    iris.not_in_stream = {uid(fake, 2), uid(fake, 5)}
    ask, cut = iris.retrieve_instance, []

    def once_cut(*arguments: object) -> bytes:
        if not cut:
            cut.append(arguments)
            raise LinkDown("cut")
        return bytes(ask(*arguments))

    iris.retrieve_instance = once_cut
    assert Retrieval(archive, iris).pull_study(fake.STUDY).complete


def test_an_object_that_is_cut_again_and_again_is_told_as_a_fault_of_the_link(
    archive: Archive, fake: ModuleType
) -> None:
    iris = fake.FakeIris(count=6)
    iris.not_in_stream = {uid(fake, 2), uid(fake, 5)}
    ask = iris.retrieve_instance

    def cut(study: str, series: str, sop_uid: str, *more: object) -> bytes:
        if sop_uid == uid(fake, 2):
            raise LinkDown("cut")
        return bytes(ask(study, series, sop_uid, *more))

    iris.retrieve_instance = cut
    with pytest.raises(LinkDown):
        Retrieval(archive, iris).pull_study(fake.STUDY)
    (gap,) = study_ledger(archive.database, fake.STUDY).gaps
    assert (gap.number, gap.reason) == (2, "the link broke down")
