"""The form frozen into a conclusion: headings, concepts, codes, links; nothing incomplete gets through."""

from datetime import datetime, timedelta, timezone

import pytest

from workstation.dicom.content import (
    Anchor,
    Code,
    Conclusion,
    DocumentUids,
    ImageReference,
    Measurement,
    Observer,
    Order,
    Patient,
    Quantity,
    StudyHeader,
)
from workstation.errors import FormIncomplete
from workstation.reporting.conclusion import build_conclusion
from workstation.reporting.form import Form
from workstation.reporting.linking import link_measurement
from workstation.reporting.merge import start_form, take_normal
from workstation.reporting.template import template_for

IMAGE = ImageReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5")
CHEST = template_for("CT", "CHEST", "en")
NODULE = Measurement(
    "2.25.1",
    "Nodule",
    "length",
    Anchor(IMAGE, "POLYLINE", ((0, 0), (9, 9))),
    (Quantity(Code("410668003", "SCT", "Length"), 12.4, Code("mm", "UCUM", "millimeter")),),
    "Pixel Spacing",
)


def filled() -> Form:
    form = start_form(CHEST, {"study.date": "20250314"})
    form, _field = link_measurement(CHEST, form, NODULE)
    for section in CHEST.sections:
        form = take_normal(CHEST, form, section)
    form = form.answer("nodule_1_type", "solid").answer("nodule_1_lobe", "rul").answer("effusion", "left")
    return form.answer("nodules", "one").answer("impression", "Solid nodule of the right upper lobe.")


def conclude(form: Form, *measurements: Measurement) -> Conclusion:
    return build_conclusion(
        CHEST,
        form,
        patient=Patient("Test^Case", "P-1"),
        study=StudyHeader("1.2.3", study_date="20250314"),
        order=Order(reason="Nodule?"),
        observer=Observer("Reader^Anna", "Centre", Code("7", "99IRIS", "Reader")),
        measurements=measurements,
        key_images=(),
        evidence=(IMAGE,),
        uids=DocumentUids(*(f"2.25.{number}" for number in range(8))),
        observed_at=datetime(2025, 3, 14, 10, 0, tzinfo=timezone(timedelta(hours=3))),
        completeness="Images read: 1 of 1.",
        history="Smoker, 30 pack-years.",
    )


def test_sections_carry_their_loinc_headings_in_order() -> None:
    headings = [section.heading.value for section in conclude(filled(), NODULE).sections]
    assert headings == ["55752-0", "55111-9", "18834-2", "59776-5", "19005-8", "18783-1"]


def test_question_and_history_are_quoted() -> None:
    clinical = conclude(filled(), NODULE).sections[0]
    assert [(each.concept.value, each.text) for each in clinical.statements] == [
        ("55115-0", "Question. Nodule?"),
        ("11329-0", "History. Smoker, 30 pack-years."),
    ]


def test_a_linked_finding_rests_on_its_measurement() -> None:
    findings = next(each for each in conclude(filled(), NODULE).sections if each.heading.value == "59776-5")
    nodule = next(each for each in findings.statements if each.measurements)
    assert nodule.measurements == ("2.25.1",)
    assert nodule.label == "Nodule 1"
    assert nodule.text.startswith("Nodule 1. Solid nodule in the right upper lobe, 12.4")
    assert (nodule.concept.value, nodule.concept.scheme) == ("121071", "DCM")
    assert nodule.code is not None
    assert nodule.code.value == "27925004"  # SCT Nodule


def test_a_coded_answer_brings_its_code() -> None:
    findings = next(each for each in conclude(filled(), NODULE).sections if each.heading.value == "59776-5")
    effusion = next(each for each in findings.statements if each.code and each.code.value == "60046008")
    assert effusion.text == "Pleura. Left pleural effusion."


def test_impression_and_recommendation_have_their_concepts() -> None:
    *_rest, impression, recommendation = conclude(filled(), NODULE).sections
    assert impression.statements[0].concept.value == "121073"
    assert recommendation.statements[0].concept.value == "121075"


def test_an_incomplete_form_is_refused_naming_the_fields_and_no_answer() -> None:
    with pytest.raises(FormIncomplete) as caught:
        conclude(filled().answer("impression", " ").answer("aorta", "secret text"), NODULE)
    assert "Impression" in str(caught.value)
    assert "Ascending aorta" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_lost_measurement_is_refused() -> None:
    with pytest.raises(FormIncomplete):
        conclude(filled())
