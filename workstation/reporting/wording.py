"""Numbers, units, dates and the few words that the program itself puts into a report, in the report's language.

The report's language is the template's, not the program's, so these are not in the gettext catalogue.
"""

import re
from datetime import date, datetime

from workstation.reporting.condition import number_of
from workstation.reporting.structure import Language

_UNITS_RU = {
    "mm": "мм",
    "cm": "см",
    "mm2": "мм²",
    "cm2": "см²",
    "ml": "мл",
    "[hnsf'U]": "HU",
    "mGy.cm": "мГр·см",
    "mGy": "мГр",
    "Gy": "Гр",
    "Gy.m2": "Гр·м²",
    "dGy.cm2": "дГр·см²",
    "mGy.cm2": "мГр·см²",
    "mSv": "мЗв",
    "a": "лет",
    "deg": "°",
    "s": "с",
    "{pixels}": "пикс.",
    "g/ml{SUVbw}": "г/мл SUVbw",
    "{pixels}2": "пикс.²",
    "Bq/ml": "Бк/мл",
    "cm/s": "см/с",
    "ng/ml": "нг/мл",
    "ng/ml2": "нг/мл²",
    "g/cm2": "г/см²",
    "MBq": "МБк",
    "min": "мин",
    "mmol/L": "ммоль/л",
}
_UNITS_EN = {
    "ng/ml": "ng/mL",
    "ng/ml2": "ng/mL²",
    "mm2": "mm²",
    "cm2": "cm²",
    "g/cm2": "g/cm²",
    "ml": "mL",
    "[hnsf'U]": "HU",
    "mGy.cm": "mGy·cm",
    "Gy.m2": "Gy·m²",
    "dGy.cm2": "dGy·cm²",
    "mGy.cm2": "mGy·cm²",
    "a": "y",
    "deg": "°",
    "{pixels}": "px",
    "g/ml{SUVbw}": "g/ml SUVbw",
    "{pixels}2": "px²",
}

# where millimetres come from, as `dicom.spacing` says it
_SPACING_SOURCES_RU = {
    "patient geometry": "по геометрии снимка",
    "calibrated": "по калибровке",
    "magnification-corrected, assumed depth": "с поправкой на увеличение, глубина предполагаемая",
    "detector plane, uncorrected": "в плоскости детектора, без поправки",
    "estimated from magnification": "оценка по увеличению",
    "film, nominal": "по номинальному размеру плёнки",
    "ultrasound region": "по разметке УЗ-области",
    "corrected, method not stated": "с поправкой, способ не указан",
    "as the file states": "как указано в файле",
    "calibrated by the reader": "по калибровке врачом",
}
# the remarks of a measurement, as `viewing.drawings` and `dicom.detector` say them
_REMARKS_RU = {
    r"doubtful spacing: it does not fit the detector's elements": "масштаб сомнителен: не равен шагу детектора",
    r"doubtful spacing: image and field of view differ in size": "масштаб сомнителен: размер не равен полю детектора",
    r"on a slab of (?P<mm>[\d.]+) mm \((?P<mode>\w+)\)": "в слое {mm} мм ({mode})",
    r"samples interpolated, (?P<mm>[\d.]+) mm apart": "интерполяция, шаг {mm} мм",
    r"values: (?P<name>.+)": "величина: {name}",
    r"length of (?P<mm>[\d.]+) mm entered by the reader": "длина {mm} мм введена врачом",
}
_SLABS_RU = {"mean": "среднее", "mip": "MIP", "minip": "MinIP"}
_MONTHS_EN = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WORDS: dict[Language, dict[str, str]] = {
    "ru": {
        "and": "и",
        "measurement": "Измерение",
        "area": "площадь",
        "mean": "среднее",
        "deviation": "СО",
        "minimum": "мин.",
        "maximum": "макс.",
        "no unit": "без единицы: масштаб неизвестен",
        "request": "Вопрос",
        "history": "Анамнез",
        "clinical information": "Клинические данные",
        "years": "лет",
        "male": "мужской",
        "female": "женский",
    },
    "en": {
        "and": "and",
        "measurement": "Measurement",
        "area": "area",
        "mean": "mean",
        "deviation": "SD",
        "minimum": "min.",
        "maximum": "max.",
        "no unit": "no unit: scale unknown",
        "request": "Question",
        "history": "History",
        "clinical information": "Clinical information",
        "years": "years",
        "male": "male",
        "female": "female",
    },
}


def word(name: str, language: Language) -> str:
    """A word of the program in the report's language."""
    return _WORDS[language][name]


def unit_text(unit: str, language: Language) -> str:
    """A UCUM unit as it is printed."""
    if unit == "1":
        return ""
    return (_UNITS_RU if language == "ru" else _UNITS_EN).get(unit, unit)


def with_unit(number: str, unit: str, language: Language) -> str:
    """Number and unit, held together by a no-break space where the language sets one."""
    text = unit_text(unit, language)
    if not text:
        return number
    close = text == "°" or (text == "%" and language == "en")
    return f"{number}{text}" if close else f"{number}\N{NO-BREAK SPACE}{text}"


def typed_number_text(text: str, language: Language) -> str:
    """What was typed, with the language's decimal sign; unchanged when it is no number."""
    if number_of(text) is None:
        return text.strip()
    tidy = text.strip().replace("-", "\N{MINUS SIGN}").replace(",", ".")
    return tidy.replace(".", ",") if language == "ru" else tidy


def parse_date(text: str) -> date | None:
    """A date written `YYYYMMDD`, `YYYY-MM-DD` or `DD.MM.YYYY`."""
    for pattern in ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(text.strip(), pattern).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    return None


def date_text(text: str, language: Language) -> str:
    """A DICOM date as the language writes it; unchanged when it is no date."""
    day = parse_date(text)
    if day is None:
        return text.strip()
    if language == "ru":
        return f"{day.day:02}.{day.month:02}.{day.year}"
    return f"{day.day}\N{NO-BREAK SPACE}{_MONTHS_EN[day.month - 1]} {day.year}"


def spacing_text(source: str, language: Language) -> str:
    """The source of the millimetres in the report's language."""
    return _SPACING_SOURCES_RU.get(source, source) if language == "ru" else source


def remark_text(remark: str, language: Language) -> str:
    """What belongs beside a measurement's numbers, in the report's language."""
    if language != "ru":
        return remark
    said = []
    for part in remark.split("; "):
        for pattern, text in _REMARKS_RU.items():
            if found := re.fullmatch(pattern, part):
                named = {"mm": "", "mode": "", "name": "", **found.groupdict()}
                number, mode = named["mm"].replace(".", ","), _SLABS_RU.get(named["mode"], "")
                part = text.format(mm=number, mode=mode, name=named["name"])
        said.append(part)
    return "; ".join(said)


def joined(words: list[str], language: Language) -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {word('and', language)} {words[-1]}"
