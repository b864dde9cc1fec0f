"""Words for values: names, dates, ages, states, as the reader's language writes them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from workstation.dicom.content import Code
from workstation.dicom.undeclared_text import NAMES
from workstation.language import N_, _, current_language

STATES = {
    "requested": N_("Requested"),
    "claiming": N_("Claiming"),
    "claimed": N_("Claimed"),
    "reading": N_("Reading"),
    "impression_locked": N_("Impression locked"),
    "drafting": N_("Drafting"),
    "signed": N_("Signed"),
    "queued": N_("In the outbox"),
    "stored": N_("Stored"),
    "confirmed": N_("Confirmed"),
    "linked": N_("Linked"),
    "done": N_("Done"),
    "returned": N_("Returned"),
    "rejected": N_("Rejected"),
    "superseded": N_("Superseded"),
    "lost": N_("Lost"),
    "import": N_("Imported, for viewing"),
}
KINDS = {"first": N_("First reading"), "second": N_("Second opinion")}
PRIORITIES = {"HIGH": N_("Urgent"), "MEDIUM": N_("Routine"), "LOW": N_("Low")}
SEXES = {"F": N_("F"), "M": N_("M"), "O": N_("O")}
REGIONS = {
    "CHEST": N_("Chest"),
    "LUNG": N_("Lung"),
    "ABDOMEN": N_("Abdomen"),
    "HEAD": N_("Head"),
    "BRAIN": N_("Brain"),
    "SPINE": N_("Spine"),
    "PELVIS": N_("Pelvis"),
    "BREAST": N_("Breast"),
    "PROSTATE": N_("Prostate"),
}


def worded(table: dict[str, str], value: str) -> str:
    """The word for a coded value; a value without a word is shown as it is."""
    return _(table[value]) if value in table else value


def person_name(name: str) -> str:
    """A DICOM PN (`Family^Given^Middle^Prefix^Suffix`, groups by `=`) as it is said: the first group with text."""
    group = next((part for part in name.split("=") if part.strip("^ ")), "")
    return " ".join(part for part in group.split("^")[:3] if part.strip())


def coded(code: Code) -> str:
    """A coded concept with its code, as it is told on hover."""
    return f"{code.meaning} ({code.value}, {code.scheme})" if code.value else code.meaning


def encoding_note(codec: str) -> str:
    """What to say beside texts that were not read by the encoding their object declares; empty where they were."""
    return _("texts read as {encoding}, which they don't declare").format(encoding=NAMES[codec]) if codec else ""


def short_date(date: str) -> str:
    """`YYYYMMDD` by the language's habit: 24.11.2026 in Russian, 2026-11-24 elsewhere; other text as it is."""
    if len(date) != 8 or not date.isdigit():
        return date
    if current_language() == "ru":
        return f"{date[6:]}.{date[4:6]}.{date[:4]}"
    return f"{date[:4]}-{date[4:6]}-{date[6:]}"


def short_time(moment: datetime | None) -> str:
    """Date and minute in local time, or nothing."""
    if moment is None:
        return ""
    local = moment.astimezone()
    return f"{short_date(local.strftime('%Y%m%d'))} {local.strftime('%H:%M')}"


def until(deadline: datetime | None, now: datetime | None = None) -> tuple[str, str]:
    """A deadline as a countdown, and its urgency: "", "soon" (within two hours) or "overdue"."""
    if deadline is None:
        return "", ""
    left = deadline - (now or datetime.now(UTC))
    if left < timedelta(0):
        return _("−{span}").format(span=span(left)), "overdue"
    return span(left), "soon" if left < timedelta(hours=2) else ""


def span(time: timedelta) -> str:
    """A stretch of time, forwards or backwards, to the minute; from two days on to the day."""
    minutes = int(abs(time).total_seconds() // 60)
    if minutes < 60:
        return _("{minutes} min").format(minutes=minutes)
    if minutes < 48 * 60:
        return _("{hours} h {minutes:02d} min").format(hours=minutes // 60, minutes=minutes % 60)
    return _("{days} d").format(days=minutes // (24 * 60))


def sex_and_age(sex: str, age: int | None) -> str:
    """`F · 54`: sex and age at the study."""
    parts = [worded(SEXES, sex)] if sex else []
    if age is not None:
        parts.append(str(age))
    return " · ".join(parts)


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as a person writes them: 3, 7–9."""
    written: list[list[int]] = []
    for number in sorted(set(numbers)):
        if written and number == written[-1][1] + 1:
            written[-1][1] = number
        else:
            written.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in written)
