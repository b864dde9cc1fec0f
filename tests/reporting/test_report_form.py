"""A form: immutable, saved without loss, fed by case and measurements, never against what the reader typed."""

from dataclasses import replace

import pytest

from workstation.dicom import concepts
from workstation.dicom.content import Anchor, Code, ImageReference, Measurement, Quantity
from workstation.reporting.form import Form, Link
from workstation.reporting.linking import link_measurement
from workstation.reporting.merge import merge_case, merge_findings, start_form, take_all_normal, take_normal
from workstation.reporting.structure import Template
from workstation.reporting.suggestion import suggest
from workstation.reporting.template import load_templates, template_for
from workstation.reporting.validation import Completion, problems

IMAGE = ImageReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5")
MM = Code("mm", "UCUM", "millimeter")


def length(uid: str, value: float) -> Measurement:
    anchor = Anchor(IMAGE, "POLYLINE", ((10.0, 10.0), (20.0, 10.0)))
    quantity = Quantity(Code("410668003", "SCT", "Length"), value, MM)
    return Measurement(uid, "", "length", anchor, (quantity,), "Pixel Spacing")


@pytest.fixture
def chest() -> Template:
    return template_for("CT", "CHEST", "en")


@pytest.fixture
def form(chest: Template) -> Form:
    return start_form(chest, {"study.date": "20250314", "series.slice_thickness_mm": "1.25"})


def answered(chest: Template, form: Form) -> Form:
    for section in chest.sections:
        form = take_normal(chest, form, section)
    return form.answer("comparison_study", "none").answer("impression", "Healthy.")


def rules(chest: Template, form: Form, *measurements: Measurement) -> set[tuple[str, str]]:
    return {(problem.field_id, problem.rule) for problem in problems(chest, form, measurements)}


def test_a_form_survives_json(chest: Template, form: Form) -> None:
    form = form.answer("impression", "Очаг.\n“Второй” абзац").answer("distribution", ("right", "upper"))
    form = form.link("nodule_1_size", Link("2.25.1", "x"), alone=True).show_image("lungs_other", IMAGE)
    again = Form.from_json(form.to_json())
    assert again == form
    assert again.edited("impression")
    assert not again.edited("study_date")
    assert again.images["lungs_other"] == (IMAGE,)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 9}', '{"version": 1, "template": "x"}', "nonsense"])
def test_other_json_is_no_form(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of json's
        Form.from_json(text)


def test_answering_leaves_the_old_form_as_it_was(form: Form) -> None:
    later = form.answer("impression", "new")
    assert form.text("impression") == ""
    assert later.text("impression") == "new"
    with pytest.raises(TypeError):
        later.answers["impression"] = later.answers["impression"]  # type: ignore[index]


def test_case_values_fill_merge_fields_in_the_language_of_the_report(form: Form) -> None:
    assert form.text("study_date") == "14\N{NO-BREAK SPACE}March 2025"
    assert form.text("slice_thickness") == "1.25"
    russian = template_for("CT", "CHEST", "ru")
    assert start_form(russian, {"study.date": "20250314"}).text("study_date") == "14.03.2025"


def test_an_untouched_case_form_asks_for_nodules_and_impression(chest: Template, form: Form) -> None:
    refused = {each.field_id for each in problems(chest, form, ()) if each.action is Completion.PROHIBIT}
    assert refused == {"nodules", "impression"}


# what no key can know of a normal study, by template
SEEN = {
    "mammography": {"density": "b"},
    "densitometry": {"group": "postmenopausal", "spine_bmd": "1.05", "spine_t": "0.1"},
    "coronary-angiography": {"dominance": "right"},
    "skeleton-xray": {"region": "hand", "side": "left"},
    "pet-ct": {"disease": "other", "purpose": "staging"},
}


@pytest.mark.parametrize("template", load_templates(), ids=lambda template: template.identifier)
def test_a_normal_study_needs_no_free_text(template: Template) -> None:
    form = start_form(template, {"study.date": "20250314", "study.description": "Study"})
    for name, value in SEEN.get(template.identifier.split(".")[1], {}).items():
        form = form.answer(name, value)
    assert problems(template, take_all_normal(template, form), ()) == ()


def test_without_a_prior_the_form_says_so_until_one_arrives(chest: Template, form: Form) -> None:
    assert form.text("comparison_study") == "none"
    assert merge_case(chest, form, {"prior.date": "20240101"}).text("comparison_study") == ""
    typed = form.answer("comparison_study", "none")
    assert merge_case(chest, typed, {"prior.date": "20240101"}).text("comparison_study") == "none"


def test_all_normal_leaves_the_impression_open_when_a_finding_stands(chest: Template, form: Form) -> None:
    assert take_all_normal(chest, form).text("impression") == "No abnormality of the chest."
    assert take_all_normal(chest, form.answer("effusion", "left")).text("impression") == ""
    assert take_all_normal(chest, form.answer("bones_other", "Old rib fracture.")).text("impression") == ""


def test_the_normal_text_keeps_what_the_reader_answered(chest: Template, form: Form) -> None:
    form = take_normal(chest, form.answer("emphysema", "bullous"), chest.sections[2])
    assert form.text("emphysema") == "bullous"
    assert form.text("effusion") == "none"


def test_the_first_measurement_opens_the_first_nodule_and_the_second_the_next(chest: Template, form: Form) -> None:
    form, first = link_measurement(chest, form, length("2.25.1", 12.4))
    form, second = link_measurement(chest, form, length("2.25.2", 6.0))
    assert (first, second) == ("nodule_1_size", "nodule_2_size")
    assert form.text("nodule_1_size") == "12.4"
    assert form.text("nodules") == "several"


def test_an_angle_takes_no_place_that_was_kept_for_a_size(chest: Template, form: Form) -> None:
    degrees = Quantity(concepts.ANGLE, 33.0, concepts.DEGREE)
    angle = replace(length("2.25.1", 0.0), kind="angle", quantities=(degrees,))
    linked, field = link_measurement(chest, form, angle)
    assert chest.fields[field].units != "mm"
    assert not linked.values("nodules")


def test_a_measurement_goes_where_the_reader_is(chest: Template, form: Form) -> None:
    linked, field = link_measurement(chest, form, length("2.25.1", 33.0), "aorta")
    assert field == "aorta"
    assert linked.text("aorta") == "33.0"
    assert link_measurement(chest, form, length("2.25.1", 33.0), "emphysema")[1] == "nodule_1_size"


def test_no_measurement_overrules_the_answer_that_there_are_no_nodules(chest: Template, form: Form) -> None:
    linked, field = link_measurement(chest, form.answer("nodules", "none"), length("2.25.1", 5.0))
    assert field == "lungs_other"
    assert linked.text("nodules") == "none"


def test_a_moved_graphic_updates_its_field(chest: Template, form: Form) -> None:
    form, _field = link_measurement(chest, form, length("2.25.1", 12.4))
    form = merge_findings(chest, form, [length("2.25.1", 13.1)])
    assert form.text("nodule_1_size") == "13.1"
    assert ("nodule_1_size", "stale") not in rules(chest, form, length("2.25.1", 13.1))


def test_a_moved_graphic_only_marks_a_number_that_was_typed(chest: Template, form: Form) -> None:
    form, _field = link_measurement(chest, form, length("2.25.1", 12.4))
    form = merge_findings(chest, form.answer("nodule_1_size", "12"), [length("2.25.1", 13.1)])
    assert form.text("nodule_1_size") == "12"
    assert ("nodule_1_size", "stale") in rules(chest, form, length("2.25.1", 13.1))


def test_the_normal_text_never_denies_a_measured_nodule(chest: Template, form: Form) -> None:
    form, _field = link_measurement(chest, form, length("2.25.1", 12.4))
    for section in chest.sections:
        form = take_normal(chest, form, section)
    assert form.text("nodules") == "one"


def test_an_answer_that_hides_a_measurement_is_doubted(chest: Template, form: Form) -> None:
    form, _field = link_measurement(chest, form, length("2.25.1", 12.4))
    form = form.answer("nodules", "none")
    assert ("nodule_1_size", "hidden") in rules(chest, form, length("2.25.1", 12.4))


def test_a_deleted_graphic_refuses_the_signature(chest: Template, form: Form) -> None:
    form, _field = link_measurement(chest, form, length("2.25.1", 12.4))
    assert ("nodule_1_size", "gone") in rules(chest, form)
    assert ("nodule_1_size", "gone") not in rules(chest, form.unlink("nodule_1_size", "2.25.1"))


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("aorta", "wide", "number"),
        ("aorta", "1e3", "number"),
        ("aorta", "nan", "number"),
        ("aorta", "1500", "range"),
        ("involvement", "140", "range"),
        ("emphysema", "a bit", "option"),
        ("never_heard_of", "x", "unknown"),
    ],
)
def test_a_wrong_answer_is_named(chest: Template, form: Form, field: str, value: str, rule: str) -> None:
    form = answered(chest, form).answer("ground_glass", "focal").answer(field, value)
    assert (field, rule) in rules(chest, form)


def test_comma_and_point_both_make_a_number(chest: Template, form: Form) -> None:
    form = answered(chest, form)
    assert rules(chest, form.answer("aorta", "33,5")) == rules(chest, form.answer("aorta", "33.5")) == set()


def test_hidden_fields_ask_for_nothing(chest: Template, form: Form) -> None:
    form = answered(chest, form)
    assert ("prior_date", "missing") not in rules(chest, form)
    assert ("prior_date", "missing") in rules(chest, form.answer("comparison_study", "prior"))


@pytest.mark.parametrize(
    ("share", "grade"),
    # Interim guidelines of the Russian Ministry of Health: below 25, 25 to 50, 50 to 75, above 75 % of the lungs
    [
        ("0", "ct0"),
        ("1", "ct1"),
        ("24", "ct1"),
        ("25", "ct2"),
        ("50", "ct2"),
        ("51", "ct3"),
        ("75", "ct3"),
        ("76", "ct4"),
    ],
)
def test_the_ct_grade_follows_the_share_involved(chest: Template, form: Form, share: str, grade: str) -> None:
    form = suggest(chest, form.answer("ground_glass", "multifocal").answer("involvement", share))
    assert form.text("ct_grade") == grade


def test_a_grade_against_the_share_is_doubted(chest: Template, form: Form) -> None:
    form = form.answer("ground_glass", "multifocal").answer("involvement", "60").answer("ct_grade", "ct1")
    assert suggest(chest, form).text("ct_grade") == "ct1"
    assert ("ct_grade", "contradiction") in rules(chest, form)


def test_only_the_same_measurement_replaces_itself_in_a_list(chest: Template, form: Form) -> None:
    for value in (5.0, 6.0):
        form, _field = link_measurement(chest, form, length("2.25.1", value), "lungs_other")
    form, _field = link_measurement(chest, form, length("2.25.2", 7.0), "lungs_other")
    assert [link.tracking_uid for link in form.links["lungs_other"]] == ["2.25.1", "2.25.2"]
    assert replace(form) == form
