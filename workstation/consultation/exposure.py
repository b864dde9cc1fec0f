"""The dose reports of a case's study, read for the conclusion."""

from collections.abc import Callable

from workstation.consultation.case import CaseContents
from workstation.errors import WorkstationError
from workstation.reporting.exposure import dose_line
from workstation.reporting.structure import Language

_DOSE_REPORTS = frozenset({"1.2.840.10008.5.1.4.1.1.88.67"})


def dose_of_study(contents: CaseContents, fetch: Callable[[str], bytes], language: Language) -> str:
    """The line of the study's dose reports; "" when none is here, or none can be read: a conclusion needs no dose."""
    # at first use, as all that parses
    from workstation.dicom.dose import dose_of
    from workstation.dicom.sr_tree import read_tree

    doses = []
    for one in contents.in_sight:
        if one.sop_class_uid in _DOSE_REPORTS:
            try:
                dose = dose_of(read_tree(fetch(one.sop_instance_uid)))
            except WorkstationError:
                continue
            if dose is not None:
                doses.append(dose)
    return dose_line(doses, language)
