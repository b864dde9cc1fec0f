"""The demonstration's worklist, reports and identities, on a small stand-in for the phantoms."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pydicom
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from workstation.demo.deadlines import refresh_deadlines
from workstation.demo.identities import READER, ensure_identities
from workstation.demo.phantoms.model import Hospital, PhantomSeries, PhantomSet, PhantomStudy, Visit
from workstation.demo.preparation import fill
from workstation.demo.procedure_steps import ProcedureSteps, State
from workstation.demo.scenarios import OLD_REPORTS, SCENARIOS
from workstation.demo.server import STATE, EmbeddedIris
from workstation.demo.store import Store
from workstation.dicom.content import Patient
from workstation.dicom.documents import encapsulated_pdf, read_report
from workstation.jobs import silent

MakeObject = Callable[..., bytes]
HOSPITAL = Hospital("Больница", "CT-1", "Phantom", "CT 64", "1")
DX, CR, CT = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.2"


def stand_in(folder: Path, make_object: MakeObject) -> PhantomSet:
    """One tiny study for each story and each old report, with the keys of the real phantoms."""
    studies = []
    for number, key in enumerate((*SCENARIOS, *OLD_REPORTS)):
        prior_of = key.removesuffix("-prior") if key.endswith("-prior") else ""
        modality, sop_class = {"ct": ("CT", CT), "dx": ("DX", DX), "fl": ("CR", CR)}[key[:2]]
        owner = list(SCENARIOS).index(prior_of or key)
        patient = Patient(f"Больной^{owner}", f"77-{owner:06d}", "IRIS-DEMO", "19600101", "F")
        visit = Visit(
            key=key, patient=patient, date=f"202{5 if prior_of else 6}1101", time="101500", modality=modality,
            description="КТ ОГК", protocol="CHEST", hospital=HOSPITAL, role="prior" if prior_of else "current",
            prior_of=prior_of, accession=f"A{number}",
        )  # fmt: skip
        series_uid = visit.study_uid + "1"
        files = []
        for instance in (1, 2):
            path = folder / f"{key}-{instance}.dcm"
            attributes = {
                "StudyInstanceUID": visit.study_uid,
                "SeriesInstanceUID": series_uid,
                "PatientID": patient.patient_id,
                "PatientName": patient.name,
                "Modality": modality,
                "SOPClassUID": sop_class,
                "InstanceNumber": instance,
                "StudyDate": visit.date,
            }
            path.write_bytes(make_object(**attributes))
            files.append(path)
        series = PhantomSeries(series_uid, 1, modality, "", "1.2.840.10008.1.2.1", tuple(files))
        studies.append(PhantomStudy(visit, (series,), {}))
    return PhantomSet(folder, tuple(studies))


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory, make_object: MakeObject) -> PhantomSet:
    return stand_in(tmp_path_factory.mktemp("phantoms"), make_object)


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, phantoms: PhantomSet, connect: Callable[[EmbeddedIris], Any]
) -> Iterator[Any]:
    """A client of a server that holds the whole demonstration."""
    folder = tmp_path_factory.mktemp("demo")
    fill(folder, phantoms, silent)
    with EmbeddedIris(folder) as iris:
        yield connect(iris)


def everything(client: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/workitems?ProcedureStepState=SCHEDULED&includefield=all").json()
    return found


def value(dataset: dict[str, Any], *tags: str) -> Any:
    """The first value down a path of tags."""
    for tag in tags:
        dataset = dataset[tag]["Value"][0]
    return dataset


def parameters(item: dict[str, Any]) -> dict[str, Any]:
    """The content items of the Scheduled Processing Parameters: concept code → text, or code value."""
    found = {}
    for parameter in item["00741210"]["Value"]:
        coded = parameter.get("0040A168")
        text = value(parameter, "0040A160") if not coded else value(parameter, "0040A168", "00080100")
        found[value(parameter, "0040A043", "00080100")] = text
    return found


def deadline(item: dict[str, Any]) -> datetime:
    return datetime.strptime(value(item, "00404011"), "%Y%m%d%H%M%S.%f%z")


def test_there_are_at_least_twelve_cases_each_its_own(filled: Any) -> None:
    items = everything(filled)
    assert len(items) >= 12
    for tag in ("00100020", "0020000D", "00080018"):
        assert len({value(item, tag) for item in items}) == len(items)
    assert len({parameters(item)["QUESTION"] for item in items}) == len(items)
    assert {parameters(item)["READING_KIND"] for item in items} == {"FIRST", "SECOND"}
    assert {value(item, "00741202") for item in items} >= {"CT-CHEST", "XR-CHEST", "FLG", "CT-CHEST-2ND", "FLG-2ND"}
    assert {value(item, "00741200") for item in items} == {"HIGH", "MEDIUM", "LOW"}


def test_one_case_is_overdue_some_are_urgent_and_some_wait_till_tomorrow(filled: Any) -> None:
    left = [deadline(item) - datetime.now().astimezone() for item in everything(filled)]
    assert sum(time < timedelta(0) for time in left) == 1
    assert sum(timedelta(0) < time < timedelta(hours=1) for time in left) >= 2
    assert sum(time > timedelta(hours=20) for time in left) >= 2


def test_a_workitem_has_the_attributes_that_the_standard_requires(filled: Any) -> None:
    for item in everything(filled):
        assert value(item, "00741000") == "SCHEDULED"
        assert value(item, "00404041") == "READY"
        assert value(item, "00404018", "00080100") == "110005"
        assert value(item, "00080016") == "1.2.840.10008.5.1.4.34.6.1"
        assert value(item, "0040A370", "00080050")
        assert value(item, "0040A370", "0020000D") == value(item, "0020000D")
        assert value(item, "00100021") == "IRIS-DEMO"
        # type 2: there, though empty
        assert {"00404025", "00404026", "00404027", "00380010", "00741002", "00741216", "00404034"} <= set(item)
        assert value(item, "00404005") < value(item, "00404008")
        assert parameters(item)["SENDER"] == "Больница"


def test_texts_of_the_request_are_short_enough_for_programs_that_count_bytes(filled: Any) -> None:
    for item in everything(filled):
        for tag in ("00321060", "00401002"):
            assert len(value(item, "0040A370", tag).encode()) <= 64


def test_some_cases_are_assigned_to_the_demo_reader(filled: Any) -> None:
    query = f"ScheduledHumanPerformersSequence.HumanPerformerCodeSequence.CodeValue={READER.code}"
    mine = filled.get(f"/workitems?{query}&includefield=all").json()
    assert 1 <= len(mine) < 6
    assert value(mine[0], "00404034", "00404037")["Alphabetic"] == READER.name


def test_every_input_can_be_retrieved_from_where_the_workitem_says(filled: Any) -> None:
    for item in everything(filled):
        for series in item["00404021"]["Value"]:
            url = value(series, "0040E025", "00081190")
            assert url.startswith(filled.iris.url + "/studies/")
            listed = {value(reference, "00081155") for reference in series["00081199"]["Value"]}
            headers = filled.http.get(url + "/metadata", timeout=10).json()
            assert {value(header, "00080018") for header in headers} == listed


def inputs(item: dict[str, Any]) -> set[tuple[bool, str]]:
    """(of the item's own study, SOP class) of every input."""
    study = value(item, "0020000D")
    return {
        (value(series, "0020000D") == study, value(reference, "00081150"))
        for series in item["00404021"]["Value"]
        for reference in series["00081199"]["Value"]
    }


def test_a_second_opinion_has_its_first_report_as_sr_and_pdf_and_a_first_reading_has_none(filled: Any) -> None:
    reports = {(True, "1.2.840.10008.5.1.4.1.1.88.22"), (True, "1.2.840.10008.5.1.4.1.1.104.1")}
    for item in everything(filled):
        assert (reports <= inputs(item)) == (parameters(item)["READING_KIND"] == "SECOND")
        assert not reports & inputs(item) or reports <= inputs(item)


def test_priors_and_their_reports_are_inputs(filled: Any) -> None:
    with_priors = [item for item in everything(filled) if any(not own for own, _class in inputs(item))]
    assert len(with_priors) == len(OLD_REPORTS)
    for item in with_priors:
        assert (False, "1.2.840.10008.5.1.4.1.1.88.11") in inputs(item)


def test_the_reports_say_in_russian_what_the_story_has(filled: Any) -> None:
    reports = filled.iris.folder / "reports"
    words = SCENARIOS["ct-contrast"].first_report
    assert words is not None
    report = read_report((reports / "ct-contrast-report.dcm").read_bytes())
    assert report.verified
    assert report.author == words.author
    assert words.impression[0] in dict(report.sections)["Заключение"]
    pdf = encapsulated_pdf((reports / "ct-contrast-report-pdf.dcm").read_bytes())
    assert pdf.startswith(b"%PDF")
    old = read_report((reports / "ct-main-prior-report.dcm").read_bytes())
    assert old.author == OLD_REPORTS["ct-main-prior"].author
    header = pydicom.dcmread(reports / "ct-main-prior-report.dcm")
    assert header.PatientID == "77-000000"
    assert header.StudyDate == "20251101"


def test_preparing_again_changes_nothing_and_takes_no_second_copy(tmp_path: Path, phantoms: PhantomSet) -> None:
    fill(tmp_path, phantoms, silent)
    store = Store(tmp_path / STATE)
    before = store.rows("SELECT * FROM workitems"), len(store.instances())
    source = phantoms.studies[0].files[0]
    assert source.samefile(store.instances(phantoms.studies[0].study_uid)[0].path)
    store.remember("prepared", "an older version")
    store.close()
    fill(tmp_path, phantoms, silent)
    store = Store(tmp_path / STATE)
    assert (store.rows("SELECT * FROM workitems"), len(store.instances())) == before
    store.close()


def test_other_pictures_under_the_same_uids_make_the_store_begin_anew(tmp_path: Path, make_object: MakeObject) -> None:
    pictures = tmp_path / "phantoms"
    pictures.mkdir()
    fill(tmp_path, stand_in(pictures, make_object), silent)
    remade = stand_in(pictures, partial(make_object, Rows=16))
    fill(tmp_path, remade, silent)
    store = Store(tmp_path / STATE)
    assert store.instances(remade.studies[0].study_uid)[0].path.samefile(remade.studies[0].files[0])
    assert len(store.instances(remade.studies[0].study_uid)) == 2
    store.close()


def test_deadlines_of_what_nobody_took_move_with_the_days(tmp_path: Path, phantoms: PhantomSet) -> None:
    fill(tmp_path, phantoms, silent)
    store = Store(tmp_path / STATE)
    steps = ProcedureSteps(store)
    taken, free = (step.uid for step in list(steps.all())[:2])
    steps.change_state(taken, "2.25.7", State.IN_PROGRESS)

    def due(uid: str) -> datetime:
        step = steps.get(uid)
        assert step is not None
        return deadline(step.dataset)

    before = due(taken), due(free)
    now = datetime.now().astimezone()
    assert refresh_deadlines(store, now + timedelta(minutes=30)) == 0
    moved = refresh_deadlines(store, now + timedelta(days=7))
    assert moved == len(list(steps.all())) - 1
    assert due(taken) == before[0]
    assert timedelta(days=6, hours=23) < due(free) - before[1] < timedelta(days=7, hours=1)
    store.close()


def test_the_identities_are_made_once_and_open_with_the_password_beside_them(tmp_path: Path) -> None:
    identities = ensure_identities(tmp_path / "identities")
    sealed = identities.reader_p12.read_bytes()
    _key, certificate, _chain = pkcs12.load_key_and_certificates(sealed, identities.password.encode())
    assert certificate is not None
    assert READER.common_name in certificate.subject.rfc4514_string()
    assert json.loads(identities.reader_json.read_text(encoding="utf-8"))["code"] == READER.code
    assert identities.reader_p12.stat().st_mode & 0o077 == 0
    assert ensure_identities(tmp_path / "identities").reader_p12.read_bytes() == sealed
