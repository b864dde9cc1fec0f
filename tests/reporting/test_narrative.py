"""Answers become sentences: written by hand here as a radiologist would, in both languages."""

from dataclasses import replace

import pytest

from workstation.dicom.content import Anchor, Code, ImageReference, Measurement, Quantity
from workstation.language import number_text
from workstation.reporting.condition import number_of
from workstation.reporting.findings import by_uid, measurement_text
from workstation.reporting.form import Form
from workstation.reporting.linking import link_measurement
from workstation.reporting.merge import start_form, take_normal
from workstation.reporting.narrative import section_text
from workstation.reporting.sentence import PatternUnreadable, as_sentence, parse_pattern
from workstation.reporting.template import template_for
from workstation.reporting.wording import date_text

IMAGE = ImageReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5")
CASE = {"study.date": "20250314", "prior.date": "20240310", "series.slice_thickness_mm": "1"}


def length(uid: str, value: float) -> Measurement:
    quantity = Quantity(Code("410668003", "SCT", "Length"), value, Code("mm", "UCUM", "millimeter"))
    return Measurement(uid, "", "length", Anchor(IMAGE, "POLYLINE", ((0, 0), (9, 9))), (quantity,), "Pixel Spacing")


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def said(language: str, section_id: str, form: Form, *measurements: Measurement) -> str:
    template = template_for("CT", "CHEST", language)
    section = next(each for each in template.sections if each.section_id == section_id)
    return plain(section_text(template, form, section, by_uid(measurements)))


def started(language: str) -> Form:
    return start_form(template_for("CT", "CHEST", language), CASE)


def test_technique_and_comparison_in_russian() -> None:
    form = (
        started("ru").answer("contrast", "iv").answer("contrast_agent", "йогексол 350").answer("contrast_volume", "80")
    )
    assert said("ru", "technique", form) == (
        "КТ органов грудной клетки от 14.03.2025, толщина среза 1 мм. "
        "С внутривенным контрастированием: йогексол 350, 80 мл."
    )
    form = form.answer("comparison_study", "prior").answer("change", "stable")
    assert said("ru", "comparison", form) == "Сравнение с КТ от 10.03.2024. Существенной динамики нет."


def test_technique_and_comparison_in_english() -> None:
    form = started("en").answer("contrast", "none")
    assert said("en", "technique", form) == (
        "CT of the chest performed on 14 March 2025, slice thickness 1 mm. No intravenous contrast."
    )
    form = form.answer("comparison_study", "none")
    assert said("en", "comparison", form) == "No prior study is available for comparison."


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "ru",
            (
                "Очаги. Выявлено несколько очагов, описаны наибольшие.\n"
                "Очаг 1. Солидный очаг в верхней доле правого лёгкого, с лучистыми контурами, 12,4 мм (Pixel Spacing), "
                "увеличился.\n"
                "Очаг 2. Очаг по типу «матового стекла» в язычковых сегментах левого лёгкого, 6,0 мм (Pixel Spacing)."
            ),
        ),
        (
            "en",
            (
                "Nodules. Several nodules, the largest are described.\n"
                "Nodule 1. Solid nodule in the right upper lobe, with spiculated margins, 12.4 mm (Pixel Spacing), "
                "larger than before.\n"
                "Nodule 2. Ground-glass nodule in the lingula, 6.0 mm (Pixel Spacing)."
            ),
        ),
    ],
)
def test_linked_nodules_name_number_unit_and_where_the_spacing_came_from(language: str, expected: str) -> None:
    template = template_for("CT", "CHEST", language)
    measured = (length("2.25.1", 12.43), length("2.25.2", 6.0))
    form = started(language).answer("comparison_study", "prior")
    for each in measured:
        form, _field = link_measurement(template, form, each)
    for field, value in (
        *(("nodule_1_type", "solid"), ("nodule_1_lobe", "rul"), ("nodule_1_margin", "spiculated")),
        *(("nodule_1_change", "grown"), ("nodule_2_type", "ground_glass"), ("nodule_2_lobe", "lingula")),
    ):
        form = form.answer(field, value)
    assert said(language, "findings", form, *measured) == expected


def test_a_number_typed_over_a_measurement_claims_no_spacing() -> None:
    template = template_for("CT", "CHEST", "en")
    measured = length("2.25.1", 33.3)
    form, _field = link_measurement(template, started("en"), measured, "aorta")
    assert "Ascending aorta 33.3 mm (Pixel Spacing) in diameter." in said("en", "findings", form, measured)
    form = form.answer("aorta", "34")
    assert "Ascending aorta 34 mm in diameter." in said("en", "findings", form, measured)


def test_a_region_linked_to_a_text_is_said_after_it() -> None:
    hounsfield = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
    region = Measurement(
        "2.25.9",
        "Образование",
        "ellipse",
        Anchor(IMAGE, "ELLIPSE", ((0, 0), (9, 0), (4, -2), (4, 2))),
        (
            Quantity(Code("373098007", "SCT", "Mean"), -21.46, hounsfield),
            Quantity(Code("386136009", "SCT", "Standard Deviation"), 8.0, hounsfield),
            Quantity(Code("42798000", "SCT", "Area"), 153.7, Code("mm2", "UCUM", "square millimeter")),
        ),
        "Pixel Spacing",
    )
    template = template_for("CT", "CHEST", "ru")
    form, _field = link_measurement(template, started("ru"), region, "lungs_other")
    form = form.answer("lungs_other", "образование жировой плотности")
    assert said("ru", "findings", form, region) == (
        "Лёгкие. Образование жировой плотности. "
        "Образование: среднее −21,5 HU, СО 8,0 HU, площадь 154 мм² (Pixel Spacing)."
    )


def test_lines_of_a_paragraph_stay_lines() -> None:
    form = started("en").answer("impression", "first finding\n\n second finding")
    assert said("en", "impression_section", form) == "First finding.\nSecond finding."


def test_the_source_of_the_scale_is_translated() -> None:
    measured = replace(length("2.25.1", 7.0), spacing_source="detector plane, uncorrected")
    assert plain(measurement_text(measured, "en")) == "7.0 mm (detector plane, uncorrected)"
    assert plain(measurement_text(measured, "ru")) == "7,0 мм (в плоскости детектора, без поправки)"


def test_without_a_scale_the_number_says_so() -> None:
    unscaled = replace(length("2.25.1", 118.0), spacing_source="")
    unscaled = replace(unscaled, quantities=(replace(unscaled.primary, unit=None),))
    assert measurement_text(unscaled, "en") == "118.0 (no unit: scale unknown)"
    assert measurement_text(unscaled, "ru") == "118,0 (без единицы: масштаб неизвестен)"


def test_what_nobody_answered_is_not_mentioned() -> None:
    assert said("en", "findings", started("en")) == ""
    form = started("en").answer("effusion", "left")
    assert said("en", "findings", form) == "Pleura. Left pleural effusion."


def test_a_hidden_answer_is_not_said() -> None:
    form = started("en").answer("effusion", "left").answer("effusion_thickness", "21")
    assert said("en", "findings", form) == "Pleura. Left pleural effusion, up to 21 mm thick."
    assert said("en", "findings", form.answer("effusion", "none")) == "Pleura. No pleural effusion."


def test_the_normal_chest_reads_well() -> None:
    template = template_for("CT", "CHEST", "ru")
    pleura = next(each for each in template.sections[2].sections if each.section_id == "pleura")
    form = take_normal(template, started("ru"), pleura)
    assert said("ru", "findings", form) == "Плевра. Жидкости в плевральных полостях нет. Пневмоторакса нет."


def test_recommendations_are_joined_as_a_list() -> None:
    form = started("ru").answer("follow_up", ("oncology", "pet", "ct3"))
    assert said("ru", "recommendations", form) == "Контрольная КТ через 3 месяца, ПЭТ/КТ и консультация онколога."


@pytest.mark.parametrize(
    ("pattern", "answers", "expected"),
    [
        ("{a} in {b}", {"a": "nodule", "b": "lung"}, "nodule in lung"),
        ("{a} in {b}", {"a": "nodule"}, ""),
        ("{a}[ in {b}]", {"a": "nodule"}, "nodule"),
        ("{a|lesion}[ in {b}]", {"b": "lung"}, "lesion in lung"),
        ("{a}[, {b}[ ({c})]]", {"a": "x", "c": "z"}, "x"),
    ],
)
def test_brackets_go_with_their_answers(pattern: str, answers: dict[str, str], expected: str) -> None:
    assert parse_pattern(pattern).say(lambda name: answers.get(name, "")) == expected


@pytest.mark.parametrize("pattern", ["[a", "a]", "{a", "a}"])
def test_an_unmatched_bracket_is_no_pattern(pattern: str) -> None:
    with pytest.raises(PatternUnreadable):
        parse_pattern(pattern)


def test_a_sentence_has_a_capital_and_a_stop() -> None:
    assert as_sentence("очагов  нет ") == "Очагов нет."
    assert as_sentence("sure?") == "Sure?"
    assert as_sentence("  ") == ""


def test_numbers_and_dates_follow_the_language() -> None:
    assert (number_text(-0.04, 1, "en"), number_text(-3.25, 2, "ru")) == ("0.0", "−3,25")
    assert (number_of("12,5"), number_of("−7"), number_of("1e5"), number_of("")) == (12.5, -7.0, None, None)
    assert (date_text("20250105", "ru"), plain(date_text("20250105", "en"))) == ("05.01.2025", "5 January 2025")
    assert date_text("spring", "en") == "spring"
