"""Mammography, radiographs, densitometry, coronary angiography and PET/CT: the grades are the published ones.

BI-RADS 5th edition, WHO 1994 with ISCD 2019, SCCT/CAD-RADS grades of stenosis,
TIMI, Lugano 2014 with Deauville, Kellgren and Lawrence 1957.
"""

from collections.abc import Mapping

import pytest

from workstation.dicom.content import Anchor, Code, ImageReference, Measurement, Quantity
from workstation.reporting.form import Form
from workstation.reporting.linking import link_measurement
from workstation.reporting.merge import follow, start_form, take_all_normal
from workstation.reporting.narrative import section_text
from workstation.reporting.structure import Template
from workstation.reporting.template import load_templates
from workstation.reporting.validation import Completion, problems

NAMES = (
    "mammography",
    "chest-xray",
    "fluorography",
    "skeleton-xray",
    "densitometry",
    "coronary-angiography",
    "pet-ct",
)
ALONE = {"study.date": "20250314", "patient.age": "67", "patient.sex": "F"}
AFTER = {**ALONE, "prior.date": "20240310"}
Answers = Mapping[str, str | tuple[str, ...]]
IMAGE = ImageReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5")


def template(name: str, language: str = "en") -> Template:
    wanted = f"iris-workstation.{name}.{language}"
    return next(each for each in load_templates() if each.identifier == wanted)


def filled(made: Template, answers: Answers, case: Mapping[str, str] = ALONE) -> Form:
    """As a reader fills it in: the answers one by one, then the normal key for the rest."""
    form = start_form(made, case)
    for name, value in answers.items():
        form = follow(made, form.answer(name, value))
    return follow(made, take_all_normal(made, form))


def said(made: Template, form: Form, section_id: str) -> str:
    section = next(each for each in made.sections if each.section_id == section_id)
    return section_text(made, form, section, {}).replace("\N{NO-BREAK SPACE}", " ")


def contradictions(made: Template, form: Form) -> list[str]:
    found = problems(made, form, ())
    return [each.field_id for each in found if each.rule == "contradiction" and each.action is Completion.ALERT]


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_are_the_same_in_both_languages(name: str) -> None:
    russian, english = template(name, "ru"), template(name, "en")
    for field_id, field in russian.fields.items():
        twin = english.fields[field_id]
        assert [option.when for option in field.options] == [option.when for option in twin.options]
        assert (field.minimum, field.maximum, field.compute) == (twin.minimum, twin.maximum, twin.compute)


# --- BI-RADS

MASS = {"r_mass": "one", "r_mass_size": "14", "r_mass_place": "uoq"}
DIAGNOSTIC = {"purpose": "diagnostic", "density": "b"}
SCREENING = {"purpose": "screening", "density": "b"}
KNOWN = {"purpose": "known_cancer", "density": "b", "r_proven": "yes", "l_proven": "no"}


def mass(density: str, shape: str = "", margin: str = "", change: str = "") -> dict[str, str]:
    given = {"r_mass_density": density, "r_mass_shape": shape, "r_mass_margin": margin, "r_mass_change": change}
    return {**MASS, **{name: value for name, value in given.items() if value}}


def calc(morphology: str, distribution: str = "") -> dict[str, str]:
    return {"r_calc": morphology, **({"r_calc_distribution": distribution} if distribution else {})}


BENIGN_CALCIFICATIONS = ("skin", "vascular", "coarse", "rod", "round", "rim", "dystrophic", "milk", "suture")


@pytest.mark.parametrize(
    ("finding", "case", "expected"),
    [
        ({}, ALONE, "1"),
        (mass("fat"), ALONE, "2"),
        (mass("equal", "oval", "circumscribed", "stable_2y"), AFTER, "2"),
        *((calc(each), ALONE, "2") for each in BENIGN_CALCIFICATIONS),
        (calc("punctate", "diffuse"), ALONE, "2"),
        ({"r_nodes": "intramammary"}, ALONE, "2"),
        ({"r_distortion": "scar"}, ALONE, "2"),
        (mass("equal", "oval", "circumscribed"), ALONE, "3"),
        (mass("low", "round", "circumscribed", "stable"), AFTER, "3"),
        ({"r_asymmetry": "focal"}, ALONE, "3"),
        (calc("punctate", "grouped"), ALONE, "3"),
        (mass("equal", "oval", "obscured"), ALONE, "4a"),
        (mass("equal", "oval", "indistinct"), ALONE, "4b"),
        (calc("amorphous", "grouped"), ALONE, "4b"),
        (calc("heterogeneous", "grouped"), ALONE, "4b"),
        (calc("pleomorphic", "grouped"), ALONE, "4b"),
        (mass("high", "irregular", "indistinct"), ALONE, "4c"),
        (calc("linear", "grouped"), ALONE, "4c"),
        ({"r_distortion": "present"}, ALONE, "4"),
        ({"r_nodes": "enlarged"}, ALONE, "4"),
        ({"r_asymmetry": "developing"}, AFTER, "4"),
        (mass("high", "irregular", "spiculated"), ALONE, "5"),
        ({**mass("equal", "irregular", "spiculated"), **calc("pleomorphic", "grouped")}, ALONE, "5"),
        (calc("linear", "segmental"), ALONE, "5"),
        # the graver finding of a breast counts
        ({**mass("fat"), **calc("linear", "grouped")}, ALONE, "4c"),
        ({**calc("vascular"), "r_nodes": "enlarged"}, ALONE, "4"),
    ],
)
def test_bi_rads_of_a_diagnostic_mammogram(finding: Answers, case: Mapping[str, str], expected: str) -> None:
    compared: Answers = {"comparison_study": "prior", "change": "stable"} if case is AFTER else {}
    form = filled(template("mammography"), {**DIAGNOSTIC, **compared, **finding}, case)
    assert (form.text("birads_right"), form.text("birads_left")) == (expected, "1")


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        ({}, "1"),
        (calc("vascular"), "2"),
        (mass("fat"), "2"),
        (mass("equal", "oval", "circumscribed"), "0"),
        (mass("high", "irregular", "spiculated"), "0"),
        (calc("amorphous", "grouped"), "0"),
        ({"r_asymmetry": "focal"}, "0"),
        ({"r_distortion": "present"}, "0"),
    ],
)
def test_screening_recalls_what_needs_more_pictures(finding: Answers, expected: str) -> None:
    form = filled(template("mammography"), {**SCREENING, **finding})
    assert form.text("birads_right") == expected


def test_a_proven_cancer_is_6() -> None:
    form = filled(template("mammography"), {**KNOWN, **mass("high", "irregular", "spiculated")})
    assert (form.text("birads_right"), form.text("birads_left"), form.text("birads")) == ("6", "1", "6")
    assert form.text("management") == "treatment"


# the 5th edition's order of concern for both breasts together: 1, 2, 3, 6, 4, 0, 5
CONCERN = ("1", "2", "3", "6", "4", "4a", "4b", "4c", "0", "5")


@pytest.mark.parametrize("right", CONCERN)
def test_the_overall_category_is_the_one_of_more_concern(right: str) -> None:
    made = template("mammography")
    for left in CONCERN:
        form = filled(made, {**DIAGNOSTIC, "birads_right": right, "birads_left": left})
        assert form.text("birads") == max(right, left, key=CONCERN.index)


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("0", "workup"),
        ("1", "routine"),
        ("2", "routine"),
        ("3", "short"),
        ("4", "biopsy"),
        ("4a", "biopsy"),
        ("4b", "biopsy"),
        ("4c", "biopsy"),
        ("5", "biopsy"),
        ("6", "treatment"),
    ],
)
def test_the_recommendation_follows_the_category(category: str, expected: str) -> None:
    made = template("mammography")
    form = filled(made, {**DIAGNOSTIC, "birads_right": category, "birads_left": category})
    assert form.text("management") == expected


def test_a_benign_category_of_a_suspicious_mass_is_doubted() -> None:
    made = template("mammography")
    form = filled(made, {**DIAGNOSTIC, **mass("high", "irregular", "spiculated"), "birads_right": "2"})
    assert contradictions(made, form) == ["birads_right"]


# --- densitometry


def bone(**scores: str) -> Answers:
    """T- and Z-scores by region, each with a density."""
    regions = {name.partition("_")[0] for name in scores}
    return {**{f"{region}_bmd": "0.8" for region in sorted(regions)}, **scores}


@pytest.mark.parametrize(
    ("scores", "fracture", "expected"),
    [
        (bone(spine_t="0.4"), "none", "normal"),
        (bone(spine_t="-1.0"), "none", "normal"),
        (bone(spine_t="-1.1"), "none", "osteopenia"),
        (bone(spine_t="-2.4"), "none", "osteopenia"),
        (bone(spine_t="-2,5"), "none", "osteoporosis"),
        (bone(spine_t="-3"), "vertebral", "severe"),
        (bone(spine_t="-2.4"), "vertebral", "osteopenia"),
        # the lowest of the regions decides
        (bone(spine_t="0.2", neck_t="-2.6", hip_t="-1.2"), "none", "osteoporosis"),
        (bone(spine_t="0.2", neck_t="-0.4", hip_t="-1.2"), "none", "osteopenia"),
        (bone(spine_t="-0.8", radius_t="-2.5"), "none", "osteoporosis"),
    ],
)
@pytest.mark.parametrize("group", ["postmenopausal", "man_50"])
def test_the_who_class_comes_from_the_lowest_t_score(scores: Answers, fracture: str, expected: str, group: str) -> None:
    form = filled(template("densitometry"), {"group": group, "fragility": fracture, **scores})
    assert form.text("who_class") == expected


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (bone(spine_z="-1.9"), "within"),
        (bone(spine_z="-2.0"), "below"),
        (bone(spine_z="0.5", neck_z="-2.3"), "below"),
    ],
)
@pytest.mark.parametrize("group", ["young", "child"])
def test_the_young_are_judged_by_the_z_score(scores: Answers, expected: str, group: str) -> None:
    made = template("densitometry")
    form = filled(made, {"group": group, **scores})
    assert form.text("age_range") == expected
    assert problems(made, form, ()) == ()
    assert "WHO" not in said(made, form, "findings")


@pytest.mark.parametrize(
    ("sex", "age", "expected"),
    [("M", "50", "man_50"), ("M", "49", "young"), ("M", "19", "child"), ("F", "19", "child"), ("F", "60", "")],
)
def test_the_group_follows_sex_and_age_where_they_tell(sex: str, age: str, expected: str) -> None:
    made = template("densitometry")
    case = {**ALONE, "patient.sex": sex, "patient.age": age}
    assert follow(made, start_form(made, case)).text("group") == expected


@pytest.mark.parametrize(
    ("change", "expected"), [("-2.8", "loss"), ("-2.7", "none"), ("0", "none"), ("2.7", "none"), ("2.8", "gain")]
)
def test_a_change_below_the_least_significant_one_is_none(change: str, expected: str) -> None:
    answers = {"group": "postmenopausal", "comparison_study": "prior", "spine_bmd": "0.9", "spine_t": "-1.5"}
    form = filled(template("densitometry"), {**answers, "spine_change": change, "spine_lsc": "2.8"}, AFTER)
    assert form.text("spine_significance") == expected


def test_a_t_score_of_minus_3_called_normal_is_doubted() -> None:
    made = template("densitometry")
    form = filled(made, {"group": "postmenopausal", **bone(spine_t="-3"), "who_class": "normal"})
    assert contradictions(made, form) == ["who_class"]


# --- coronary arteries


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        ("0", "none"),
        ("1", "minimal"),
        ("24", "minimal"),
        ("25", "mild"),
        ("49", "mild"),
        ("50", "moderate"),
        ("69", "moderate"),
        ("70", "severe"),
        ("99", "severe"),
        ("100", "occluded"),
    ],
)
def test_every_segment_is_graded_by_its_stenosis(percent: str, expected: str) -> None:
    made = template("coronary-angiography")
    # with balanced circulation all sixteen segments show
    changed = {f"{vessel}_state": "changed" for vessel in ("lm", "lad", "lcx", "rca")}
    form = filled(
        made, {"dominance": "balanced", **changed, **{f"segment_{number}": percent for number in range(1, 17)}}
    )
    assert {form.text(f"segment_{number}_grade") for number in range(1, 17)} == {expected}


LAD, LCX, RCA, LM = ({f"{vessel}_state": "changed"} for vessel in ("lad", "lcx", "rca", "lm"))


@pytest.mark.parametrize(
    ("stenoses", "expected"),
    [
        ({}, "none"),
        ({**LAD, "segment_7": "30"}, "nonobstructive"),
        ({**LM, "segment_5": "40"}, "nonobstructive"),
        ({**LAD, "segment_7": "60"}, "intermediate"),
        ({**LAD, "segment_6": "70", "segment_7": "20"}, "one"),
        ({**LAD, **RCA, "segment_9": "75", "segment_2": "100"}, "two"),
        ({**LAD, **LCX, **RCA, "segment_6": "90", "segment_12": "80", "segment_1": "70"}, "three"),
        ({**LM, "segment_5": "50"}, "left_main"),
    ],
)
def test_the_extent_counts_the_vessels_with_severe_stenosis(stenoses: Answers, expected: str) -> None:
    form = filled(template("coronary-angiography"), {"dominance": "right", **stenoses})
    assert form.text("extent") == expected


def test_segments_that_the_dominance_does_not_give_are_not_asked_for() -> None:
    made = template("coronary-angiography")
    right = filled(made, {"dominance": "right", **LCX, "segment_11": "30", "segment_15": "90"})
    left = filled(made, {"dominance": "left", **LCX, "segment_11": "30", "segment_15": "90"})
    assert (right.text("lcx_grade"), left.text("lcx_grade")) == ("mild", "severe")


@pytest.mark.parametrize("vessel", ["lad", "lcx", "rca"])
def test_timi_flow_has_its_codes(vessel: str) -> None:
    options = template("coronary-angiography").fields[f"{vessel}_timi"].options
    # CID 3713
    assert {option.value: option.code.value for option in options if option.code} == {
        "0": "371867000",
        "1": "371866009",
        "2": "371864007",
        "3": "371865008",
    }


# --- PET/CT

LYMPHOMA = {"disease": "lymphoma", "purpose": "end", "mediastinum_suv": "1.8", "liver_suv": "2.9"}


@pytest.mark.parametrize(
    ("lesion", "expected", "response"),
    [
        ({"residual": "none"}, "1", "complete"),
        ({"residual": "present", "lesion_suv": "1.8"}, "2", "complete"),
        ({"residual": "present", "lesion_suv": "1.9"}, "3", "complete"),
        ({"residual": "present", "lesion_suv": "2,9"}, "3", "complete"),
        ({"residual": "present", "lesion_suv": "3.0"}, "4", "partial"),
        ({"residual": "present", "lesion_suv": "5.8"}, "4", "partial"),
        ({"residual": "present", "lesion_suv": "5.9"}, "5", "partial"),
        ({"residual": "none", "new_lesions": "present"}, "5", "progressive"),
        ({"residual": "present", "lesion_suv": "2.0", "new_lesions": "present"}, "5", "progressive"),
    ],
)
def test_deauville_compares_the_lesion_with_mediastinum_and_liver(
    lesion: Answers, expected: str, response: str
) -> None:
    compared = {"comparison_study": "prior", "change": "better"}
    form = filled(template("pet-ct"), {**LYMPHOMA, **compared, **lesion}, AFTER)
    assert (form.text("deauville"), form.text("response")) == (expected, response)


def test_without_the_reference_uptake_no_score_is_suggested() -> None:
    made = template("pet-ct")
    form = filled(made, {"disease": "lymphoma", "purpose": "end", "residual": "present", "lesion_suv": "4"})
    assert form.text("deauville") == ""


def test_a_measured_region_gives_its_maximum_to_the_uptake() -> None:
    suv = Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight")
    numbers = (
        Quantity(Code("373098007", "SCT", "Mean"), 2.2, suv),
        Quantity(Code("56851009", "SCT", "Maximum"), 4.4, suv),
    )
    region = Measurement(
        "2.25.7", "", "ellipse", Anchor(IMAGE, "ELLIPSE", ((0, 0), (9, 0), (4, -2), (4, 2))), numbers, ""
    )
    made = template("pet-ct")
    form = filled(made, {**LYMPHOMA, "residual": "present"})
    form, _field = link_measurement(made, form, region, "lesion_suv")
    form = follow(made, form)
    assert (form.text("lesion_suv"), form.text("deauville")) == ("4.40", "4")


# --- radiographs


@pytest.mark.parametrize(
    ("width", "views", "expected"),
    [("150", "pa", "normal"), ("151", "pa", "enlarged"), ("151", "ap", "normal")],
)
def test_the_heart_is_enlarged_above_half_of_the_thorax_in_a_pa_view(width: str, views: str, expected: str) -> None:
    form = filled(template("chest-xray"), {"views": views, "heart_width": width, "thorax_width": "300"})
    assert form.text("heart_size") == expected
    assert form.text("ctr") == "0.50"


def test_kellgren_and_lawrence_has_five_grades() -> None:
    assert [each.value for each in template("skeleton-xray").fields["osteoarthritis"].options] == list("01234")


@pytest.mark.parametrize(
    ("answers", "workup", "outcome"),
    [
        ({}, "none", "normal"),
        ({"lung_fields": "residual"}, "none", "residual"),
        ({"hila": "calcified"}, "none", "residual"),
        ({"lung_fields": "opacity", "lesion_type": "calcified"}, "none", "residual"),
        ({"lung_fields": "opacity", "lesion_type": "infiltrate"}, "needed", ""),
        ({"lung_fields": "dissemination"}, "needed", ""),
        ({"lung_fields": "residual", "sinuses": "fluid"}, "needed", ""),
        ({"heart_size": "enlarged"}, "needed", ""),
        ({"quality": "nondiagnostic"}, "repeat", ""),
    ],
)
def test_fluorography_sorts_into_outcome_groups(answers: Answers, workup: str, outcome: str) -> None:
    made = template("fluorography")
    form = filled(made, answers)
    shown = "" if workup != "none" else form.text("outcome")
    assert (form.text("workup"), shown) == (workup, outcome)


def test_a_screening_opacity_that_needs_no_work_up_is_doubted() -> None:
    made = template("fluorography")
    form = filled(made, {"lung_fields": "opacity", "lesion_type": "round", "workup": "none"})
    assert contradictions(made, form) == ["workup"]


def test_a_second_reading_says_whether_it_agrees() -> None:
    made = template("fluorography")
    form = filled(made, {"reading": "second"})
    assert [(each.field_id, each.action) for each in problems(made, form, ())] == [("agreement", Completion.PROHIBIT)]
    form = follow(made, form.answer("agreement", "agree"))
    assert said(made, form, "impression_section") == (
        "Lungs and heart without visible abnormality. Screening result: normal. Agrees with the first reading."
    )
