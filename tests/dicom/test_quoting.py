"""What a damaged header holds never gets into a message."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.dicom.quoting import quoted_code, quoted_uid
from workstation.errors import Unsupported


def test_a_transfer_syntax_that_swallowed_the_patients_name_is_not_quoted() -> None:
    data = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    name = str(pydicom.dcmread(get_testdata_file("CT_small.dcm")).PatientName)
    instance = replace(parse_instance(data), transfer_syntax_uid=f"1.2.840.10008.1.2.1\r\nPN {name}")
    with pytest.raises(Unsupported) as refused:
        decode_frame(instance, data, 0)
    assert name not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_values_of_the_form_of_their_vr_are_quoted_and_no_others() -> None:
    """PS3.5 6.2: a UID is digits and dots, 64 at most."""
    assert quoted_uid("1.2.840.10008.1.2.4.100") == "1.2.840.10008.1.2.4.100"
    assert [quoted_uid(value) for value in ("", "1.2 Ivanov", "1." * 40)] == ["…"] * 3
    assert quoted_code("FRACTIONAL") == "FRACTIONAL"
    assert quoted_code("application/hl7-v3+xml") == "application/hl7-v3+xml"
    assert [quoted_code(value) for value in ("", "IVANOV^IVAN", "Иванов", "A\nB")] == ["…"] * 4
