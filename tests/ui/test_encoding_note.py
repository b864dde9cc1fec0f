"""Texts that were not read as their object declares are shown with a note beside the name."""

from types import SimpleNamespace
from typing import Any

from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.instance import Instance
from workstation.ui.viewer.wording import identity_lines


def shown(codec: str) -> list[str]:
    patient = Patient("Иванова^Анна", "17")
    instance = Instance("1", "1.1", "1.1.1", "1.2", "1.2.3", "CT", patient, StudyHeader("1"), texts_read_as=codec)
    stack: Any = SimpleNamespace(first=instance)
    return identity_lines(stack)


def test_a_viewport_says_beside_the_name_by_which_encoding_it_was_read() -> None:
    assert shown("cp1251")[:2] == ["Иванова Анна", "texts read as Windows-1251, which they don't declare"]


def test_nothing_is_said_of_a_name_that_was_read_as_declared() -> None:
    assert shown("") == ["Иванова Анна", "17"]
