"""Objects go into the embedded IRIS and come out: STOW-RS, WADO-RS and QIDO-RS, spoken with a bare HTTP client."""

import email
import email.policy
import threading
import time
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import requests

from workstation.demo.server import EmbeddedIris

MakeObject = Callable[..., bytes]
ALL_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
FAILED, STORED, OTHER = "00081198", "00081199", "0008119A"


def parts_of(answer: requests.Response) -> list[Message]:
    """The parts of a multipart answer, cut by Python's own mail parser."""
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.content, policy=email.policy.HTTP)
    assert message.is_multipart()
    return list(message.get_payload())


def bodies(answer: requests.Response) -> list[bytes]:
    """The bytes of each part, cut by Content-Length, which the mail parser doesn't use."""
    boundary = answer.headers["Content-Type"].split('boundary="')[1].rstrip('"').encode()
    found, rest = [], answer.content
    while not rest.startswith(b"--" + boundary + b"--"):
        assert rest.startswith(b"--" + boundary + b"\r\n")
        head, _blank, rest = rest.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(rest[:length])
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]
    return found


def reasons(answer: requests.Response, sequence: str = FAILED) -> list[int]:
    return [item["00081197"]["Value"][0] for item in answer.json()[sequence]["Value"]]


# storing


def test_what_was_stored_comes_back_byte_for_byte(client: Any, make_object: MakeObject) -> None:
    sent = [make_object(InstanceNumber=number, SOPInstanceUID=f"1.2.3.1.{number}") for number in (1, 2)]
    answer = client.store(sent, "/studies/1.2.3")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/dicom+json")
    references = answer.json()[STORED]["Value"]
    assert [item["00081155"]["Value"][0] for item in references] == ["1.2.3.1.1", "1.2.3.1.2"]
    assert FAILED not in answer.json()
    retrieved = client.get("/studies/1.2.3/series/1.2.3.1", ALL_AS_STORED)
    assert retrieved.status_code == 200
    assert bodies(retrieved) == sent
    assert len(parts_of(retrieved)) == 2
    url = references[0]["00081190"]["Value"][0]
    single = client.http.get(url, headers={"Accept": ALL_AS_STORED}, timeout=10)
    assert bodies(single) == sent[:1]


def test_an_object_with_no_part_headers_and_one_ending_in_line_ends_survive(
    client: Any, make_object: MakeObject
) -> None:
    sent = make_object(SOPInstanceUID="1.2.9", PixelData=b"\r\n--cu" * 10 + b"\r\n\r\n")
    answer = client.store([], body=b"--cut\r\n\r\n" + sent + b"\r\n--cut--")
    assert answer.status_code == 200
    assert bodies(client.get("/studies/1.2.3", ALL_AS_STORED)) == [sent]


def test_storing_identical_bytes_again_succeeds(client: Any, make_object: MakeObject) -> None:
    sent = make_object()
    assert client.store([sent]).status_code == 200
    again = client.store([sent])
    assert again.status_code == 200
    assert len(again.json()[STORED]["Value"]) == 1


def test_other_bytes_under_a_known_uid_are_confirmed_and_the_old_object_stays(
    client: Any, make_object: MakeObject
) -> None:
    old, new = make_object(SOPInstanceUID="1.2.9"), make_object(SOPInstanceUID="1.2.9", StudyID="other")
    client.store([old])
    answer = client.store([new])
    assert answer.status_code == 200
    assert FAILED not in answer.json()
    assert bodies(client.get("/studies/1.2.3", ALL_AS_STORED)) == [old]


def test_other_bytes_under_a_known_uid_can_be_rejected_with_a_reason(
    iris: EmbeddedIris, client: Any, make_object: MakeObject
) -> None:
    iris.faults.load({"duplicates": "reject"})
    client.store([make_object(SOPInstanceUID="1.2.9")])
    answer = client.store([make_object(SOPInstanceUID="1.2.9", StudyID="other")])
    assert answer.status_code == 409
    assert reasons(answer) == [0x0111]


def test_other_bytes_under_a_known_uid_can_replace_the_old_object(
    iris: EmbeddedIris, client: Any, make_object: MakeObject
) -> None:
    iris.faults.load({"duplicates": "replace"})
    new = make_object(SOPInstanceUID="1.2.9", StudyID="other")
    client.store([make_object(SOPInstanceUID="1.2.9")])
    assert client.store([new]).status_code == 200
    assert bodies(client.get("/studies/1.2.3", ALL_AS_STORED)) == [new]


def test_an_object_of_another_study_than_the_path_is_refused(client: Any, make_object: MakeObject) -> None:
    answer = client.store([make_object()], "/studies/9.9.9")
    assert answer.status_code == 409
    assert reasons(answer) == [0x0110]
    assert client.get("/studies/1.2.3", ALL_AS_STORED).status_code == 404


def test_a_good_and_a_bad_part_are_answered_each_for_itself(client: Any, make_object: MakeObject) -> None:
    answer = client.store([make_object(), b"no DICOM at all", make_object(StudyInstanceUID="9.9")], "/studies/1.2.3")
    assert answer.status_code == 202
    assert len(answer.json()[STORED]["Value"]) == 1
    assert reasons(answer) == [0x0110]
    assert reasons(answer, OTHER) == [0xC000]


def test_a_body_that_breaks_off_stores_nothing(
    client: Any, make_object: MakeObject, make_body: Callable[..., bytes]
) -> None:
    body = make_body([make_object(), make_object()])
    assert client.store([], body=body[:-20]).status_code == 400
    assert client.store([], body=b"\r\n").status_code == 400
    assert client.get("/studies").json() == []


def test_what_is_no_multipart_of_dicom_is_not_taken(client: Any, make_object: MakeObject) -> None:
    for content_type in ("application/dicom", 'multipart/related; type="application/dicom+json"; boundary=cut', ""):
        answer = client.store([], body=make_object(), headers={"Content-Type": content_type})
        assert answer.status_code == 415


def test_nobody_gets_in_without_the_password(iris: EmbeddedIris, make_object: MakeObject) -> None:
    for auth in (None, ("reader", "wrong")):
        answer = requests.get(iris.url + "/studies", auth=auth, timeout=10)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert requests.post(iris.url + "/studies", data=make_object(), timeout=10).status_code == 401
    assert requests.post(iris.root + "/faults", json={}, timeout=10).status_code == 401


def test_a_browser_on_this_machine_may_ask_and_one_elsewhere_may_not(client: Any) -> None:
    for origin, allowed in (("http://localhost:3000", True), ("http://127.0.0.1.evil.org", False)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "accept"}
        preflight = requests.options(client.iris.url + "/studies", headers=asked, timeout=10)
        assert ("Access-Control-Allow-Origin" in preflight.headers) == allowed
        assert ("Access-Control-Allow-Origin" in client.get("/studies", headers={"Origin": origin}).headers) == allowed


# retrieving


def test_an_answer_names_its_type_and_boundary_in_quotes_and_its_length(client: Any, make_object: MakeObject) -> None:
    client.store([make_object()])
    answer = client.get("/studies/1.2.3", ALL_AS_STORED)
    assert answer.headers["Content-Type"].startswith('multipart/related; type="application/dicom"; boundary="')
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    (part,) = parts_of(answer)
    assert part.get_content_type() == "application/dicom"
    assert part.get_param("transfer-syntax") == "1.2.840.10008.1.2.1"


def test_one_instance_can_be_had_without_multipart(client: Any, make_object: MakeObject) -> None:
    sent = make_object(SOPInstanceUID="1.2.9")
    client.store([sent])
    answer = client.get("/studies/1.2.3/series/1.2.3.1/instances/1.2.9", "application/dicom")
    assert answer.headers["Content-Type"] == "application/dicom"
    assert answer.content == sent


def test_what_is_not_there_is_404_and_what_cannot_be_is_406(client: Any, make_object: MakeObject) -> None:
    client.store([make_object(SOPInstanceUID="1.2.9")])
    assert client.get("/studies/7.7", ALL_AS_STORED).status_code == 404
    assert client.get("/studies/1.2.3/series/7.7", ALL_AS_STORED).status_code == 404
    assert client.get("/studies/1.2.3/series/1.2.3.1/instances/7", ALL_AS_STORED).status_code == 404
    assert client.get("/studies/7.7/metadata").status_code == 404
    assert client.get("/studies/1.2.3", "text/html").status_code == 406
    jpeg_2000 = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90'
    assert client.get("/studies/1.2.3", jpeg_2000).status_code == 406


def test_metadata_hold_the_header_and_say_where_the_pixels_are(client: Any, make_object: MakeObject) -> None:
    client.store([make_object(SOPInstanceUID="1.2.9")])
    (header,) = client.get("/studies/1.2.3/series/1.2.3.1/metadata").json()
    assert header["00100010"]["Value"] == [{"Alphabetic": "Петров^Иван^Сергеевич"}]
    assert header["00080005"]["Value"] == ["ISO_IR 192"]
    assert "00020010" not in header
    bulk = client.http.get(header["7FE00010"]["BulkDataURI"], timeout=10)
    assert bodies(bulk)[0][:4] == b"\x00\x00\x01\x00"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values_that_foreign_programs_write_too_long_are_not_lost(client: Any, make_object: MakeObject) -> None:
    good = make_object(SOPInstanceUID="1.2.9", ImagePositionPatient=["-100.25", "20.5", "-1000.0625"])
    # as many bytes, but one value of 20 characters, four more than DS may have
    foreign = good.replace(b"-100.25\\20.5\\-1000.0625 ", b"-1.23456789012345678\\2\\3")
    assert foreign != good
    assert client.store([foreign]).status_code == 200
    (header,) = client.get("/studies/1.2.3/metadata").json()
    assert header["00200032"]["Value"][1:] == [2, 3]


def test_frames_come_as_raw_values(client: Any, make_object: MakeObject) -> None:
    pixels = bytes(range(128)) * 3
    client.store([make_object(SOPInstanceUID="1.2.9", NumberOfFrames=3, PixelData=pixels + b"\1" * 0)])
    frames = "/studies/1.2.3/series/1.2.3.1/instances/1.2.9/frames/"
    answer = client.get(frames + "2,3", 'multipart/related; type="application/octet-stream"')
    assert bodies(answer) == [pixels[128:256], pixels[256:]]
    assert client.get(frames + "4", "multipart/related").status_code == 404


# searching


def found(client: Any, path: str, tag: str = "0020000D") -> list[Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return [entry[tag]["Value"][0] for entry in answer.json()]


@pytest.fixture
def three_studies(client: Any, make_object: MakeObject) -> Any:
    client.store(
        [
            make_object(InstanceNumber=1),
            make_object(InstanceNumber=2),
            make_object(SeriesInstanceUID="1.2.3.2", Modality="SR", SeriesNumber=3),
            make_object(
                StudyInstanceUID="1.2.4",
                SeriesInstanceUID="1.2.4.1",
                StudyDate="20250105",
                Modality="DX",
                AccessionNumber="B200",
            ),
            make_object(
                StudyInstanceUID="1.2.5",
                SeriesInstanceUID="1.2.5.1",
                PatientID="77-000999",
                PatientName="Smith^John",
                IssuerOfPatientID="OTHER",
            ),
        ]
    )
    return client


def test_a_study_entry_has_the_attributes_of_the_standard(three_studies: Any) -> None:
    (entry,) = three_studies.get("/studies?AccessionNumber=A100&PatientID=77-000123").json()
    assert entry["00100010"]["Value"][0]["Alphabetic"] == "Петров^Иван^Сергеевич"
    assert entry["00080061"]["Value"] == ["CT", "SR"]
    assert entry["00201206"]["Value"] == [2]
    assert entry["00201208"]["Value"] == [3]
    assert entry["00081190"]["Value"] == [three_studies.iris.url + "/studies/1.2.3"]
    assert "00081030" not in entry
    assert "00280010" not in entry


def test_further_attributes_come_when_asked_for(three_studies: Any) -> None:
    for fields in ("includefield=StudyDescription", "includefield=00081030,PatientAge", "includefield=all"):
        entry = three_studies.get(f"/studies?StudyInstanceUID=1.2.3&{fields}").json()[0]
        assert entry["00081030"]["Value"] == ["КТ органов грудной клетки"]


@pytest.mark.parametrize(
    ("query", "studies"),
    [
        ("PatientID=77-000123", ["1.2.3", "1.2.4"]),
        ("PatientID=77-000999&IssuerOfPatientID=OTHER", ["1.2.5"]),
        ("PatientID=77-000999&IssuerOfPatientID=EMIAS", []),
        ("PatientID=77-*", ["1.2.3", "1.2.4", "1.2.5"]),
        ("PatientID=77-%2A", ["1.2.3", "1.2.4", "1.2.5"]),
        ("PatientID=77-0001?3", ["1.2.3", "1.2.4"]),
        ("PatientName=smith*", ["1.2.5"]),
        ("PatientName=Петров*", ["1.2.3", "1.2.4"]),
        ("PatientName=ива&fuzzymatching=true", ["1.2.3", "1.2.4"]),
        ("StudyDate=20260110", ["1.2.3", "1.2.5"]),
        ("StudyDate=20250101-20251231", ["1.2.4"]),
        ("StudyDate=-20251231", ["1.2.4"]),
        ("StudyDate=20260101-", ["1.2.3", "1.2.5"]),
        ("StudyTime=1015", ["1.2.3", "1.2.4", "1.2.5"]),
        ("StudyTime=1016-", []),
        ("ModalitiesInStudy=SR", ["1.2.3"]),
        ("00080050=B200", ["1.2.4"]),
        ("StudyInstanceUID=1.2.3,1.2.5", ["1.2.3", "1.2.5"]),
        ("AccessionNumber=", ["1.2.3", "1.2.4", "1.2.5"]),
        ("limit=1", ["1.2.3"]),
        ("limit=1&offset=2", ["1.2.5"]),
        ("offset=3", []),
    ],
)
def test_studies_are_found_by_attributes(three_studies: Any, query: str, studies: list[str]) -> None:
    assert found(three_studies, f"/studies?{query}") == studies


@pytest.mark.parametrize("query", ["NoSuchWord=1", "limit=many", "Rows=8", "StudyDat=20260110", "00000000=1"])
def test_a_search_that_is_not_understood_is_refused(three_studies: Any, query: str) -> None:
    assert three_studies.get(f"/studies?{query}").status_code == 400


def test_series_and_instances_are_found_below_their_parents_and_without(three_studies: Any) -> None:
    assert found(three_studies, "/studies/1.2.3/series", "0020000E") == ["1.2.3.1", "1.2.3.2"]
    assert found(three_studies, "/series?Modality=DX", "0020000E") == ["1.2.4.1"]
    assert found(three_studies, "/studies/1.2.3/series/1.2.3.1/instances", "00200013") == [1, 2]
    assert found(three_studies, "/studies/1.2.3/instances?InstanceNumber=2", "00200013") == [2]
    assert len(found(three_studies, "/instances", "00080018")) == 5
    (entry,) = three_studies.get("/studies/1.2.3/series?SeriesInstanceUID=1.2.3.1").json()
    assert entry["00201209"]["Value"] == [2]
    assert "00100020" not in entry
    assert three_studies.get("/series?SeriesInstanceUID=1.2.4.1").json()[0]["00100020"]["Value"] == ["77-000123"]
    assert three_studies.get("/studies/8.8/series").json() == []


def test_an_empty_search_is_an_empty_list_or_no_content(iris: EmbeddedIris, client: Any) -> None:
    assert client.get("/studies").json() == []
    iris.faults.empty_search = 204
    assert client.get("/studies").status_code == 204
    assert client.get("/workitems").status_code == 204


# staying


def test_a_restart_keeps_objects(
    tmp_path: Path, connect: Callable[[EmbeddedIris], Any], make_object: MakeObject
) -> None:
    sent = make_object()
    with EmbeddedIris(tmp_path) as iris:
        connect(iris).store([sent])
    begun = time.perf_counter()
    with EmbeddedIris(tmp_path) as iris:
        assert time.perf_counter() - begun < 1
        assert bodies(connect(iris).get("/studies/1.2.3", ALL_AS_STORED)) == [sent]


def test_two_clients_retrieve_at_once_while_a_third_searches(
    iris: EmbeddedIris, connect: Callable[[EmbeddedIris], Any], make_object: MakeObject
) -> None:
    sent = [make_object(InstanceNumber=number, SOPInstanceUID=f"1.2.9.{number}", Rows=256) for number in range(1, 41)]
    assert connect(iris).store(sent).status_code == 200
    results: dict[int, list[bytes]] = {}

    def retrieve(number: int) -> None:
        results[number] = bodies(connect(iris).get("/studies/1.2.3", ALL_AS_STORED))

    threads = [threading.Thread(target=retrieve, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    searcher = connect(iris)
    for _again in range(5):
        assert len(searcher.get("/studies").json()) == 1
    for thread in threads:
        thread.join()
    assert results == {0: sent, 1: sent}
