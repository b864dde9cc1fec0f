"""How relevant an earlier study is for the one in hand: a score from 0 to 1, and why, in words.

Fixed weights: same region 0.4; same modality 0.3, a related one 0.15; recency 0.2 today, half of that after two years;
a report 0.1. Regions are told by Body Part Examined and by words of the description, in Russian or English.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date

from workstation.language import _, ngettext

REGION, MODALITY, RELATED, RECENCY, REPORT = 0.4, 0.3, 0.15, 0.2, 0.1
_HALVED_DAYS = 730

_FAMILIES = (
    frozenset({"CT", "MR", "PT", "NM"}),
    frozenset({"CR", "DX", "RF", "XA", "RG"}),
    frozenset({"MG", "US"}),
)
_REGIONS: Mapping[str, str] = {
    "chest": r"chest|thora|lung|pulm|\bogk\b|груд|л[её]гк|\bогк\b|флюоро",
    "abdomen": r"abd|liver|hepat|kidney|renal|pancrea|\bobp\b|живот|брюш|печен|почк|поджел|\bобп\b",
    "pelvis": r"pelvi|prostat|uter|bladder|\bтаз(?:а|у|ом|е)?\b|простат|матк|\bомт\b",
    "head": r"head|brain|skull|cerebr|crani|\bголов[аыу]\b|(?<!спинного )(?<!спинной )мозг|череп|\bгм\b",
    "neck": r"neck|cervical(?! spine)|larynx|thyroid|\bше[яи]\b|гортан|щитовид|шейн(?!\w* отдел)",
    "spine": r"spin[ae]|lumb|vertebr|sacr|позвон|поясн|крестц|шейн\w* отдел|спинн",
    "breast": r"breast|mammo|молочн|маммо|\bммг\b",
    "heart": r"heart|cardi|coron|сердц|корон",
    "extremity": (
        r"knee|\bhip\b|ankle|\bfoot\b|\bhand\b|wrist|elbow|shoulder|femur|tibia|extremit|"
        r"колен|тазобедр|голеностоп|\bстоп[аыу]\b|\bкист[ьи]\b|локт|плеч|бедр|голен|конечност"
    ),
}


def regions_of(text: str) -> frozenset[str]:
    """The regions that a Body Part Examined or a description means; empty when none is recognised."""
    lowered = text.casefold()
    return frozenset(region for region, words in _REGIONS.items() if re.search(words, lowered))


def relevance(
    *,
    region: str,
    other_region: str,
    modality: str,
    other_modalities: Collection[str],
    study_date: str,
    other_date: str,
    has_report: bool,
) -> tuple[float, str]:
    """The score of another study and its reasons; dates are `YYYYMMDD`, an empty `study_date` is today."""
    score, reasons = 0.0, []
    if regions_of(region) & regions_of(other_region):
        score += REGION
        reasons.append(_("same region"))
    if modality and modality in other_modalities:
        score += MODALITY
        reasons.append(_("same modality"))
    elif any(modality in family and not family.isdisjoint(other_modalities) for family in _FAMILIES):
        score += RELATED
        reasons.append(_("related modality"))
    days = _days_between(other_date, study_date)
    if days is not None:
        score += RECENCY / (1 + days / _HALVED_DAYS)
        reasons.append(_ago(days))
    if has_report:
        score += REPORT
        reasons.append(_("has a report"))
    return round(score, 4), ", ".join(reasons) or _("same patient")


def _days_between(earlier: str, later: str) -> int | None:
    try:
        end = date.fromisoformat(later) if later else date.today()  # noqa: DTZ011 - a civil date
        return abs((end - date.fromisoformat(earlier)).days)
    except ValueError:
        return None


def _ago(days: int) -> str:
    months = round(days / 30.44)
    if months == 0:
        return _("less than a month earlier")
    if months < 24:
        return ngettext("{count} month earlier", "{count} months earlier", months).format(count=months)
    years = round(days / 365.25)
    return ngettext("{count} year earlier", "{count} years earlier", years).format(count=years)
