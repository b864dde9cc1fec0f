"""Reports of X-ray and PET studies as they are read: choices and numbers only, no typed text, in both languages."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.reporting.test_templates_xray import (
    AFTER,
    DIAGNOSTIC,
    IMAGE,
    LAD,
    LYMPHOMA,
    NAMES,
    RCA,
    Answers,
    bone,
    filled,
    mass,
    said,
    template,
)
from workstation.dicom.content import Code, DocumentUids, Observer, Order, Patient, StudyHeader
from workstation.dicom.sr import write_conclusion
from workstation.reporting.conclusion import build_conclusion
from workstation.reporting.validation import problems

ABNORMAL: dict[str, tuple[Answers, str, str]] = {
    "mammography": (
        {**DIAGNOSTIC, **mass("high", "irregular", "spiculated"), "l_calc": "vascular", "follow_up": ("us",)},
        (
            "Правая молочная железа: образование в верхненаружном квадранте, высокой плотности, с лучистыми контурами, "
            "14 мм.\nЛевая молочная железа: сосудистые кальцинаты.\nКатегории BI-RADS. Справа: BI-RADS 5, высокая "
            "вероятность злокачественности (95% и более). Слева: BI-RADS 2, доброкачественные изменения. "
            "В целом: BI-RADS 5."
        ),
        (
            "Right breast: mass in the upper outer quadrant, high density, with spiculated margins, 14 mm.\n"
            "Left breast: vascular calcifications.\nBI-RADS categories. Right: BI-RADS 5, highly suggestive of "
            "malignancy (95% or more). Left: BI-RADS 2, benign. Overall: BI-RADS 5."
        ),
    ),
    "chest-xray": (
        {
            "lung_fields": "opacity",
            "lesion_type": "infiltrate",
            "lesion_zone": "right_lower",
            "lesion_size": "60",
            "sinuses": "right",
            "effusion_size": "small",
            "follow_up": ("control",),
        },
        (
            "Затенение в нижнем поле правого лёгкого: инфильтрация, 60 мм.\n"
            "Правосторонний плевральный выпот, небольшой, в пределах синуса."
        ),
        (
            "Opacity in the right lower zone: airspace consolidation, 60 mm.\n"
            "Right pleural effusion, small, within the costophrenic angle."
        ),
    ),
    "fluorography": (
        {
            "lung_fields": "opacity",
            "lesion_type": "infiltrate",
            "lesion_zone": "right_upper",
            "lesion_size": "22",
            "suspicion": "tuberculosis",
            "follow_up": ("ct", "tuberculosis"),
        },
        (
            "Затенение в верхнем поле правого лёгкого: инфильтрация, 22 мм. "
            "Результат скрининга: подозрение на туберкулёз, требуется дообследование."
        ),
        (
            "Opacity in the right upper zone: airspace consolidation, 22 mm. "
            "Screening result: suspected tuberculosis, work-up needed."
        ),
    ),
    "skeleton-xray": (
        {
            "region": "wrist",
            "side": "left",
            "fracture": "one",
            "fracture_bone": "radius",
            "fracture_segment": "distal",
            "ao_end": "a",
            "displacement": "displaced",
            "displacement_mm": "4",
            "displacement_direction": "dorsal",
            "follow_up": ("trauma", "control"),
        },
        "Перелом лучевой кости, дистальный сегмент, внесуставной, тип A по АО.\nОтломки смещены на 4 мм к тылу.",
        (
            "Fracture of the radius, distal segment, extra-articular, AO type A.\n"
            "The fragments are displaced by 4 mm dorsally."
        ),
    ),
    "densitometry": (
        {"group": "postmenopausal", **bone(spine_t="-3.1", neck_t="-2.2"), "follow_up": ("year",)},
        "Остеопороз.",
        "Osteoporosis.",
    ),
    "coronary-angiography": (
        {
            "dominance": "right",
            **LAD,
            "segment_6": "85",
            "segment_9": "40",
            "lad_timi": "2",
            **RCA,
            "segment_2": "100",
            "rca_timi": "0",
            "follow_up": ("heart_team",),
        },
        (
            "Двухсосудистое поражение.\nПНА: тяжёлый стеноз (70–99%), кровоток TIMI 2 (замедлен).\n"
            "ПКА: окклюзия, кровоток TIMI 0 (отсутствует)."
        ),
        (
            "Two-vessel disease.\nLAD: severe stenosis (70–99%), TIMI 2 flow (partial perfusion).\n"
            "RCA: occlusion, TIMI 0 flow (no perfusion)."
        ),
    ),
    "pet-ct": (
        {
            **LYMPHOMA,
            "chest_uptake": "pathological",
            "chest_sites": ("mediastinal_nodes",),
            "chest_suv": "4.4",
            "residual": "present",
            "lesion_suv": "4.4",
            "response": "partial",
            "follow_up": ("haematology",),
        },
        (
            "Грудная клетка: патологическое накопление (лимфатические узлы средостения), SUVmax 4,4.\n"
            "Deauville: 4 балла, накопление умеренно выше печени.\nЧастичный метаболический ответ."
        ),
        (
            "Chest: pathological uptake (mediastinal lymph nodes), SUVmax 4.4.\n"
            "Deauville: 4, uptake moderately above the liver.\nPartial metabolic response."
        ),
    ),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_an_abnormal_study_needs_no_typed_text_and_reads_well(name: str, language: str, tmp_path: Path) -> None:
    made = template(name, language)
    answers, russian, english = ABNORMAL[name]
    form = filled(made, answers)
    assert problems(made, form, ()) == ()
    assert said(made, form, "impression_section") == (russian if language == "ru" else english)
    conclusion = build_conclusion(
        made,
        form,
        patient=Patient("Test^Case", "P-1"),
        study=StudyHeader("1.2.3", study_date="20250314"),
        order=Order(reason="?"),
        observer=Observer("Reader^Anna", "Centre", Code("7", "99IRIS", "Reader")),
        measurements=(),
        key_images=(),
        evidence=(IMAGE,),
        uids=DocumentUids(*(f"2.25.{number}" for number in range(8))),
        observed_at=datetime(2025, 3, 14, 10, 0, tzinfo=UTC),
        completeness="1 / 1",
    )
    file = tmp_path / "conclusion.dcm"
    file.write_bytes(write_conclusion(conclusion))
    checked = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
    assert b"Error" not in checked.stdout + checked.stderr
    assert b"EnhancedSR" in checked.stdout + checked.stderr


def test_the_whole_report_of_a_fracture_in_russian() -> None:
    made = template("skeleton-xray", "ru")
    form = filled(made, {**ABNORMAL["skeleton-xray"][0], "angulation": "15", "fracture_pattern": "transverse"})
    assert said(made, form, "technique") == (
        "Рентгенография лучезапястного сустава слева от 14.03.2025, в двух проекциях. Качество снимков диагностическое."
    )
    assert said(made, form, "findings") == (
        "Травма. Перелом лучевой кости, дистальный сегмент, поперечный, внесуставной, тип A по АО. "
        "Отломки смещены на 4 мм к тылу, под углом 15°.\n"
        "Суставы и позвоночник. Суставные поверхности конгруэнтны. Признаков остеоартроза нет.\n"
        "Структура кости и мягкие ткани. Структура кости не изменена. Мягкие ткани не изменены."
    )


def test_the_whole_report_of_a_densitometry_in_english() -> None:
    made = template("densitometry")
    answers = {
        "group": "postmenopausal",
        "comparison_study": "prior",
        "spine_bmd": "0.754",
        "spine_t": "-3.1",
        "spine_z": "-1.4",
        "spine_change": "-4.2",
        "spine_lsc": "2.8",
    }
    form = filled(made, answers, AFTER)
    assert said(made, form, "findings") == (
        "Lumbar spine. BMD 0.754 g/cm², T-score −3.1, Z-score −1.4. "
        "BMD change −4.2%, least significant change 2.8%, a significant loss.\n"
        "Fractures and risk. No known fragility fracture.\n"
        "Assessment. WHO class by the lowest T-score: osteoporosis."
    )
    assert said(made, form, "impression_section") == (
        "Osteoporosis.\nLumbar spine: BMD change −4.2%, a significant loss."
    )
