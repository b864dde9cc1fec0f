"""A pull from a server that answers well-formed and untrue: what is held is the server's, and the ledger is true."""

import datetime
import email.utils
import hashlib
import io
import json
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests import tiny_instances
from tests.faults.conftest import (
    INSTANCE_LIST,
    OF_THE_PATIENT,
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
from tests.faults.test_pull_answers import again, joined, parts
from tests.faulty_proxy import Alter, Head, Say, http
from tests.tls_server import Serve, listening, new_authority
from workstation.archive.archive import Archive
from workstation.archive.retrieval import Retrieval
from workstation.errors import LinkDown, ServerRefused, WorkstationError
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession

Change = Callable[[Head, bytes], bytes]


def counted(change: Callable[[int], int | None]) -> Change:
    """Changes NumberOfSeriesRelatedInstances in a list of series."""

    def changed(head: Head, body: bytes) -> bytes:
        found = json.loads(body)
        for series in found:
            count = change(series["00201209"]["Value"][0])
            series["00201209"] = {"vr": "IS", "Value": [count]} if count is not None else {"vr": "IS"}
        return again(head, json.dumps(found).encode())

    return changed


@pytest.mark.parametrize(
    "change", [lambda n: 1, lambda n: 0, lambda n: -3, lambda n: None], ids=["1", "0", "-3", "none"]
)
def test_a_count_that_is_too_low_or_absent_costs_nothing(
    archive: Archive, tmp_path: Path, place: Place, change: Callable[[int], int | None]
) -> None:
    place.proxy.set(Alter(counted(change)), SERIES_LIST, times=None)
    outcome = pull(archive, place)
    assert outcome.errors == []
    assert_as_without_fault(archive, tmp_path, place, outcome)


def test_a_count_that_is_too_high_leaves_the_study_incomplete_for_good(
    archive: Archive, tmp_path: Path, place: Place
) -> None:
    place.proxy.set(Alter(counted(lambda n: n + 4)), SERIES_LIST, times=None)
    state = pull(archive, place).ledger
    count = len(place.objects)
    assert (state.expected, state.received, state.complete, state.gaps) == (count + 12, count, False, ())
    assert held_hashes(archive) == place.hashes
    assert_whole_archive(archive, tmp_path)
    # what was announced once stays expected: the doubt is not forgotten
    place.proxy.clear()
    assert not pull(archive, place).ledger.complete


def capped(size: int) -> Change:
    def changed(head: Head, body: bytes) -> bytes:
        return again(head, json.dumps(json.loads(body)[:size]).encode())

    return changed


@pytest.fixture(scope="module")
def long_series() -> list[bytes]:
    """More slices than a server gives in a page."""
    return tiny_instances.ct_series(230, side=4)


def first_page_only() -> Change:
    """A server that takes no notice of `offset`: the same rows again and again."""
    first: list[bytes] = []

    def changed(head: Head, body: bytes) -> bytes:
        first.append(capped(100)(head, body))
        return first[0]

    return changed


def test_lists_capped_at_100_rows_hide_nothing(
    archive: Archive, tmp_path: Path, place: Place, long_series: list[bytes]
) -> None:
    whole = _with_study(place, long_series)
    place.proxy.set(Alter(capped(100)), INSTANCE_LIST, times=None)
    outcome = pull(archive, whole)
    assert sum(bool(re.match(INSTANCE_LIST, line)) for line in place.proxy.asked) >= 3
    assert_as_without_fault(archive, tmp_path, whole, outcome)


def test_a_list_that_never_goes_past_its_first_100_rows_hides_nothing(
    archive: Archive, tmp_path: Path, place: Place, long_series: list[bytes]
) -> None:
    whole = _with_study(place, long_series)
    place.proxy.set(Alter(first_page_only()), INSTANCE_LIST, times=None)
    state = pull(archive, whole).ledger
    # the stream brings all that the count promised; 130 of them on no list
    assert (state.expected, state.received, state.complete, state.unlisted) == (230, 230, True, 130)
    assert held_hashes(archive) == whole.hashes
    assert_whole_archive(archive, tmp_path)


def test_what_is_neither_listed_nor_sent_is_missed_until_it_comes(
    archive: Archive, tmp_path: Path, place: Place, long_series: list[bytes]
) -> None:
    whole = _with_study(place, long_series)
    place.proxy.set(Alter(first_page_only()), INSTANCE_LIST, times=None)
    place.proxy.set(Alter(lambda head, body: again(head, joined(head, parts(head, body)[:40]))), STREAM, times=None)
    state = pull(archive, whole).ledger
    assert (state.expected, state.received, state.complete) == (230, len(held_hashes(archive)), False)
    assert 100 <= state.received < 230
    place.proxy.clear()
    assert_as_without_fault(archive, tmp_path, whole, pull(archive, whole))


def _with_study(place: Place, objects: list[bytes]) -> Place:
    """The place with another study, stored by the server once."""
    study_uid = str(_header(objects[0]).StudyInstanceUID)
    place.stall_s = 20
    with place.session() as session:
        web = DicomWeb(session)
        if not any(True for _series in web.search_series(study_uid)):
            web.store(study_uid, objects)
    place.proxy.clear()
    place.stall_s = 3
    by_uid = {str(_header(data).SOPInstanceUID): data for data in objects}
    return replace(place, study_uid=study_uid, objects=by_uid)


def _header(data: bytes) -> Any:
    return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)


def other_pixels(data: bytes) -> bytes:
    return data[:-8] + bytes(byte ^ 0x55 for byte in data[-8:])


def replaced_parts(change: Callable[[bytes], list[bytes]]) -> Change:
    """Changes each object of a stream into none, one or several."""

    def changed(head: Head, body: bytes) -> bytes:
        made = []
        for part in parts(head, body):
            data = part.partition(b"\r\n\r\n")[2]
            made += [b"Content-Type: application/dicom\r\n\r\n" + new for new in change(data)]
        return again(head, joined(head, made))

    return changed


def test_other_bytes_under_a_uid_that_is_here_are_on_record_and_replace_nothing(
    archive: Archive, tmp_path: Path, place: Place
) -> None:
    twice = list(place.objects)[3]
    theirs = place.objects[twice]
    place.proxy.set(
        Alter(replaced_parts(lambda data: [data, other_pixels(data)] if data == theirs else [data])), STREAM, times=None
    )
    outcome = pull(archive, place)
    assert outcome.errors == []
    assert outcome.ledger.collisions == (twice,)
    assert held_hashes(archive) == place.hashes
    assert outcome.ledger.complete
    assert_whole_archive(archive, tmp_path)


def test_objects_that_nobody_asked_for_are_not_taken_in(archive: Archive, tmp_path: Path, place: Place) -> None:
    foreign = tiny_instances.ct_series(1, patient_id="99-9", patient_name="Иванова^Анна")[0]
    first = next(iter(place.objects.values()))
    place.proxy.set(
        Alter(replaced_parts(lambda data: [foreign, data] if data == first else [data])), STREAM, times=None
    )
    outcome = pull(archive, place)
    assert outcome.errors == []
    assert [held.study.study_uid for held in archive.studies()] == [place.study_uid]
    assert_as_without_fault(archive, tmp_path, place, outcome)


def test_an_object_of_another_study_in_place_of_the_one_asked_is_a_gap(
    archive: Archive, tmp_path: Path, place: Place
) -> None:
    foreign = tiny_instances.ct_series(1, patient_id="99-9", patient_name="Иванова^Анна")[0]
    wanted = list(place.objects)[2]
    swap = replaced_parts(lambda data: [foreign if data == place.objects[wanted] else data])
    place.proxy.set(Alter(swap), STREAM, times=None)
    place.proxy.set(Alter(swap), SINGLE, times=None)
    outcome = pull(archive, place)
    assert outcome.errors == []
    (gap,) = outcome.ledger.gaps
    assert (gap.sop_uid, gap.reason) == (wanted, "the server sent another object in its place")
    assert [held.study.study_uid for held in archive.studies()] == [place.study_uid]
    assert_whole_archive(archive, tmp_path)
    place.proxy.clear()
    assert_as_without_fault(archive, tmp_path, place, pull(archive, place))


def test_compressed_objects_come_as_they_are_stored(archive: Archive, tmp_path: Path, place: Place) -> None:
    plain = pydicom.dcmread(io.BytesIO(tiny_instances.ct_series(1, side=32)[0]))
    plain.compress(pydicom.uid.RLELossless)
    buffer = io.BytesIO()
    plain.save_as(buffer, enforce_file_format=True)
    compressed = _with_study(place, [buffer.getvalue()])
    outcome = pull(archive, compressed)
    assert_as_without_fault(archive, tmp_path, compressed, outcome)


def test_a_clock_that_is_wrong_makes_no_wish_to_wait_longer_or_shorter(place: Place) -> None:
    for skew in (datetime.timedelta(hours=-26), datetime.timedelta(0), datetime.timedelta(days=400)):
        theirs = datetime.datetime.now(datetime.UTC) + skew
        date, until = (
            email.utils.format_datetime(at, usegmt=True) for at in (theirs, theirs + datetime.timedelta(0, 9))
        )
        busy = http(b"", "429 Too Many Requests", extra=f"Date: {date}\r\nRetry-After: {until}\r\n")
        place.proxy.set(Say(busy), SERIES_LIST)
        with place.session() as session, pytest.raises(ServerRefused) as caught:
            list(DicomWeb(session).search_series(place.study_uid))
        assert caught.value.retry_after == pytest.approx(9, abs=1.5), skew


class _Secured(Serve):
    """TLS in front of the proxy."""

    def __init__(self, files: tuple[Path, Path], port: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*files)
        self._port = port

    def __call__(self, connection: Any) -> None:
        with (
            self._context.wrap_socket(connection, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", self._port), 10) as onward,
        ):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = secured.recv(65536)
                if not piece:
                    return
                head += piece
            onward.sendall(head)
            while piece := onward.recv(65536):
                secured.sendall(piece)


@pytest.mark.parametrize("ends", [-0.001, -30])
def test_an_expired_certificate_is_told_and_a_new_one_goes_on(
    archive: Archive, tmp_path: Path, place: Place, ends: float
) -> None:
    authority = new_authority(tmp_path, "root")

    def try_with(files: tuple[Path, Path]) -> None:
        with listening(_Secured(files, place.proxy.port)) as port:
            profile = replace(
                place.profile, dicomweb_url=f"https://127.0.0.1:{port}{place.path}", ca_file=str(authority.file)
            )
            with IrisSession(profile, place.password) as session:
                Retrieval(archive, DicomWeb(session)).pull_study(place.study_uid)

    with pytest.raises(LinkDown) as caught:
        try_with(authority.issue(("127.0.0.1",), begins=-60, ends=ends))
    assert_clear(caught.value)
    assert "certificate" in str(caught.value)
    assert place.proxy.asked == []
    try_with(authority.issue(("127.0.0.1",)))
    assert_as_without_fault(archive, tmp_path, place, pull(archive, place))


def test_words_of_the_server_about_a_patient_stay_out_of_messages(archive: Archive, place: Place) -> None:
    name = OF_THE_PATIENT[0]
    told = f"<html>Пациент {name} не найден</html>".encode()
    for asked in (SERIES_LIST, INSTANCE_LIST, STREAM):
        place.proxy.set(Say(http(told, f"422 {name}".encode().decode("latin-1"), "text/html")), asked)
    with place.session() as session, pytest.raises(WorkstationError) as caught:
        Retrieval(archive, DicomWeb(session)).pull_study(place.study_uid)
    assert_clear(caught.value)
    assert "422" in str(caught.value)
    assert not re.search("[А-Яа-я]", str(caught.value))
    assert hashlib.sha256(told).hexdigest() not in str(caught.value)
