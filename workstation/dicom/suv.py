"""Standardised uptake values by body weight: the factor of a PET stack, or the element for which there is none.

After the vendor-neutral pseudo-code of the QIBA FDG-PET/CT profile (SUV Technical Committee): activity in Bq/ml times
weight over the dose as it had decayed at the time to which the images are corrected.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from workstation.dicom.geometry import Stack
from workstation.dicom.instance import Instance
from workstation.dicom.uptake import Uptake
from workstation.language import _

SUV_UNIT = "SUVbw"
"""The unit of a stack whose values are SUV by body weight, in g/ml."""

_MOST_HALF_LIVES = 10
# a dose in MBq, as nuclear medicine writes it, is below any that a PET is made with in Bq
_LEAST_DOSE_BQ = 1e5
_DAY = timedelta(days=1)


class _NoSuvError(Exception):
    """Why there is none, in words."""


def in_suv(stack: Stack) -> tuple[Stack, str]:
    """The stack with SUV for values, windows too, or as it is and the reason for it; no reason for other modalities.

    The slope of each image is its own and stays so, times one factor for all.
    """
    uptake = stack.first.uptake
    if uptake is None or stack.first.pixels is None or stack.first.pixels.colour:
        return stack, ""
    try:
        factor = suv_factor([ref.instance for ref in stack.frames])
    except _NoSuvError as error:
        return stack, str(error)
    return stack.read_from({uid: _scaled(instance, factor) for uid, instance in stack.instances.items()}), ""


def _scaled(instance: Instance, factor: float) -> Instance:
    frames = tuple(
        replace(
            frame,
            slope=frame.slope * factor,
            intercept=frame.intercept * factor,
            rescale_type="",
            windows=tuple(window.moved(factor, 0.0) for window in frame.windows),
            voi_tables=(),
        )
        for frame in instance.frames
    )
    return replace(instance, frames=frames, units=SUV_UNIT)


def suv_factor(instances: Sequence[Instance]) -> float:
    """What turns the values of a series into SUV by body weight (g/ml); `_NoSuvError` says what is in the way."""
    first, uptake = instances[0], instances[0].uptake
    if uptake is None:
        raise _NoSuvError(_("not a PET image"))
    if {"ATTN", "DECY"} - set(uptake.corrections):
        raise _NoSuvError(_("Corrected Image (0028,0051) lacks attenuation or decay correction"))
    if first.modality_table is not None:
        raise _NoSuvError(_("a modality LUT stands in the place of a slope"))
    if first.units == "GML":
        if uptake.suv_type not in ("", "BW"):
            raise _NoSuvError(_("SUV Type (0054,1006) is {kind}").format(kind=uptake.suv_type))
        return 1.0
    if first.units == "CNTS":
        if uptake.philips_suv:
            return uptake.philips_suv
        if uptake.philips_activity:
            return uptake.philips_activity * _by_weight(instances)
    elif first.units == "BQML":
        return _by_weight(instances)
    raise _NoSuvError(_("Units (0054,1001) are {units}").format(units=first.units or _("not stated")))


def _by_weight(instances: Sequence[Instance]) -> float:
    """g over the Bq that were left of the dose when the images are corrected to: (g/ml)/(Bq/ml)."""
    uptake = instances[0].uptake
    assert uptake is not None
    weight = _positive(uptake.weight_kg, _("Patient's Weight (0010,1030)"))
    dose = _positive(uptake.dose_bq, _("Radionuclide Total Dose (0018,1074)"))
    if dose < _LEAST_DOSE_BQ:
        raise _NoSuvError(_("Radionuclide Total Dose (0018,1074) is not in Bq"))
    told = {(each.uptake.weight_kg, each.uptake.dose_bq) for each in instances if each.uptake is not None}
    if len(told) > 1:
        raise _NoSuvError(_("weight or dose differ from image to image"))
    if uptake.decay_correction == "ADMIN":
        return weight * 1000 / dose
    if uptake.decay_correction != "START":
        said = uptake.decay_correction or _("not stated")
        raise _NoSuvError(_("Decay Correction (0054,1102) is {kind}").format(kind=said))
    half_life = _positive(uptake.half_life_s, _("Radionuclide Half Life (0018,1075)"))
    seconds = _decay_seconds(instances, uptake)
    if not 0 <= seconds <= _MOST_HALF_LIVES * half_life:
        raise _NoSuvError(_("injection and scan time don't go together"))
    return weight * 1000 / (dose * 2 ** (-seconds / half_life))


def _positive(value: float | None, element: str) -> float:
    if value is None or value <= 0:
        raise _NoSuvError(_("{element} is missing").format(element=element))
    return value


def _decay_seconds(instances: Sequence[Instance], uptake: Uptake) -> float:
    """From the injection to the time that START means.

    The injection's time has no date of its own: it is the last such time of day before the scan. Its Date Time
    (0018,1078) has; with an offset from UTC it says something only if the zone of the series is known too.
    """
    zone = _offset(uptake.timezone)
    scan = _scan_start(instances, uptake)
    told = _moment(uptake.start_datetime)
    if told is not None:
        start, own = told
        if own is None:
            return (scan - start).total_seconds()
        if zone is not None:
            return (scan - start + (own - zone)).total_seconds()
    clock = _moment(f"{scan:%Y%m%d}{uptake.start_time}") if uptake.start_time else None
    if clock is None:
        element = _("Timezone Offset From UTC (0008,0201)") if told else _("Radiopharmaceutical Start Time (0018,1072)")
        raise _NoSuvError(_("{element} is missing").format(element=element))
    start = clock[0]
    if start > scan:
        start -= _DAY
    return (scan - start).total_seconds()


def _scan_start(instances: Sequence[Instance], uptake: Uptake) -> datetime:
    """The start of the scan: the series' own time unless a later program has rewritten it.

    Series Time after an acquisition shows that. Then the makers' own element says it, or the time is counted back from
    the moment of a bed position's mean count rate, which is Frame Reference Time after the start; last, the earliest
    acquisition of the series.
    """
    acquired = [
        moment[0]
        for each in instances
        if (moment := _moment(each.acquisition_date + each.acquisition_time)) is not None
    ]
    series = _moment(instances[0].series_date + instances[0].series_time)
    if not acquired:
        raise _NoSuvError(_("{element} is missing").format(element=_("Acquisition Time (0008,0032)")))
    if series is not None and series[0] <= min(acquired) and min(acquired) - series[0] < _DAY:
        return series[0]
    private = _moment(uptake.ge_scan)
    if private is not None:
        return private[0]
    counted = _counted_back(instances[0], uptake)
    return counted if counted is not None else min(acquired)


def _counted_back(instance: Instance, uptake: Uptake) -> datetime | None:
    acquired = _moment(instance.acquisition_date + instance.acquisition_time)
    half_life, duration, reference = uptake.half_life_s, uptake.frame_duration_ms, uptake.frame_reference_ms
    if acquired is None or not half_life or not duration or not reference or min(half_life, duration, reference) <= 0:
        return None
    constant = math.log(2) / half_life
    decay = constant * duration / 1000
    mean_rate = math.log(decay / -math.expm1(-decay)) / constant
    return acquired[0] + timedelta(seconds=mean_rate - reference / 1000)


def _moment(text: str) -> tuple[datetime, timedelta | None] | None:
    """`YYYYMMDDHHMMSS.FFFFFF&ZZXX` as a time and the offset that it names, if any; None for what is no full time."""
    digits, sign, zone = text, "", ""
    for mark in "+-":
        if mark in text:
            digits, sign, zone = text[: text.index(mark)], mark, text[text.index(mark) + 1 :]
    whole, _point, fraction = digits.strip().partition(".")
    if len(whole) == 12:
        whole += "00"
    try:
        moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        moment += timedelta(seconds=float(f"0.{fraction or '0'}"))
    except ValueError:
        return None
    return moment, _offset(sign + zone)


def _offset(text: str) -> timedelta | None:
    """`&ZZXX` as a time span; None where it is none."""
    text = text.strip()
    if len(text) != 5 or text[0] not in "+-" or not text[1:].isdigit():
        return None
    span = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return span if text[0] == "+" else -span
