"""A second opinion at a desk: the first report is covered until an own impression is locked, which then stays."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.consultation.conftest import filled, general, post_workitem
from workstation.archive import audit
from workstation.consultation.case import CaseContents, CaseFilter
from workstation.consultation.desk import Desk
from workstation.consultation.states import CaseState
from workstation.demo.server import EmbeddedIris
from workstation.dicom import concepts
from workstation.dicom.content import Section, Statement, StudyHeader
from workstation.dicom.documents import read_report
from workstation.dicom.ko import write_manifest
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pdf import write_pdf
from workstation.dicom.sr import write_conclusion
from workstation.errors import CaseUnavailable, FormIncomplete
from workstation.reporting.form import Form
from workstation.reporting.opinion import Opinion, radpeer_text

# said by nobody but the first report
TELLTALE = "Гамартома верхней доли"
KIND = {
    "00741210": {"vr": "SQ", "Value": [{
        "0040A040": {"vr": "CS", "Value": ["CODE"]},
        "0040A043": {"vr": "SQ", "Value": [{
            "00080100": {"vr": "SH", "Value": ["READING_KIND"]}, "00080102": {"vr": "SH", "Value": ["99IRIS"]},
            "00080104": {"vr": "LO", "Value": ["Вид чтения"]}}]},
        "0040A168": {"vr": "SQ", "Value": [{
            "00080100": {"vr": "SH", "Value": ["SECOND"]}, "00080102": {"vr": "SH", "Value": ["99IRIS"]},
            "00080104": {"vr": "LO", "Value": ["Второе мнение"]}}]},
    }]},
}  # fmt: skip


@pytest.fixture
def second(bench: Any, iris: EmbeddedIris, conclusion: Any) -> Any:
    """The bench with a second opinion asked on its study, which has a first report as SR, PDF and key objects."""
    study_uid = parse_instance(bench.study[0]).study_uid
    said = (
        Section(concepts.FINDINGS, "Описание", (Statement(concepts.FINDING, "Очаг 15 мм слева."),)),
        Section(concepts.IMPRESSIONS, "Заключение", (Statement(concepts.IMPRESSION, TELLTALE),)),
    )
    uids = replace(conclusion.uids, manifest="2.25.71", manifest_series="2.25.72")
    first = replace(
        conclusion, study=StudyHeader(study_uid, "20260110"), sections=said, uids=uids, completeness="",
        evidence=tuple(parse_instance(data).reference() for data in bench.study), other_evidence=(), key_images=(),
    )  # fmt: skip
    documents = [write_conclusion(first), write_pdf(first, b"%PDF-1.4 " + TELLTALE.encode()), write_manifest(first)]
    bench.connect().dicomweb.store(study_uid, documents)
    bench.case_uid = post_workitem(iris, study_uid, **KIND)
    return bench


@pytest.fixture
def desk(second: Any) -> Iterator[Desk]:
    with second.archive() as archive:
        desk = second.open(archive)
        second.ready(desk)
        yield desk


def everything_said(contents: CaseContents) -> str:
    """Every object and text that a reader could come by, as one text."""
    return repr((contents.study, contents.priors, contents.first_report))


def lock(desk: Desk, case_uid: str) -> Any:
    template = general()
    return desk.second_opinions.lock(case_uid, template, filled(template))


def test_the_first_report_is_covered_until_the_impression_is_locked(second: Any, desk: Desk) -> None:
    contents = desk.contents(second.case_uid)
    assert (contents.blind, contents.covered, contents.first_report) == (True, 3, None)
    assert {one.modality for one in contents.study} == {"CT"}
    assert len(contents.study) == 6
    assert TELLTALE not in everything_said(contents)
    assert desk.second_opinions.first_report(second.case_uid) is None
    assert TELLTALE not in str(desk.merge_values(desk.case(second.case_uid), contents))
    arrived = desk.arrivals(parse_instance(second.study[0]).study_uid).instances
    assert {one.modality for one in arrived} == {"CT"}

    lock(desk, second.case_uid)
    contents = desk.contents(second.case_uid)
    assert (contents.blind, contents.covered, len(contents.study)) == (False, 0, 9)
    assert contents.first_report is not None
    assert TELLTALE in str(contents.first_report.sections)
    first = desk.second_opinions.first_report(second.case_uid)
    assert first is not None
    assert [(one.heading, one.title, one.text) for one in first.passages] == [
        ("59776-5", "Описание", "Очаг 15 мм слева."), ("19005-8", "Заключение", TELLTALE),
    ]  # fmt: skip


def test_the_worklist_finds_no_word_of_a_covered_report(second: Any, desk: Desk) -> None:
    assert desk.count(CaseFilter(text="гамартома", states=None)) == 0
    assert desk.count(CaseFilter(text="смирнова", states=None)) > 0


def test_a_covered_report_is_no_prior_report_of_another_case_either(
    second: Any, iris: EmbeddedIris, desk: Desk, tiny: ModuleType
) -> None:
    later = tiny.ct_series(2, study_date="20260301")
    uid = parse_instance(later[0]).study_uid
    second.connect().dicomweb.store(uid, later)
    other = post_workitem(iris, uid)
    first, second.case_uid = second.case_uid, other
    second.ready(desk)
    contents = desk.contents(other)
    assert len(contents.priors) == 2
    assert TELLTALE not in everything_said(contents)
    lock(desk, first)
    assert TELLTALE in everything_said(desk.contents(other))


def test_a_rejection_note_and_a_dose_report_are_not_covered_but_results_are(
    second: Any, desk: Desk, tiny: ModuleType
) -> None:
    from workstation.consultation.covering import uncovered
    from workstation.dicom.key_objects import Rejection

    study_uid = parse_instance(second.study[0]).study_uid
    picture = parse_instance(second.study[0])

    def made(uid: str, sop_class: str, **changes: Any) -> Any:
        return replace(picture, sop_instance_uid=uid, sop_class_uid=sop_class, **changes)

    capture, mr_capture = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.4"
    report_at = {"content_date": "20260111", "content_time": "090000"}
    given = [
        made("note", "1.2.840.10008.5.1.4.1.1.88.59", rejection=Rejection("113001", ())),
        made("dose", "1.2.840.10008.5.1.4.1.1.88.67"),
        made("film", capture, content_date="20260110", content_time="090000"),
        made("report", "1.2.840.10008.5.1.4.1.1.88.11", **report_at),
        made("cad", "1.2.840.10008.5.1.4.1.1.88.65", content_date="20260112"),
        made("view", "1.2.840.10008.5.1.4.1.1.11.1"),
        made("lesions", "1.2.840.10008.5.1.4.1.1.66.4"),
        made("map", "1.2.840.10008.5.1.4.1.1.30"),
        made("heat", mr_capture, **report_at),
        made("computed", picture.sop_class_uid, image_type=("DERIVED", "SECONDARY"), content_date="20260112"),
    ]
    with second_cursor(desk) as cursor:
        assert [one.sop_instance_uid for one in uncovered(cursor, study_uid, given)] == ["note", "dose", "film"]


def second_cursor(desk: Desk) -> Any:
    return desk.second_opinions._database.read()


def test_an_impression_is_locked_once_and_stays(second: Any, desk: Desk) -> None:
    impression = lock(desk, second.case_uid)
    assert desk.case(second.case_uid).state is CaseState.IMPRESSION_LOCKED
    assert impression.is_whole
    assert (impression.reader, impression.language) == ("R-0815", "ru")
    template = general()
    changed = filled(template).answer("impression", "Совсем другое.")
    desk.save_draft(second.case_uid, "form", changed.to_json())
    assert desk.case(second.case_uid).state is CaseState.DRAFTING
    assert desk.second_opinions.impression(second.case_uid) == impression
    with pytest.raises(CaseUnavailable, match="nothing to lock"):
        lock(desk, second.case_uid)
    with pytest.raises(ValueError, match="locked"):
        desk.save_draft(second.case_uid, "impression", {})
    with pytest.raises(Exception, match="not changed"), desk.second_opinions._database.transaction() as cursor:
        cursor.execute("UPDATE drafts SET payload_json = '{}' WHERE part = 'impression'")
    assert desk.second_opinions.impression(second.case_uid) == impression


def test_the_lock_is_in_the_audit_chain_without_its_text(second: Any, desk: Desk) -> None:
    impression = lock(desk, second.case_uid)
    with second_cursor(desk) as cursor:
        entries = audit.entries(cursor)
    (entry,) = [one for one in entries if one.event == "impression locked"]
    assert entry.subject == second.case_uid
    assert entry.detail["sha256"] == impression.sha256
    assert not any(one.text and one.text in str(entry.detail) for one in impression.passages)


def test_a_blind_case_is_neither_shown_nor_signed_as_a_conclusion(second: Any, desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(FormIncomplete, match="not locked"):
        second.prepared(desk)
    assert desk.case(second.case_uid).state is CaseState.READING
    lock(desk, second.case_uid)
    with pytest.raises(FormIncomplete, match="not complete") as refused:
        second.prepared(desk)
    assert "Question 1: needs an answer" in refused.value.detail
    assert "RADPEER: needs a score" in refused.value.detail
    opinion = Opinion(radpeer="2b").answer("Очаг?", "Да.")
    desk.save_draft(second.case_uid, "opinion", opinion.to_json())
    with pytest.raises(FormIncomplete, match="not complete"):
        second.prepared(desk)
    desk.save_draft(second.case_uid, "opinion", replace(opinion, comment="Ребро.").to_json())
    prepared = second.prepared(desk)
    (section,) = [one for one in prepared.conclusion.sections if one.title == "Второе мнение"]
    assert [one.text for one in section.statements][:2] == [
        "Очаг? Да.",
        f"RADPEER {radpeer_text('2b', 'ru')}.",
    ]
    desk.sign(second.case_uid, prepared, second.identity)
    assert desk.case(second.case_uid).state is CaseState.QUEUED
    (signed,) = [one.data for one in desk.documents(second.case_uid) if one.role == "conclusion"]
    (tmp_path / "conclusion.dcm").write_bytes(signed)
    told = subprocess.run(
        ["dciodvfy", "-new", tmp_path / "conclusion.dcm"], capture_output=True, text=True, check=False
    )
    assert "Error" not in told.stderr + told.stdout
    assert "RADPEER 2b" in str(read_report(signed).sections)


def test_an_empty_impression_is_not_locked(second: Any, desk: Desk) -> None:
    template = general()
    with pytest.raises(FormIncomplete, match="no impression"):
        desk.second_opinions.lock(second.case_uid, template, Form(template.identifier))
    assert desk.contents(second.case_uid).blind


def test_a_first_reading_has_nothing_to_lock(bench: Any) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.ready(desk)
        assert not desk.contents(bench.case_uid).blind
        with pytest.raises(CaseUnavailable, match="nothing to lock"):
            lock(desk, bench.case_uid)
