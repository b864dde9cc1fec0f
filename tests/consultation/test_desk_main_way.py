"""The whole way of a case at a desk, against the embedded IRIS and Orthanc."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from tests.fetched import fetched
from workstation.archive import audit
from workstation.consultation.case import CaseFilter, CaseKind
from workstation.consultation.states import CaseState
from workstation.consultation.wanted import Stage
from workstation.demo.server import EmbeddedIris
from workstation.dicom.documents import read_report
from workstation.errors import CaseUnavailable, FormIncomplete, LinkDown
from workstation.jobs import Cancellation
from workstation.reporting.form import Form
from workstation.settings import ServerProfile


def test_a_case_goes_from_the_worklist_to_done(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        assert desk.refresh(Cancellation()) == 1
        (row,) = desk.page(CaseFilter(), 0, 10)
        assert (row.state, row.kind, row.priority) == (CaseState.REQUESTED, CaseKind.FIRST_READING, "HIGH")
        assert (row.modality, row.study_date, row.age_at_study, row.question) == ("CT", "20260110", 55, "Очаг?")
        assert (row.expected, row.received, row.is_held, row.is_complete_here) == (0, 0, False, False)

        claimed = desk.claim(row.case_uid)
        assert (claimed.state, claimed.reader) == (CaseState.CLAIMED, "Петрова^Анна^Сергеевна")
        assert bench.connect().workitems.get(row.case_uid).state == "IN PROGRESS"

        pulled = fetched(desk, row.case_uid)
        assert (pulled.expected, pulled.received, pulled.priors_expected, pulled.priors_received) == (6, 6, 1, 1)
        assert pulled.is_complete_here
        told = desk.fetching.state.of(row.study_uid)
        assert told is not None
        assert (told.stage, told.received, told.expected) == (Stage.DONE, 6, 6)

        assert desk.begin_reading(row.case_uid).state is CaseState.READING
        contents = desk.contents(row.case_uid)
        assert len(contents.study) == 6
        assert [len(prior.instances) for prior in contents.priors] == [3]
        assert contents.priors[0].reason
        assert not contents.priors[0].doubt
        assert contents.ledger.complete
        assert desk.fetch(contents.study[0].sop_instance_uid) in bench.study
        values = desk.merge_values(pulled, contents)
        assert (values["patient.age"], values["study.date"], values["prior.date"]) == ("55", "20260110", "20250111")
        assert values["series.slice_thickness_mm"] == "1"

        prepared = bench.prepared(desk)
        assert "6" in prepared.conclusion.completeness
        assert desk.case(row.case_uid).state is CaseState.DRAFTING
        desk.sign(row.case_uid, prepared, bench.identity)
        assert desk.case(row.case_uid).state is CaseState.QUEUED
        assert desk.waiting() == 1
        (waiting,) = desk.outbox()
        assert (waiting.state, waiting.patient.patient_id, waiting.attempts) == ("queued", "77-1", 0)

        assert desk.deliver() == 1
        assert desk.case(row.case_uid).state is CaseState.DONE
        (delivered,) = desk.outbox()
        assert delivered.state == "delivered"
        assert delivered.delivered_at is not None
        assert [event.text for event in delivered.journal] == [
            "Signed, without a timestamp", "Being sent", "Stored by the server", "Read back, compared and verified",
            "Delivered",
        ]  # fmt: skip
        assert (desk.waiting(), desk.deliver(), desk.summary().outbox) == (0, 0, 0)

        done = bench.connect().workitems.get(row.case_uid)
        assert done.state == "COMPLETED"
        assert done.outputs == tuple(uid for _role, uid, _sha256 in delivered.objects)
        web = bench.connect().dicomweb
        conclusion = web.retrieve_instance(
            row.study_uid, prepared.conclusion.uids.conclusion_series, prepared.conclusion.uids.conclusion
        )
        assert read_report(conclusion).verified
        assert audit.verify(archive.database).whole


@pytest.mark.orthanc
def test_on_an_archive_the_study_list_is_the_worklist(bench: Any, orthanc: Any, tiny: ModuleType) -> None:
    from workstation.dicom.parsing import parse_instance

    series = tiny.ct_series(4, patient_id="77-ORTHANC")
    for data in series:
        orthanc.upload(data)
    case_uid = parse_instance(series[0]).study_uid
    bench.profile = ServerProfile("orthanc", orthanc.dicomweb_url, user=orthanc.user)
    bench.password, bench.case_uid = orthanc.password, case_uid
    with bench.archive() as archive:
        desk = bench.open(archive)
        case = bench.signed(desk)
        assert (case.origin, case.state, case.received) == ("study", CaseState.QUEUED, 4)
        assert case.patient.name == "Смирнова^Ольга"
        assert desk.deliver() == 1
        assert desk.case(case_uid).state is CaseState.DONE
        (row,) = desk.outbox()
        for role, uid, _sha256 in row.objects:
            package = next(one for one in _objects(archive) if one["sop_uid"] == uid)
            held = bench.connect().dicomweb.retrieve_instance(case_uid, package["series_uid"], uid)
            assert held == bytes(package["data"]), role
        # what was read is not offered again
        desk.refresh(Cancellation())
        assert case_uid not in [one.case_uid for one in desk.page(CaseFilter(), 0, 100)]


def _objects(archive: Any) -> list[Any]:
    with archive.database.read() as cursor:
        return list(cursor.execute("SELECT * FROM package_objects").fetchall())


def test_a_held_case_is_read_and_signed_with_the_link_down(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        bench.ready(bench.open(archive))
    iris.stop()
    with bench.archive() as archive:
        desk = bench.open(archive)
        with pytest.raises(LinkDown):
            desk.refresh(Cancellation())
        assert desk.case(bench.case_uid).is_writable
        desk.sign(bench.case_uid, bench.prepared(desk), bench.identity)
        with pytest.raises(LinkDown):
            desk.deliver()
        (waiting,) = desk.outbox()
        assert (waiting.state, waiting.attempts, desk.waiting()) == ("queued", 1, 0)
        assert "No connection to the server" in waiting.last_error
        assert bench.open(archive, None).case(bench.case_uid).state is CaseState.QUEUED


def test_a_desk_without_server_says_it_is_offline(bench: Any) -> None:
    with bench.archive() as archive, pytest.raises(LinkDown) as offline:
        bench.open(archive, None).refresh(Cancellation())
    assert "offline" in offline.value.title


def test_a_draft_comes_back_as_it_was_saved(bench: Any) -> None:
    parts = {"form": '{"x": 1}', "measurements": [{"kind": "length"}], "key_images": [], "view": {"zoom": 2.5}}
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.ready(desk)
        assert desk.draft(bench.case_uid) == {}
        desk.save_draft(bench.case_uid, "view", {"zoom": 1})
        assert desk.case(bench.case_uid).state is CaseState.READING
        for part, payload in parts.items():
            desk.save_draft(bench.case_uid, part, payload)
        assert desk.case(bench.case_uid).state is CaseState.DRAFTING
        with pytest.raises(ValueError, match="part"):
            desk.save_draft(bench.case_uid, "notes", 1)
    with bench.archive() as archive:
        assert bench.open(archive, None).draft(bench.case_uid) == parts


def test_what_is_not_held_is_for_viewing_only(bench: Any) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        desk.refresh(Cancellation())
        with pytest.raises(CaseUnavailable):
            desk.save_draft(bench.case_uid, "form", {})
        assert desk.begin_reading(bench.case_uid).state is CaseState.REQUESTED
        assert desk.draft(bench.case_uid) == {}


def test_what_is_signed_can_not_be_signed_again(bench: Any) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.ready(desk)
        prepared = bench.prepared(desk)
        desk.sign(bench.case_uid, prepared, bench.identity)
        for deed in (
            lambda: desk.sign(bench.case_uid, prepared, bench.identity),
            lambda: desk.save_draft(bench.case_uid, "form", {}),
            lambda: desk.return_case(bench.case_uid, "poor_quality", ""),
        ):
            with pytest.raises(CaseUnavailable):
                deed()
        assert len(desk.outbox()) == 1


def test_an_unanswered_form_is_not_prepared(bench: Any) -> None:
    from workstation.reporting.template import load_templates

    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.ready(desk)
        template = next(one for one in load_templates() if one.language == "ru" and not one.modalities)
        with pytest.raises(FormIncomplete):
            desk.prepare(bench.case_uid, Form(template.identifier), template, (), ())


def test_a_returned_case_is_cancelled_with_its_reason(bench: Any) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.ready(desk)
        desk.return_case(bench.case_uid, "poor_quality", "Артефакты движения")
        assert desk.case(bench.case_uid).state is CaseState.RETURNED
        assert bench.connect().workitems.get(bench.case_uid).state == "CANCELED"
        desk.refresh(Cancellation())
        assert desk.page(CaseFilter(), 0, 10) == []
        assert [row.state for row in desk.page(CaseFilter(states="finished"), 0, 10)] == [CaseState.RETURNED]
        with pytest.raises(ValueError, match="reason"):
            desk.return_case(bench.case_uid, "no_wish", "")


def test_a_first_report_comes_with_the_study(bench: Any, conclusion: Any) -> None:
    from workstation.dicom.content import StudyHeader
    from workstation.dicom.parsing import parse_instance
    from workstation.dicom.sr import write_conclusion

    study_uid = parse_instance(bench.study[0]).study_uid
    report = write_conclusion(replace(conclusion, study=StudyHeader(study_uid, "20260110")))
    bench.connect().dicomweb.store(study_uid, [report])
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.ready(desk)
        first = desk.contents(bench.case_uid).first_report
        assert first is not None
        assert first.sections
        assert desk.case(bench.case_uid).expected == 7
