"""Query parameters of QIDO-RS and of the workitem search, and attribute matching on DICOM JSON.

PS3.18 8.3.4 has the parameters, PS3.4 C.2.2.2 the kinds of matching.
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from pydicom.datadict import dictionary_VR, tag_for_keyword

from workstation.demo.headers import Json

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NUMBERS = {"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"}
_MOMENT = re.compile(r"\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?")


class BadQuery(ValueError):
    """A search that the server does not understand."""


@dataclass(frozen=True)
class Condition:
    """One attribute that must match; `path` holds tags from the dataset downwards through sequences."""

    path: tuple[str, ...]
    vr: str
    value: str


@dataclass(frozen=True)
class Query:
    """A parsed search. `limit` None: as many as the server gives."""

    conditions: tuple[Condition, ...]
    include: frozenset[str]
    include_all: bool
    fuzzy: bool
    limit: int | None
    offset: int

    @property
    def tags(self) -> frozenset[str]:
        """The attributes to hand out beyond the level's own: those asked for and those matched."""
        return self.include | {condition.path[0] for condition in self.conditions}


def parse_query(parameters: Iterable[tuple[str, str]], ignored: Sequence[str] = ()) -> Query:
    """Query parameters, already percent-decoded → Query. Raises BadQuery for what is unknown."""
    conditions: list[Condition] = []
    include: set[str] = set()
    include_all = fuzzy = False
    limit: int | None = None
    offset = 0
    for name, value in parameters:
        if name in ignored:
            continue
        if name == "limit":
            limit = _count(name, value)
        elif name == "offset":
            offset = _count(name, value)
        elif name == "fuzzymatching":
            fuzzy = value.lower() == "true"
        elif name == "includefield":
            for field in filter(None, value.split(",")):
                if field == "all":
                    include_all = True
                else:
                    include.add(_path(field)[0])
        else:
            path = _path(name)
            vr = dictionary_VR(int(path[-1], 16))
            # an offset's plus sign that was sent raw has become a space
            conditions.append(Condition(path, vr, value.strip().replace(" ", "+") if vr == "DT" else value))
    return Query(tuple(conditions), frozenset(include), include_all, fuzzy, limit, offset)


def _count(name: str, value: str) -> int:
    if not value.isdecimal():
        raise BadQuery(f"{name} is no number")
    return int(value)


def _path(name: str) -> tuple[str, ...]:
    tags = []
    for part in name.split("."):
        tag = int(part, 16) if _TAG.fullmatch(part) else tag_for_keyword(part)
        if tag is None:
            raise BadQuery(f"no such attribute: {part}")
        try:
            dictionary_VR(tag)
        except KeyError as error:
            raise BadQuery(f"no such attribute: {part}") from error
        tags.append(f"{tag:08X}")
    return tuple(tags)


def matches(query: Query, dataset: Json) -> bool:
    """Whether a dataset fulfils every condition."""
    return all(_matches(condition, dataset, query.fuzzy) for condition in query.conditions)


def _matches(condition: Condition, dataset: Json, fuzzy: bool) -> bool:
    if condition.value in ("", "*"):
        return True
    found = _values(dataset, condition.path)
    if condition.vr == "PN":
        return any(_name_matches(condition.value, value, fuzzy) for value in found)
    if condition.vr == "UI":
        wanted = re.split(r"[,\\]", condition.value)
        return any(value in wanted for value in found)
    if condition.vr in ("DA", "TM", "DT"):
        return any(in_range(condition.value, str(value), condition.vr) for value in found)
    if condition.vr in _NUMBERS:
        return any(_number_matches(condition.value, value) for value in found)
    return any(_wild(condition.value, str(value)) for value in found)


def _values(dataset: Json, path: tuple[str, ...]) -> Iterator[object]:
    element = dataset.get(path[0])
    if not element:
        return
    for value in element.get("Value", ()):
        if len(path) == 1:
            yield value
        elif isinstance(value, dict):
            yield from _values(value, path[1:])


def _wild(pattern: str, value: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return pattern == value
    # brackets are no wildcards in DICOM
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def _name_matches(pattern: str, value: object, fuzzy: bool) -> bool:
    groups = [str(group) for group in value.values()] if isinstance(value, dict) else [str(value)]
    pattern = pattern.casefold().rstrip("^")
    for group in groups:
        name = group.casefold()
        if _wild(pattern, name.rstrip("^")):
            return True
        parts = re.split(r"[\^\s]+", name)
        words = [word.strip("*") for word in re.split(r"[\^\s]+", pattern)]
        if fuzzy and all(any(part.startswith(word) for part in parts) for word in words):
            return True
    return False


def _number_matches(wanted: str, value: object) -> bool:
    try:
        return float(wanted) == float(str(value))
    except ValueError:
        return wanted == str(value)


def in_range(wanted: str, value: str, vr: str) -> bool:
    """Range or single-value matching of dates, times and date-times (PS3.4 C.2.2.2.5)."""
    low, high = bounds(wanted, vr)
    if vr == "DT":
        moment = parse_moment(value)[0]
        return (low == "" or parse_moment(low)[0] <= moment) and (high == "" or moment <= parse_moment(high)[1])
    value = value.strip()
    # a shorter bound stands for all that begins with it: 1015 holds 101530
    return (low == "" or value >= low) and (high == "" or value[: len(high)] <= high)


def bounds(wanted: str, vr: str) -> tuple[str, str]:
    """The ends of a range; in a date-time a `-` may also begin an offset from UTC."""
    if vr != "DT":
        low, dash, high = wanted.partition("-")
        return (low.strip(), high.strip()) if dash else (wanted.strip(), wanted.strip())
    wanted = wanted.strip()
    for index, character in enumerate(wanted):
        if character != "-":
            continue
        low, high = wanted[:index], wanted[index + 1 :]
        whole = (low == "" or _MOMENT.fullmatch(low)) and (high == "" or _MOMENT.fullmatch(high))
        if whole and not _MOMENT.fullmatch(wanted):
            return low, high
    if not _MOMENT.fullmatch(wanted):
        raise BadQuery("no date-time or range")
    return wanted, wanted


def parse_moment(text: str) -> tuple[datetime, datetime]:
    """The first and the last instant that a DT value means; without an offset it is local time."""
    match = re.fullmatch(r"(\d{4,14})(?:\.(\d{1,6}))?([+-]\d{4})?", text.strip())
    if match is None:
        raise BadQuery("no date-time")
    digits, fraction, offset = match.groups()
    full = (digits + "00000101000000"[len(digits) :])[:14]
    first = datetime.strptime(full, "%Y%m%d%H%M%S")  # noqa: DTZ007 - the zone follows
    if fraction:
        first = first.replace(microsecond=int(fraction.ljust(6, "0")))
    if offset:
        sign = -1 if offset[0] == "-" else 1
        shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
        first = first.replace(tzinfo=timezone(sign * shift))
    else:
        first = first.astimezone()
    last = first
    if not fraction:
        last = first + {14: timedelta(seconds=1), 12: timedelta(minutes=1), 10: timedelta(hours=1)}.get(
            len(digits), timedelta(days={8: 1, 6: 31}.get(len(digits), 366))
        )
        last -= timedelta(microseconds=1)
    return first.astimezone(UTC), last.astimezone(UTC)
