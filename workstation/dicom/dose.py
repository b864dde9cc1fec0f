"""The dose numbers of a radiation dose report (RDSR), for the short table above its tree.

CT by TID 10011 and 10013, X-ray by TID 10001 to 10003 (PS3.16): numbers and units stay as written, nothing is added up
here that the report doesn't add up itself.
"""

from dataclasses import dataclass

from workstation.dicom.content import Code
from workstation.dicom.sr_tree import ContentLine, Report

_CT_EVENT, _XRAY_EVENT = "113819", "113706"
_TOTALS = {"113811", "113702", "113705"}  # CT Accumulated Dose Data; Accumulated X-Ray Dose Data, and of older reports
_PROTOCOL, _REGION, _CT_TYPE, _EVENT_TYPE, _PLANE = "125203", "123014", "113820", "113721", "113764"
# what a table shows of each, in its order
_CT_NUMBERS = ("113830", "113838")  # Mean CTDIvol, DLP
_XRAY_NUMBERS = ("122130", "113738", "111631")  # Dose Area Product, Dose (RP), Average Glandular Dose
_TOTAL_NUMBERS = (
    "113812",  # Total Number of Irradiation Events
    "113813",  # CT Dose Length Product Total
    "113722",  # Dose Area Product Total
    "113725",  # Dose (RP) Total
    "113726",  # Fluoro Dose Area Product Total
    "113727",  # Acquisition Dose Area Product Total
    "111637",  # Accumulated Average Glandular Dose
    "113730",  # Total Fluoro Time
)


@dataclass(frozen=True)
class DoseNumber:
    """A number as written, with its name and unit."""

    name: Code
    value: str
    unit: Code | None


@dataclass(frozen=True)
class Irradiation:
    """One irradiation: protocol, region and kind in the report's words, and its dose; None where it gives none."""

    protocol: str
    region: str
    kind: str
    numbers: tuple[DoseNumber | None, ...]


@dataclass(frozen=True)
class Dose:
    """`columns` names the numbers of each irradiation; `totals` are (plane, number) of the whole report."""

    columns: tuple[Code, ...]
    irradiations: tuple[Irradiation, ...]
    totals: tuple[tuple[str, DoseNumber], ...]


def dose_of(report: Report) -> Dose | None:
    """The dose numbers of a report; None when it is no dose report or holds none."""
    events: list[tuple[str, int]] = []
    totals: list[tuple[str, DoseNumber]] = []
    for index, line in enumerate(report.lines):
        concept = _concept(line)
        if concept in {_CT_EVENT, _XRAY_EVENT}:
            events.append((concept, index))
        elif concept in _TOTALS:
            plane = _word(report, index, _PLANE)
            found = (_number(report, index, wanted) for wanted in _TOTAL_NUMBERS)
            totals.extend((plane, number) for number in found if number is not None)
    wanted = tuple(
        number
        for kind, numbers in ((_CT_EVENT, _CT_NUMBERS), (_XRAY_EVENT, _XRAY_NUMBERS))
        if any(kind == event for event, _index in events)
        for number in numbers
    )
    rows = [
        Irradiation(
            _word(report, index, _PROTOCOL),
            _word(report, index, _REGION),
            _word(report, index, _CT_TYPE) or _word(report, index, _EVENT_TYPE),
            tuple(_number(report, index, number) for number in wanted),
        )
        for _event, index in events
    ]
    if not rows and not totals:
        return None
    # a column that no irradiation fills says nothing
    used = [n for n in range(len(wanted)) if any(row.numbers[n] is not None for row in rows)]
    columns = tuple(next(row.numbers[n] for row in rows if row.numbers[n] is not None).name for n in used)  # type: ignore[union-attr]
    narrowed = tuple(
        Irradiation(row.protocol, row.region, row.kind, tuple(row.numbers[n] for n in used)) for row in rows
    )
    return Dose(columns, narrowed, tuple(totals))


def _concept(line: ContentLine) -> str:
    return line.name.value if line.name is not None and line.name.scheme == "DCM" else ""


def _word(report: Report, index: int, concept: str) -> str:
    return next((line.value for _at, line in report.below(index) if _concept(line) == concept), "")


def _number(report: Report, index: int, concept: str) -> DoseNumber | None:
    for _at, line in report.below(index):
        if _concept(line) == concept and line.value_type == "NUM" and line.name is not None and line.value:
            return DoseNumber(line.name, line.value, line.unit)
    return None
