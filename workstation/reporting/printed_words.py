"""The words of the printed conclusion, and how it writes people, ages and moments, in the report's language."""

from datetime import datetime

from workstation.reporting.structure import Language
from workstation.reporting.wording import date_text, parse_date

_PRINTED: dict[Language, dict[str, str]] = {
    "ru": {
        "document": "Заключение врача-рентгенолога",
        "patient": "Пациент",
        "born": "Дата рождения, возраст",
        "sex": "Пол",
        "sex M": "мужской",
        "sex F": "женский",
        "sex O": "другой",
        "identifier": "Номер пациента",
        "referrer": "Направил",
        "study date": "Дата исследования",
        "modality": "Вид исследования",
        "accession": "Номер исследования",
        "key images": "Ключевые снимки",
        "measurements": "Измерения",
        "measurement": "Измерение",
        "what": "Что измерено",
        "value": "Значение",
        "study": "Исследование",
        "spacing": "Источник масштаба",
        "no scale": "масштаб неизвестен",
        "station": "Рабочее место",
        "signed by": "Подписано электронной подписью",
        "signed at": "Дата и время заключения",
        "verify": "Подлинность проверяется по электронной подписи этого файла.",
        "reading": "Исследование",
        "code": "Код заключения",
        "match": "Тот же код программа показывает при проверке подписанного документа.",
        "page": "стр. {number} из {count}",
    },
    "en": {
        "document": "Radiology report",
        "patient": "Patient",
        "born": "Born, age",
        "sex": "Sex",
        "sex M": "male",
        "sex F": "female",
        "sex O": "other",
        "identifier": "Patient ID",
        "referrer": "Referred by",
        "study date": "Date of study",
        "modality": "Modality",
        "accession": "Accession number",
        "key images": "Key images",
        "measurements": "Measurements",
        "measurement": "Measurement",
        "what": "What",
        "value": "Value",
        "study": "Study of",
        "spacing": "Scale taken from",
        "no scale": "scale unknown",
        "station": "Workstation",
        "signed by": "Signed electronically by",
        "signed at": "Reported at",
        "verify": "Authenticity is verified by the electronic signature in this file.",
        "reading": "The reading",
        "code": "Report code",
        "match": "The same code is told when the signed report is verified.",
        "page": "page {number} of {count}",
    },
}


def printed(language: Language) -> dict[str, str]:
    """The words of the page."""
    return _PRINTED[language]


def person_text(name: str, language: Language) -> str:
    """A DICOM person name (PS3.5 6.2.1.1) as one writes it: `Family Given Middle`, `Family, Given Middle`."""
    groups = [group for group in name.split("=") if group.strip("^ ")]
    if not groups:
        return ""
    family, *given = [part.strip() for part in groups[0].split("^")][:3]
    rest = " ".join(part for part in given if part)
    if not (family and rest):
        return family or rest
    return f"{family} {rest}" if language == "ru" else f"{family}, {rest}"


def age_text(birth_date: str, study_date: str, language: Language) -> str:
    """The age in full years at the study, "" when a date is missing."""
    born, then = parse_date(birth_date), parse_date(study_date)
    if born is None or then is None or then < born:
        return ""
    years = then.year - born.year - ((then.month, then.day) < (born.month, born.day))
    if language == "en":
        return f"{years}\N{NO-BREAK SPACE}{'year' if years == 1 else 'years'}"
    if years % 10 == 1 and years % 100 != 11:
        noun = "год"
    elif years % 10 in (2, 3, 4) and years % 100 not in (12, 13, 14):
        noun = "года"
    else:
        noun = "лет"
    return f"{years}\N{NO-BREAK SPACE}{noun}"


def moment_text(moment: datetime, language: Language) -> str:
    """Date and time with the offset from UTC, without which a time says little between regions."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("the moment needs a time zone")
    minutes = int(offset.total_seconds() // 60)
    sign = "+" if minutes >= 0 else "\N{MINUS SIGN}"
    hours, rest = divmod(abs(minutes), 60)
    zone = f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")
    return f"{date_text(moment.strftime('%Y%m%d'), language)}, {moment:%H:%M} ({zone})"
