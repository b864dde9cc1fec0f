"""A pull from a server that refuses, or answers in a broken form: the rest arrives, and what lacks is told truly."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import (
    INSIDE,
    INSTANCE_LIST,
    SERIES_LIST,
    SINGLE,
    STREAM,
    Place,
    assert_as_without_fault,
    assert_clear,
    assert_whole_archive,
    held_hashes,
    pull,
)
from tests.faulty_proxy import Alter, Fault, Head, Say, http
from workstation.archive import ledger
from workstation.archive.archive import Archive
from workstation.archive.retrieval import Retrieval
from workstation.errors import MalformedAnswer, ServerRefused, SignInNeeded, WorkstationError
from workstation.iris.dicomweb import DicomWeb


def refusing(status: str, extra: str = "") -> Fault:
    return Say(http(b"<html>no</html>", status, "text/html", extra))


BUSY = (
    "408 Request Timeout",
    "429 Too Many Requests",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Timeout",
)


@pytest.mark.parametrize("asked", [SERIES_LIST, INSTANCE_LIST, STREAM], ids=["series list", "list", "stream"])
@pytest.mark.parametrize("status", BUSY)
def test_a_busy_server_is_asked_again(
    archive: Archive, tmp_path: Path, orthanc_place: Place, status: str, asked: str
) -> None:
    orthanc_place.proxy.clear()
    orthanc_place.proxy.set(refusing(status, "Retry-After: 7\r\n"), asked, times=2)
    outcome = pull(archive, orthanc_place)
    assert orthanc_place.proxy.hit
    assert all(isinstance(error, ServerRefused) for error in outcome.errors)
    assert [error.retry_after for error in outcome.errors if isinstance(error, ServerRefused)] == [
        7.0 for _error in outcome.errors
    ]
    assert_as_without_fault(archive, tmp_path, orthanc_place, outcome)


@pytest.mark.parametrize("status", ["409 Conflict", "413 Content Too Large", "400 Bad Request", "406 Not Acceptable"])
def test_a_stream_that_is_refused_for_good_comes_singly(
    archive: Archive, tmp_path: Path, place: Place, status: str
) -> None:
    place.proxy.set(refusing(status), STREAM, times=None)
    outcome = pull(archive, place)
    assert outcome.errors == []
    assert_as_without_fault(archive, tmp_path, place, outcome)


def test_a_list_that_is_refused_is_told_with_its_status(archive: Archive, place: Place) -> None:
    place.proxy.set(refusing("403 Forbidden"), SERIES_LIST, times=None)
    outcome = pull(archive, place)
    (error,) = outcome.errors
    assert isinstance(error, SignInNeeded)
    assert "403" in str(error)
    assert "127.0.0.1" in str(error)
    assert (held_hashes(archive), outcome.ledger.listed_at) == ({}, "")


@pytest.mark.parametrize("asked", [SERIES_LIST, INSTANCE_LIST, STREAM], ids=["series list", "list", "stream"])
def test_a_sign_in_lost_in_the_middle_is_asked_for_and_nothing_is_lost(
    archive: Archive, tmp_path: Path, place: Place, asked: str
) -> None:
    # the first stream goes through, then the session is over
    passed = iter([True] * (0 if asked == SERIES_LIST else 1))
    refused = http(b"", "401 Unauthorized", extra='WWW-Authenticate: Basic realm="x"\r\n')

    def answer(head: Head, body: bytes) -> bytes:
        if next(passed, False):
            return again(head, body)
        # series come at once: the one that goes through is to be whole before another is refused
        time.sleep(0.2)
        return refused

    place.proxy.set(Alter(answer), asked, times=None)
    first = pull(archive, place)
    assert [type(error) for error in first.errors] == [SignInNeeded]
    before = held_hashes(archive)
    assert (asked == SERIES_LIST) == (before == {})
    assert before.items() <= place.hashes.items()
    assert first.ledger.received == len(before)
    place.proxy.clear()
    # signed in anew: only what lacks is asked for
    outcome = pull(archive, place)
    asked_again = {line.split()[1].rpartition("/")[2] for line in place.proxy.asked if re.match(SINGLE, line)}
    assert not asked_again & set(before)
    assert_as_without_fault(archive, tmp_path, place, outcome)


def test_a_wrong_password_is_told_at_once_and_asked_once(archive: Archive, place: Place) -> None:
    place.password, right = "wrong", place.password
    outcome = pull(archive, place)
    place.password = right
    assert [type(error) for error in outcome.errors] == [SignInNeeded]
    assert len(place.proxy.asked) == 1


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_an_instance_that_is_gone_is_a_gap_and_hurts_no_other(
    archive: Archive, tmp_path: Path, place: Place, status: str
) -> None:
    lost = list(place.objects)[4]
    place.proxy.set(refusing(status), rf"/instances/{re.escape(lost)} ", times=None)
    place.proxy.set(Alter(without_part(place, lost)), STREAM, times=None)
    outcome = pull(archive, place)
    assert outcome.errors == []
    (gap,) = outcome.ledger.gaps
    assert (gap.sop_uid, gap.reason) == (lost, "the server no longer has it")
    count = len(place.objects)
    assert (outcome.ledger.expected, outcome.ledger.received, outcome.ledger.complete) == (count, count - 1, False)
    assert held_hashes(archive) == {uid: digest for uid, digest in place.hashes.items() if uid != lost}
    assert_whole_archive(archive, tmp_path)
    place.proxy.clear()
    assert_as_without_fault(archive, tmp_path, place, pull(archive, place))


def again(head: Head, body: bytes, content_type: str | None = None) -> bytes:
    """The answer as it was, with another Content-Type when one is named; "" for none."""
    kept = head.value("Content-Type") if content_type is None else content_type
    answer = http(body, head.line.partition(" ")[2], kept)
    return answer if kept else answer.replace(b"Content-Type: \r\n", b"", 1)


def boundary(head: Head) -> bytes:
    found = re.search(r'boundary="?([^";]+)"?', head.value("Content-Type"))
    assert found is not None, head
    return found[1].encode()


def parts(head: Head, body: bytes) -> list[bytes]:
    """The parts of a multipart body, with their heads; by splitting, which a test may do with bodies it knows."""
    between = b"--" + boundary(head)
    pieces = body.split(between)
    assert pieces[-1].startswith(b"--")
    return [piece.removeprefix(b"\r\n").removesuffix(b"\r\n") for piece in pieces[1:-1]]


def joined(head: Head, wanted: list[bytes], closing: bytes = b"--\r\n") -> bytes:
    between = b"--" + boundary(head)
    return b"".join(between + b"\r\n" + part + b"\r\n" for part in wanted) + between + closing


def without_part(place: Place, sop_uid: str) -> Callable[[Head, bytes], bytes]:
    """Changes a multipart answer: without the object of this UID."""
    unwanted = place.objects[sop_uid]
    return lambda head, body: again(head, joined(head, [one for one in parts(head, body) if unwanted not in one]))


BROKEN = {
    "a wrong content type": lambda head, body: again(head, body, "text/plain"),
    "no content type": lambda head, body: again(head, body, ""),
    "JSON instead of objects": lambda head, body: http(b"[]"),
    "no boundary named": lambda head, body: again(head, body, 'multipart/related; type="application/dicom"'),
    "another boundary named": lambda head, body: again(head, body, "multipart/related; boundary=other"),
    "no boundary at all": lambda head, body: again(head, body.replace(boundary(head), b"x" * len(boundary(head)))),
    "no closing boundary": lambda head, body: again(head, joined(head, parts(head, body), b"")),
    "the last part truncated": lambda head, body: again(head, body[: len(body) - 500]),
    "parts that claim too much": lambda head, body: again(head, lengths(body, 100)),
    "parts that claim too little": lambda head, body: again(head, lengths(body, -100)),
    "parts without a head": lambda head, body: again(
        head, joined(head, [b"\r\n" + part.partition(b"\r\n\r\n")[2] for part in parts(head, body)])
    ),
    "each part twice": lambda head, body: again(head, joined(head, [p for p in parts(head, body) for _n in "ab"])),
    "an empty part": lambda head, body: again(
        head, joined(head, [*parts(head, body), b"Content-Type: application/dicom\r\n\r\n"])
    ),
    "rubbish before and behind": lambda head, body: again(head, b"proxy notice\r\n" + body + b"\r\nlast words"),
    "an empty 200": lambda head, body: again(head, b""),
    "an empty 204": lambda head, body: http(b"", "204 No Content", ""),
    "a page of a portal": lambda head, body: http(b"<html>sign in to the wireless</html>", content_type="text/html"),
}


def lengths(body: bytes, wrong_by: int) -> bytes:
    """The body with a Content-Length in each part that is wrong."""
    return re.sub(
        rb"(?i)content-length: *(\d+)", lambda found: b"Content-Length: %d" % (int(found[1]) + wrong_by), body
    )


@pytest.mark.parametrize("broken", BROKEN)
def test_a_stream_in_a_broken_form_ends_with_the_same_objects(
    archive: Archive, tmp_path: Path, place: Place, broken: str
) -> None:
    place.proxy.set(Alter(BROKEN[broken]), STREAM, times=None)
    outcome = pull(archive, place)
    assert len(place.proxy.hit) >= 3
    assert all(isinstance(error, MalformedAnswer) for error in outcome.errors), outcome.errors
    assert_as_without_fault(archive, tmp_path, place, outcome)


LISTS = {
    "an empty body": lambda head, body: again(head, b""),
    "an empty 204": lambda head, body: http(b"", "204 No Content", ""),
    "half of the list": lambda head, body: again(head, body[: len(body) // 2]),
    "no JSON": lambda head, body: http(b"<html>sign in</html>", content_type="text/html"),
    "JSON of another kind": lambda head, body: http(b'["a", 7]'),
}


@pytest.mark.parametrize("asked", [SERIES_LIST, INSTANCE_LIST], ids=["series", "instances"])
@pytest.mark.parametrize("broken", LISTS)
def test_a_list_in_a_broken_form_is_never_taken_for_the_whole(
    archive: Archive, tmp_path: Path, place: Place, broken: str, asked: str
) -> None:
    place.proxy.set(Alter(LISTS[broken]), asked, times=None)
    state = pull(archive, place).ledger
    assert place.proxy.hit
    # complete only with everything here: what the server counted, when it doesn't list
    assert not state.complete or held_hashes(archive) == place.hashes
    assert state.received == len(held_hashes(archive))
    assert_whole_archive(archive, tmp_path)
    place.proxy.clear()
    assert_as_without_fault(archive, tmp_path, place, pull(archive, place))


def test_a_boundary_inside_the_data_ends_no_part(archive: Archive, tmp_path: Path, place: Place) -> None:
    assert sum(INSIDE in data for data in place.objects.values()) == 1

    def renamed(head: Head, body: bytes) -> bytes:
        whole = [part.partition(b"\r\n\r\n")[2] for part in parts(head, body)]
        between = b"\r\n--inside\r\nContent-Length: %d\r\n\r\n%s"
        made = b"".join(between % (len(part), part) for part in whole) + b"\r\n--inside--\r\n"
        return again(head, made, 'multipart/related; type="application/dicom"; boundary=inside')

    place.proxy.set(Alter(renamed), STREAM, times=None)
    outcome = pull(archive, place)
    # by the lengths that the parts tell, nothing lacks after the stream
    assert not any(re.match(SINGLE, line) for line in place.proxy.asked)
    assert_as_without_fault(archive, tmp_path, place, outcome)


def test_a_boundary_inside_data_of_no_told_length_costs_a_request_and_no_object(
    archive: Archive, tmp_path: Path, place: Place
) -> None:
    def renamed(head: Head, body: bytes) -> bytes:
        whole = [part.partition(b"\r\n\r\n")[2] for part in parts(head, body)]
        made = b"".join(b"\r\n--inside\r\n\r\n" + part for part in whole) + b"\r\n--inside--\r\n"
        return again(head, made, 'multipart/related; type="application/dicom"; boundary=inside')

    place.proxy.set(Alter(renamed), STREAM, times=None)
    outcome = pull(archive, place)
    assert any(re.match(SINGLE, line) for line in place.proxy.asked)
    assert_as_without_fault(archive, tmp_path, place, outcome)


def test_single_objects_that_are_refused_stop_the_pull_before_every_one_is_asked_for(
    archive: Archive, tmp_path: Path, place: Place
) -> None:
    place.proxy.set(refusing("503 Service Unavailable"), STREAM, times=None)
    place.proxy.set(refusing("503 Service Unavailable"), SINGLE, times=None)
    with place.session() as session, pytest.raises(WorkstationError) as caught:
        Retrieval(archive, DicomWeb(session)).pull_study(place.study_uid)
    assert_clear(caught.value)
    assert "503" in str(caught.value)
    assert sum(bool(re.match(SINGLE, line)) for line in place.proxy.asked) <= 9
    state = ledger.study_ledger(archive.database, place.study_uid)
    assert (state.expected, state.received, state.complete) == (len(place.objects), 0, False)
    place.proxy.clear()
    assert_as_without_fault(archive, tmp_path, place, pull(archive, place))
