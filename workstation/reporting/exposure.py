"""The radiation dose of a study in one line of the conclusion, from its dose reports, as they state it."""

from collections.abc import Iterable

from workstation.dicom.dose import Dose, DoseNumber
from workstation.reporting.structure import Language
from workstation.reporting.wording import typed_number_text, with_unit

# totals by their code in DCM, in the order of the line; the others are parts of these or count events
_TOTALS: dict[str, dict[Language, str]] = {
    "113813": {"ru": "DLP", "en": "DLP"},
    "113722": {"ru": "произведение дозы на площадь", "en": "dose area product"},
    "113725": {"ru": "доза в референтной точке", "en": "dose at the reference point"},
    "111637": {"ru": "средняя доза на железистую ткань", "en": "average glandular dose"},
}
_INDEX = "113830"  # Mean CTDIvol, of each irradiation
_WORDS: dict[Language, dict[str, str]] = {
    "ru": {"dose": "Лучевая нагрузка", "largest": "CTDIvol до {value}", "plane": "{name} ({plane})"},
    "en": {"dose": "Radiation dose", "largest": "CTDIvol up to {value}", "plane": "{name} ({plane})"},
}


def dose_line(doses: Iterable[Dose], language: Language) -> str:
    """`Radiation dose: DLP 512.3 mGy·cm, CTDIvol up to 12.3 mGy.`, a part for each report; "" without any number."""
    parts = dict.fromkeys(part for dose in doses if (part := _of_report(dose, language)))
    return f"{_WORDS[language]['dose']}: {'; '.join(parts)}." if parts else ""


def _of_report(dose: Dose, language: Language) -> str:
    words, said = _WORDS[language], []
    for code, names in _TOTALS.items():
        for plane, number in dose.totals:
            if number.name.value == code:
                name = names[language]
                told = words["plane"].format(name=name, plane=plane) if plane and _planes(dose) > 1 else name
                said.append(f"{told} {_value(number, language)}")
    indices = [one for row in dose.irradiations for one in row.numbers if one is not None and one.name.value == _INDEX]
    if indices:
        largest = max(indices, key=lambda one: _number(one.value))
        said.append(words["largest"].format(value=_value(largest, language)))
    return ", ".join(said)


def _planes(dose: Dose) -> int:
    return len({plane for plane, _number_ in dose.totals if plane})


def _value(number: DoseNumber, language: Language) -> str:
    """As written, or six digits of it where a scanner wrote all it had."""
    written = number.value if len(number.value) <= 8 else f"{_number(number.value):.6g}"
    return with_unit(typed_number_text(written, language), number.unit.value if number.unit else "1", language)


def _number(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return 0.0
