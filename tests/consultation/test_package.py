"""A case becomes a package: what is shown, what is signed, in which order it goes."""

import hashlib
import io
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from workstation.archive.ledger import Gap, SeriesLedger, StudyLedger
from workstation.consultation.case import CaseContents, CaseKind, CaseRow, PriorStudy
from workstation.consultation.package import Prepared, SignedPackage, completeness_statement, images_here, prepare, sign
from workstation.consultation.states import CaseState
from workstation.dicom.content import Conclusion, ImageReference
from workstation.dicom.documents import encapsulated_pdf, read_measurements, read_report
from workstation.dicom.instance import Instance, PixelDescription
from workstation.dicom.key_objects import Rejection
from workstation.dicom.lut import Window
from workstation.dicom.presentation_state import read_presentation_state
from workstation.errors import FormIncomplete, IdentityUnusable
from workstation.reporting.form import Form
from workstation.reporting.merge import start_form, take_normal
from workstation.reporting.template import template_for
from workstation.settings import Reader
from workstation.signing.authority import Authority, ReaderSubject
from workstation.signing.identity import Identity, load_pkcs12
from workstation.signing.verification import verify

GENERAL = template_for("XX", "", "ru")
READER = Reader("Петрова^Анна^Сергеевна", "Референс-центр № 1", "R-0815")
PIXELS = PixelDescription(1, "MONOCHROME2", 16, 12, 11, False)


def instance(reference: ImageReference, conclusion: Conclusion, *, pixels: bool = True) -> Instance:
    return Instance(
        reference.study_uid,
        reference.series_uid,
        reference.sop_instance_uid,
        reference.sop_class_uid,
        "1.2.840.10008.1.2.1",
        "CT" if pixels else "SR",
        conclusion.patient,
        replace(conclusion.study, study_uid=reference.study_uid),
        number_of_frames=int(pixels),
        rows=512 * pixels,
        columns=512 * pixels,
        pixels=PIXELS if pixels else None,
    )


@pytest.fixture
def contents(conclusion: Conclusion) -> CaseContents:
    study = [instance(reference, conclusion) for reference in conclusion.evidence]
    report = ImageReference(conclusion.study.study_uid, "2.25.71", "1.2.840.10008.5.1.4.1.1.88.22", "2.25.72")
    ledger = StudyLedger(
        conclusion.study.study_uid,
        "2025-03-14T10:00:00+00:00",
        (
            SeriesLedger("2.25.1002", "CT", 1, "", 12, 12, 12, ()),
            SeriesLedger("2.25.71", "SR", 9, "", 1, 1, 1, ()),
        ),
    )
    (prior,) = conclusion.other_evidence
    earlier = PriorStudy(
        replace(conclusion.study, study_uid=prior.study_uid),
        (instance(prior, conclusion),),
        "",
        "",
        (),
        StudyLedger(prior.study_uid, "", ()),
    )
    return CaseContents((*study, instance(report, conclusion, pixels=False)), ledger, (earlier,), None)


@pytest.fixture
def case(conclusion: Conclusion) -> CaseRow:
    return CaseRow(
        case_uid="2.25.1",
        state=CaseState.DRAFTING,
        kind=CaseKind.FIRST_READING,
        priority="HIGH",
        deadline=None,
        patient=conclusion.patient,
        age_at_study=60,
        modality="CT",
        region="CHEST",
        study_uid=conclusion.study.study_uid,
        study_date="20250314",
        study_description=conclusion.study.description,
        accession=conclusion.study.accession,
        sender="Поликлиника 5",
        question="Характер очага?",
        history="Кашель.",
        label="CT-CHEST",
        reader="",
        expected=13,
        received=13,
        priors_expected=1,
        priors_received=1,
        has_first_report=False,
        order=conclusion.order,
    )


@pytest.fixture
def form() -> Form:
    made = start_form(GENERAL, {"study.date": "20250314", "study.description": "КТ"})
    for section in GENERAL.sections:
        made = take_normal(GENERAL, made, section)
    return made.answer("comparison_study", "none").answer("impression", "Очаг S6 правого лёгкого.")


@pytest.fixture
def prepared(case: CaseRow, contents: CaseContents, form: Form, conclusion: Conclusion) -> Prepared:
    return prepare(case, contents, GENERAL, form, conclusion.measurements, conclusion.key_images, READER)


@pytest.fixture
def signed(prepared: Prepared, identity: Identity) -> SignedPackage:
    return sign(prepared, identity)


def test_everything_read_is_evidence_and_the_reader_is_named(
    prepared: Prepared, contents: CaseContents, conclusion: Conclusion
) -> None:
    made = prepared.conclusion
    assert made.patient == conclusion.patient
    assert len(made.evidence) == 13
    assert made.other_evidence == conclusion.other_evidence
    assert (made.observer.name, made.observer.code.value) == (READER.name, "R-0815")
    assert made.observed_at.tzinfo is not None
    assert made.completeness == "Прочитано изображений: 12 из 12."
    assert prepared.pdf.startswith(b"%PDF")


def test_objects_go_key_images_graphics_measurements_pdf_and_the_conclusion_last(signed: SignedPackage) -> None:
    assert [one.kind for one in signed.objects] == ["key_images", "presentation", "measurements", "pdf", "conclusion"]
    assert len({one.series_uid for one in signed.objects}) == 5
    for one in signed.objects:
        header = dcmread(io.BytesIO(one.data))
        assert one.reference == ImageReference(
            header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPClassUID, header.SOPInstanceUID
        )
        assert one.sha256 == hashlib.sha256(one.data).digest()
        assert header.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


def test_every_object_is_signed_and_the_pdf_inside_too(signed: SignedPackage, authority: Authority) -> None:
    for one in signed.objects:
        found = verify(one.data, [authority.certificate])
        assert found.valid, found.problems
        assert found.signer == "Петрова Анна Сергеевна"


def test_what_is_signed_is_what_was_shown(signed: SignedPackage, prepared: Prepared, conclusion: Conclusion) -> None:
    by_kind = {one.kind: one.data for one in signed.objects}
    assert encapsulated_pdf(by_kind["pdf"]).startswith(prepared.pdf)
    assert read_measurements(by_kind["measurements"]) == conclusion.measurements
    texts = "\n".join(text for _heading, text in read_report(by_kind["conclusion"]).sections)
    for text in ("Очаг S6 правого лёгкого.", "Характер очага?", "12 из 12"):
        assert text in texts


def test_the_graphics_are_shown_elsewhere_where_they_were_drawn(signed: SignedPackage, conclusion: Conclusion) -> None:
    (data,) = (one.data for one in signed.objects if one.kind == "presentation")
    state = read_presentation_state(data)
    line, ellipse, on_a_reformat = conclusion.measurements
    for drawn, text in (
        (line, "Очаг S6 справа\n7,2\N{NO-BREAK SPACE}мм"),
        (ellipse, "Плотность очага\nплощадь 188\N{NO-BREAK SPACE}мм²"),
    ):
        (annotation,) = state.annotations_for(drawn.anchor.image.sop_instance_uid, 0)
        assert [one.points for one in annotation.graphics] == [drawn.anchor.points_px]
        assert annotation.texts[0].text.startswith(text)
    assert not state.annotations_for(on_a_reformat.anchor.image.sop_instance_uid, 0)


def test_what_a_presentation_state_can_not_show_is_left_out_of_it(
    case: CaseRow, contents: CaseContents, form: Form, conclusion: Conclusion
) -> None:
    """A colour image has no grey window; PIXEL units end with the image (PS3.3 C.10.5.1.2)."""
    line, ellipse = conclusion.measurements[:2]
    beyond = replace(line, anchor=replace(line.anchor, points_px=((500.0, 20.0), (513.0, 20.0))))
    coloured = replace(PIXELS, samples_per_pixel=3, photometric="RGB")
    study = tuple(
        replace(one, pixels=coloured) if one.sop_instance_uid == ellipse.anchor.image.sop_instance_uid else one
        for one in contents.study
    )
    made = prepare(case, replace(contents, study=study), GENERAL, form, (beyond, ellipse), (), READER).conclusion
    (only,) = made.presented
    assert (only.image, only.labels) == (line.anchor.image, ())


def test_a_key_image_is_shown_elsewhere_in_the_window_it_was_seen_in(
    case: CaseRow, contents: CaseContents, form: Form, conclusion: Conclusion
) -> None:
    lung = Window(-600.0, 1500.0)
    key = replace(conclusion.key_images[0], window=lung)
    made = prepare(case, contents, GENERAL, form, conclusion.measurements, (key,), READER).conclusion
    assert [(one.image, one.voi) for one in made.presented] == [
        (conclusion.measurements[0].anchor.image, lung),
        # no window of its own: as another image of the series was seen
        (conclusion.measurements[1].anchor.image, lung),
    ]


def test_the_conclusion_lists_its_companions_as_evidence(signed: SignedPackage) -> None:
    *companions, last = signed.objects
    evidence = {
        sop.ReferencedSOPInstanceUID
        for study in dcmread(io.BytesIO(last.data)).CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for sop in series.ReferencedSOPSequence
    }
    assert {one.sop_instance_uid for one in companions} <= evidence


def test_without_measurements_and_key_images_only_pdf_and_conclusion_go(
    case: CaseRow, contents: CaseContents, form: Form, identity: Identity
) -> None:
    package = sign(prepare(case, contents, GENERAL, form, (), (), READER), identity)
    assert [one.kind for one in package.objects] == ["pdf", "conclusion"]


def test_signing_a_prepared_case_again_keeps_its_uids(prepared: Prepared, identity: Identity) -> None:
    first, second = sign(prepared, identity), sign(prepared, identity)
    assert [one.reference for one in first.objects] == [one.reference for one in second.objects]


def test_preparing_again_makes_new_uids(case: CaseRow, contents: CaseContents, form: Form, prepared: Prepared) -> None:
    again = prepare(case, contents, GENERAL, form, (), (), READER)
    assert again.conclusion.uids != prepared.conclusion.uids


def test_a_missing_answer_refuses_the_package(case: CaseRow, contents: CaseContents, form: Form) -> None:
    with pytest.raises(FormIncomplete):
        prepare(case, contents, GENERAL, form.answer("impression", ""), (), (), READER)


def test_without_a_reader_nothing_can_be_prepared(case: CaseRow, contents: CaseContents, form: Form) -> None:
    with pytest.raises(FormIncomplete, match="reader is not set up"):
        prepare(case, contents, GENERAL, form, (), (), Reader())


def test_missing_images_are_counted_and_the_reason_is_printed(contents: CaseContents) -> None:
    ct, report = contents.ledger.series
    gap = replace(ct, announced=15, listed=15, gaps=(Gap("2.25.1002", "2.25.20099", 13),) * 3)
    incomplete = replace(contents, ledger=replace(contents.ledger, series=(gap, report)))
    assert images_here(incomplete) == (12, 15)
    assert completeness_statement(incomplete, "ru", "срочный случай") == (
        "Прочитано изображений: 12 из 15. Неполные серии: № 1 – 12 из 15. "
        "Причина описания неполного исследования: срочный случай."
    )
    assert completeness_statement(incomplete, "en") == "Images read: 12 of 15. Series not whole: no. 1 – 12 of 15."


def test_an_image_that_makes_no_picture_is_not_called_read(contents: CaseContents) -> None:
    """MPEG-2 (PS3.5 A.4.5) is a video and JPIP (A.6) only a reference: neither makes a picture here."""
    whole = [one for one in contents.study if one.has_pixels]
    video, jpip = "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.94"
    coded = [replace(whole[0], transfer_syntax_uid=uid) for uid in (video, jpip)]
    changed = replace(contents, study=(*coded, *whole[2:]))
    assert changed.undecodable == tuple(coded)
    assert completeness_statement(changed, "en").startswith(
        "Images read: 10 of 12. Received, but the program can't read them: 2."
    )


def test_a_rejected_image_is_neither_read_nor_evidence_nor_a_source_of_names(
    case: CaseRow, contents: CaseContents, form: Form, conclusion: Conclusion
) -> None:
    """IHE Image Object Change Management: images under a wrong worklist entry (113038, DCM) are not to be used."""
    wrong, *others = contents.study
    wrong = replace(wrong, patient=replace(wrong.patient, name="Другая^Анна", patient_id="X-9"))
    note = replace(
        others[-1], sop_instance_uid="2.25.73", rejection=Rejection("113038", (wrong.sop_instance_uid,)), modality="KO"
    )
    changed = replace(contents, study=(wrong, *others, note))
    made = prepare(case, changed, GENERAL, form, (), (), READER).conclusion
    assert made.patient == conclusion.patient
    named = {one.sop_instance_uid for one in made.evidence}
    assert named == {one.sop_instance_uid for one in (*others, note)}
    assert images_here(changed) == (11, 11)
    assert made.completeness == (
        "Прочитано изображений: 11 из 11. Отозваны примечаниями архива и не входят в это число: 1."
    )


def test_a_study_the_server_never_listed_is_not_called_complete(contents: CaseContents) -> None:
    unlisted = replace(contents, ledger=replace(contents.ledger, listed_at="", series=()))
    assert completeness_statement(unlisted, "en") == "Images read: 12; the server didn't say how many there are."


@pytest.mark.oracle
def test_other_programs_accept_the_whole_package(signed: SignedPackage, authority: Authority, tmp_path: Path) -> None:
    root = tmp_path / "ca.pem"
    root.write_bytes(authority.pem)
    for one in signed.objects:
        file = tmp_path / f"{one.kind}.dcm"
        file.write_bytes(one.data)
        checked = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
        assert b"Error" not in checked.stderr + checked.stdout, one.kind
        profile = "+rs" if one.kind in {"measurements", "conclusion"} else "+rg"
        command = ["dcmsign", "-q", "--verify", profile, "+cf", root, file]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0, one.kind
    pdf = tmp_path / "conclusion.pdf"
    pdf.write_bytes(encapsulated_pdf(next(one.data for one in signed.objects if one.kind == "pdf")))
    told = subprocess.run(["pdfsig", "-nocert", pdf], capture_output=True, check=True).stdout
    assert b"Signature is Valid" in told


def test_the_moment_of_observation_can_be_given(case: CaseRow, contents: CaseContents, form: Form) -> None:
    moment = datetime(2025, 3, 14, 12, 0, 0, 999, tzinfo=UTC)
    made = prepare(case, contents, GENERAL, form, (), (), READER, observed_at=moment)
    assert made.conclusion.observed_at == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    ("name", "code", "fits"),
    [
        ("Petrova^Anna", "", True),
        ("Петрова^А.^С.", "", True),
        ("Сидорова^Мария", "R-0815", True),
        ("Сидорова^Мария", "R-2", False),
    ],
)
def test_a_certificate_of_another_person_is_refused_before_anything_is_signed(
    prepared: Prepared, authority: Authority, tmp_path: Path, name: str, code: str, fits: bool
) -> None:
    (tmp_path / "reader.p12").write_bytes(authority.issue(ReaderSubject(name, "Центр", code or "other"), "x"))
    identity = load_pkcs12(tmp_path / "reader.p12", "x")
    if fits:
        assert sign(prepared, identity).objects
    else:
        with pytest.raises(IdentityUnusable, match="another person's"):
            sign(prepared, identity)
