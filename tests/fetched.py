"""A case with all of it brought here, by the service that brings it for the window and the command line."""

from workstation.consultation.case import CaseRow
from workstation.consultation.desk import Desk

_WAIT_S = 60


def fetched(desk: Desk, case_uid: str) -> CaseRow:
    """Wait for the study of a case, then for its earlier studies as far as they can be had.

    Raises what stopped the study.
    """
    pictures, priors = desk.fetching.open(case_uid), desk.fetching.priors(case_uid)
    pictures.result(_WAIT_S)
    return priors.result(_WAIT_S)
