"""What the header of a PET image says about the dose and its decay: all that a standardised uptake value is made of.

The elements stand in the PET Series and Isotope modules (PS3.3 C.8.9.1, C.8.9.2), and in private ones of two makers;
what they make together is worked out in `suv`.
"""

from dataclasses import dataclass

from workstation.dicom.text import Header


@dataclass(frozen=True)
class Uptake:
    """Weight in kg, dose in Bq, half-life in s; dates and times as DICOM writes them.

    `philips_suv` is SUV for a count, `philips_activity` Bq/ml for a count (Philips, group 7053); `ge_scan` is the start
    of the scan (GE, group 0009), true also where a reconstruction has rewritten the series' time.
    """

    corrections: tuple[str, ...] = ()
    decay_correction: str = ""
    suv_type: str = ""
    weight_kg: float | None = None
    dose_bq: float | None = None
    half_life_s: float | None = None
    start_time: str = ""
    start_datetime: str = ""
    timezone: str = ""
    frame_reference_ms: float | None = None
    frame_duration_ms: float | None = None
    ge_scan: str = ""
    philips_suv: float | None = None
    philips_activity: float | None = None


def uptake_of(header: Header) -> Uptake | None:
    """The values of a PET header; None for an object of another kind."""
    if header.text(0x00080060) != "PT":
        return None
    isotope = header.item(0x00540016)
    philips = header.text(0x70530010).startswith("Philips PET Private Group")
    return Uptake(
        corrections=header.texts(0x00280051),
        decay_correction=header.text(0x00541102),
        suv_type=header.text(0x00541006),
        weight_kg=header.number(0x00101030),
        dose_bq=isotope.number(0x00181074) if isotope else None,
        half_life_s=isotope.number(0x00181075) if isotope else None,
        start_time=isotope.text(0x00181072) if isotope else "",
        start_datetime=isotope.text(0x00181078) if isotope else "",
        timezone=header.text(0x00080201),
        frame_reference_ms=header.number(0x00541300),
        frame_duration_ms=header.number(0x00181242),
        ge_scan=header.text(0x0009100D) if header.text(0x00090010) == "GEMS_PETD_01" else "",
        philips_suv=header.private_number(0x70531000) if philips else None,
        philips_activity=header.private_number(0x70531009) if philips else None,
    )
