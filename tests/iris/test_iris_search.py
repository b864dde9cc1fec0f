"""Searching: paging to the true end, query strings that servers understand, the DICOM JSON Model."""

import json
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from workstation.demo.server import EmbeddedIris
from workstation.dicom.content import Code
from workstation.errors import MalformedAnswer
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.json_model import code, element, integer, parse_datasets, text, texts, to_body
from workstation.iris.paging import PAGE, every_page
from workstation.iris.query import query_string
from workstation.iris.session import IrisSession
from workstation.settings import ServerProfile


class Server:
    """Pages over `count` data sets; a `cap` on pages, and whether `limit` and `offset` are heard at all."""

    def __init__(self, count: int, cap: int = 10**6, hears_limit: bool = True, hears_offset: bool = True) -> None:
        self.all = [{"uid": str(number)} for number in range(count)]
        self.cap, self.hears_limit, self.hears_offset = cap, hears_limit, hears_offset
        self.calls = 0

    def __call__(self, limit: int, offset: int) -> list[Any]:
        self.calls += 1
        start = offset if self.hears_offset else 0
        return self.all[start:][: min(limit if self.hears_limit else 10**6, self.cap)]


@pytest.mark.golden(18)
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, PAGE, PAGE + 1, 1000])
@pytest.mark.parametrize(
    "habits",
    [{}, {"cap": 100}, {"cap": 7}, {"hears_limit": False}, {"hears_limit": False, "hears_offset": False}],
    ids=["well-behaved", "cap 100", "cap 7", "no limit", "no paging"],
)
def test_paging_finds_everything_once(count: int, habits: dict[str, Any]) -> None:
    server = Server(count, **habits)
    found = [dataset["uid"] for dataset in every_page(server, lambda dataset: str(dataset["uid"]))]
    assert found == [str(number) for number in range(count)]


def test_a_server_that_ignores_the_offset_ends_the_search() -> None:
    server = Server(500, cap=100, hears_offset=False)
    assert len(list(every_page(server, lambda dataset: str(dataset["uid"])))) == 100
    assert server.calls == 2


@pytest.mark.parametrize("limit", [1, 100, 150, 999])
def test_a_limit_is_kept_whatever_the_server_does(limit: int) -> None:
    for server in (Server(400, cap=100), Server(400, hears_limit=False)):
        found = list(every_page(server, lambda dataset: str(dataset["uid"]), limit))
        assert len(found) == min(limit, 400)


def test_a_query_leaves_wildcards_lists_and_ranges_raw_and_encodes_the_rest() -> None:
    query = query_string([("PatientID", "77-*"), ("StudyDate", "20250101-20251231"), ("StudyInstanceUID", "1.2,1.3")])
    assert query == "?PatientID=77-*&StudyDate=20250101-20251231&StudyInstanceUID=1.2,1.3"
    encoded = query_string([("PatientName", "Иванов^А&Б=+#% /")])
    assert parse_qs(urlsplit(encoded).query) == {"PatientName": ["Иванов^А&Б=+#% /"]}
    assert encoded.isascii()
    assert query_string([]) == ""


def test_the_query_reaches_the_server_as_it_was_built(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"[]")) as server:
        web = DicomWeb(IrisSession(ServerProfile("raw", server.url + "/base/"), ""))
        assert list(web.search_studies({"PatientID": "77-*,78"})) == []
        line = server.requests[0].line
    assert line.startswith("GET /base/studies?PatientID=77-*,78&includefield=")


@pytest.mark.parametrize("answer", [b"", b"[]"])
def test_an_empty_search_may_have_no_content(raw: ModuleType, answer: bytes) -> None:
    status = "200 OK" if answer else "204 No Content"
    with raw.raw_server(raw.http(answer, status=status)) as server:
        assert list(DicomWeb(IrisSession(ServerProfile("raw", server.url), "")).search_series("1.2")) == []


@pytest.mark.parametrize("answer", [b"{", b"<html>", b"[1]", b'"x"', b"\xff\xfe"])
def test_a_search_answer_that_is_no_dicom_json_is_malformed(raw: ModuleType, answer: bytes) -> None:
    with raw.raw_server(raw.http(answer)) as server, pytest.raises(MalformedAnswer):
        list(DicomWeb(IrisSession(ServerProfile("raw", server.url), "")).search_series("1.2"))


# an example in the form of PS3.18 F.2.1.1.2 and F.2.2
MODEL = json.loads(
    """{
    "0020000D": {"vr": "UI", "Value": ["1.2.392.200036.9116.2.2.2.1762893313.1029997326.945873"]},
    "00080061": {"vr": "CS", "Value": ["CT", null, "PET"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}]},
    "00201208": {"vr": "IS", "Value": ["942"]},
    "00201206": {"vr": "IS", "Value": [4]},
    "00081030": {"vr": "LO"},
    "00081032": {"vr": "SQ", "Value": [{
        "00080100": {"vr": "SH", "Value": ["24627-2"]}, "00080102": {"vr": "SH", "Value": ["LN"]},
        "00080104": {"vr": "LO", "Value": ["CT Chest"]}}]},
    "00100040": null
    }"""
)


def test_the_json_model_is_read_with_all_its_habits() -> None:
    assert text(MODEL, "0020000D").endswith("945873")
    assert texts(MODEL, "00080061") == ("CT", "PET")
    assert text(MODEL, "00100010") == "Wang^XiaoDong=王^小東"
    assert (integer(MODEL, "00201208"), integer(MODEL, "00201206"), integer(MODEL, "00201209")) == (942, 4, None)
    assert text(MODEL, "00081030") == text(MODEL, "00100040") == text(MODEL, "00100020") == ""
    assert code(MODEL, "00081032") == Code("24627-2", "LN", "CT Chest")
    assert code(MODEL, "00404018") is None


def test_what_is_written_is_a_sorted_array_of_one_data_set() -> None:
    body = to_body({"00741000": element("CS", "IN PROGRESS"), "00081195": element("UI", "1.2")})
    assert parse_datasets(body) == [
        {"00081195": {"vr": "UI", "Value": ["1.2"]}, "00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}}
    ]
    assert list(parse_datasets(body)[0]) == ["00081195", "00741000"]
    assert element("PN", "Иванов^А=Ivanov^A") == {
        "vr": "PN",
        "Value": [{"Alphabetic": "Иванов^А", "Ideographic": "Ivanov^A"}],
    }
    assert element("SQ") == {"vr": "SQ"}


@pytest.mark.golden(18)
def test_the_embedded_iris_is_searched_through_its_cap(
    embedded: EmbeddedIris, session: IrisSession, tiny: ModuleType
) -> None:
    web = DicomWeb(session)
    series = tiny.ct_series(5)
    study_uid = _store(web, series)
    for number in range(4):
        _store(web, tiny.ct_series(1, patient_id=f"77-{number + 2}"))
    embedded.faults.paging_cap = 2
    assert len(list(web.search_studies({}))) == 5
    assert len(list(web.search_studies({"PatientID": "77-*"}, limit=3))) == 3
    (entry,) = web.search_studies({"PatientID": "77-1"})
    assert entry.patient.name == "Смирнова^Ольга"
    assert (entry.patient.issuer, entry.study.description) == ("LPU-7", "КТ органов грудной клетки")
    assert (entry.modalities, entry.series_count, entry.instance_count) == (("CT",), 1, 5)
    (found,) = web.search_series(study_uid)
    assert (found.modality, found.number, found.description, found.instance_count) == ("CT", 2, "1 mm", 5)
    instances = list(web.search_instances(study_uid, found.series_uid))
    assert sorted(one.number or 0 for one in instances) == [1, 2, 3, 4, 5]
    assert {one.sop_class_uid for one in instances} == {"1.2.840.10008.5.1.4.1.1.2"}


@pytest.mark.orthanc
def test_orthanc_is_searched_by_wildcard_and_paged(orthanc: Any, orthanc_web: DicomWeb, tiny: ModuleType) -> None:
    for number in range(3):
        for data in tiny.ct_series(2, patient_id=f"QIDO-{number}"):
            orthanc.upload(data)
    found = list(orthanc_web.search_studies({"PatientID": "QIDO-*"}))
    assert sorted(entry.patient.patient_id for entry in found) == ["QIDO-0", "QIDO-1", "QIDO-2"]
    assert {entry.patient.name for entry in found} == {"Смирнова^Ольга"}
    assert {(entry.instance_count, entry.modalities) for entry in found} == {(2, ("CT",))}
    (series,) = orthanc_web.search_series(found[0].study_uid)
    assert len(list(orthanc_web.search_instances(found[0].study_uid, series.series_uid))) == 2


def _store(web: DicomWeb, series: list[bytes]) -> str:
    from workstation.dicom.parsing import parse_instance

    study_uid = parse_instance(series[0]).study_uid
    assert len(web.store(study_uid, series).stored) == len(series)
    return study_uid
