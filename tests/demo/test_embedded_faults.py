"""The embedded IRIS misbehaves exactly as told, and is well again afterwards."""

import http.client
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from workstation.demo.server import EmbeddedIris

MakeObject = Callable[..., bytes]
ALL_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@pytest.fixture
def filled(client: Any, make_object: MakeObject) -> Any:
    client.store([make_object(InstanceNumber=number, Rows=64) for number in range(1, 4)])
    return client


def set_faults(client: Any, faults: dict[str, Any]) -> None:
    answer = client.http.post(client.iris.root + "/faults", json=faults, timeout=10)
    assert answer.status_code == 204, answer.text


def test_a_forced_status_comes_for_a_path_and_so_many_times(filled: Any) -> None:
    set_faults(filled, {"status": {"status": 429, "path": "*/studies/1.2.3*", "times": 2, "retry_after": 7}})
    assert filled.get("/studies").status_code == 200
    first = filled.get("/studies/1.2.3/series")
    assert (first.status_code, first.headers["Retry-After"]) == (429, "7")
    assert filled.get("/studies/1.2.3/series").status_code == 429
    assert filled.get("/studies/1.2.3/series").status_code == 200


@pytest.mark.parametrize("status", [401, 403, 409, 500, 503])
def test_a_forced_status_can_be_meant_for_one_method(filled: Any, make_object: MakeObject, status: int) -> None:
    filled.iris.faults.force(status, method="POST")
    assert filled.get("/studies").status_code == 200
    sent = make_object(SOPInstanceUID="1.2.9", Rows=512)
    assert filled.store([sent] * 3).status_code == status
    assert filled.get("/studies/1.2.3/series/1.2.3.1/instances/1.2.9", ALL_AS_STORED).status_code == 404
    assert filled.store([sent]).status_code == 200


def test_latency_delays_every_answer(filled: Any) -> None:
    set_faults(filled, {"latency": 0.2})
    begun = time.perf_counter()
    filled.get("/studies")
    assert time.perf_counter() - begun > 0.2


def test_a_cut_closes_the_connection_after_so_many_bytes(filled: Any) -> None:
    set_faults(filled, {"cut": {"after": 9000, "path": "*/series/*"}})
    answer = filled.get("/studies/1.2.3/series/1.2.3.1", ALL_AS_STORED, stream=True)
    assert answer.status_code == 200
    assert len(answer.raw.read(9000)) == 9000
    with pytest.raises((http.client.IncompleteRead, requests.RequestException, Exception), match="IncompleteRead"):
        answer.raw.read(100_000)
    whole = filled.get("/studies/1.2.3/series/1.2.3.1", ALL_AS_STORED)
    assert len(whole.content) == int(whole.headers["Content-Length"])


def test_a_cut_reaches_short_answers_too(filled: Any) -> None:
    filled.iris.faults.cut(after=10)
    with pytest.raises(requests.RequestException):
        filled.get("/studies")
    assert filled.get("/studies").status_code == 200


def test_a_stall_holds_the_rest_back_until_cleared(filled: Any) -> None:
    set_faults(filled, {"stall": {"after": 9000, "path": "*/series/*"}})
    answer = filled.get("/studies/1.2.3/series/1.2.3.1", ALL_AS_STORED, stream=True, timeout=0.3)
    assert len(answer.raw.read(9000)) == 9000
    others = filled.get("/studies")
    assert others.status_code == 200
    threading.Timer(0.1, filled.iris.faults.clear).start()
    rest = answer.raw.read()
    assert 9000 + len(rest) == int(answer.headers["Content-Length"])


def test_a_stalled_answer_does_not_keep_the_server_from_stopping(
    tmp_path: Any, connect: Callable[[EmbeddedIris], Any], make_object: MakeObject
) -> None:
    with EmbeddedIris(tmp_path) as iris:
        client = connect(iris)
        client.store([make_object()])
        iris.faults.stall(after=10, times=None)
        with pytest.raises(requests.RequestException):
            client.get("/studies", timeout=0.2)
        begun = time.perf_counter()
    assert time.perf_counter() - begun < 3


def test_a_partial_store_refuses_the_named_parts(filled: Any, make_object: MakeObject) -> None:
    set_faults(filled, {"partial_stow": {"parts": [1], "reason": 0xA700}})
    sent = [make_object(SOPInstanceUID=f"1.2.9.{number}") for number in range(3)]
    answer = filled.store(sent, "/studies/1.2.3")
    assert answer.status_code == 202
    (failure,) = answer.json()["00081198"]["Value"]
    assert failure["00081155"]["Value"] == ["1.2.9.1"]
    assert failure["00081197"]["Value"] == [0xA700]
    assert filled.get("/studies/1.2.3/series/1.2.3.1/instances/1.2.9.1/metadata").status_code == 404
    assert filled.store(sent, "/studies/1.2.3").status_code == 200


def test_a_lost_workitem_is_nowhere_to_be_found(client: Any) -> None:
    scheduled = {
        "00404041": {"vr": "CS", "Value": ["READY"]},
        "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
        "00741200": {"vr": "CS", "Value": ["HIGH"]},
        "00741204": {"vr": "LO", "Value": ["CT"]},
        "00404005": {"vr": "DT", "Value": ["20260110120000+0300"]},
    }
    client.send("POST", "/workitems?workitem=1.2.77", scheduled)
    set_faults(client, {"lost": ["1.2.77"]})
    assert client.get("/workitems/1.2.77").status_code == 404
    assert client.get("/workitems").json() == []
    wish = {"00081195": {"vr": "UI", "Value": ["2.25.1"]}, "00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}}
    assert client.send("PUT", "/workitems/1.2.77/state", wish).status_code == 404
    client.iris.faults.clear()
    assert client.get("/workitems/1.2.77").status_code == 200


def test_unknown_faults_are_refused_and_all_can_be_cleared(client: Any) -> None:
    for wrong in ({"earthquake": 1}, {"cut": {"path": "*"}}, {"empty_search": 500}, ["latency"]):
        assert client.http.post(client.iris.root + "/faults", json=wrong, timeout=10).status_code == 400
    set_faults(client, {"status": {"status": 500, "times": None}, "paging_cap": 1})
    assert client.get("/studies").status_code == 500
    assert client.http.delete(client.iris.root + "/faults", timeout=10).status_code == 204
    assert client.get("/studies").status_code == 200
    assert client.iris.faults.paging_cap == 100
