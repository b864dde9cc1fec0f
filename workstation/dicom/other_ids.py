"""Other numbers of a patient that an object states: Other Patient IDs Sequence (0010,1002), PS3.3 C.2.3."""

import io

from pydicom import dcmread

PatientNumber = tuple[str, str]
"""A Patient ID and its issuer, '' where none is stated."""


def other_patient_ids(data: bytes) -> tuple[PatientNumber, ...]:
    """The other numbers in Part 10 bytes; empty when there are none, or the bytes can't be read."""
    try:
        dataset = dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=["OtherPatientIDsSequence"])
        items = list(dataset.get("OtherPatientIDsSequence") or [])
        found = [(str(item.get("PatientID") or ""), str(item.get("IssuerOfPatientID") or "")) for item in items]
    except Exception:  # noqa: BLE001 - a foreign file may break the parser in any way, and this is only a hint
        return ()
    return tuple((number.strip(), issuer.strip()) for number, issuer in found if number.strip())
