"""The LOINC headings of a report's sections (PS3.16 CID 7001) and how templates name them."""

from workstation.dicom.concepts import (
    CLINICAL_INFORMATION,
    CONCLUSION,
    CONCLUSIONS,
    FINDING,
    FINDINGS,
    HISTORY,
    IMPRESSION,
    IMPRESSIONS,
    PREVIOUS_FINDINGS,
    PROCEDURE_DESCRIPTION,
    RECOMMENDATION,
    RECOMMENDATIONS,
)
from workstation.dicom.concepts import CURRENT_PROCEDURE_DESCRIPTIONS as PROCEDURE
from workstation.dicom.content import Code

DIAGNOSTIC_IMAGING_REPORT = Code("18748-4", "LN", "Diagnostic Imaging Report")
REQUEST = Code("55115-0", "LN", "Request")
PREVIOUS_FINDING = Code("121069", "DCM", "Previous Finding")

_BY_NAME = {
    "clinical information": CLINICAL_INFORMATION,
    "history": HISTORY,
    "procedure information": PROCEDURE,
    "procedure": PROCEDURE,
    "technique": PROCEDURE,
    "comparison": PREVIOUS_FINDINGS,
    "comparisons": PREVIOUS_FINDINGS,
    "findings": FINDINGS,
    "impression": IMPRESSIONS,
    "impressions": IMPRESSIONS,
    "conclusion": CONCLUSIONS,
    "conclusions": CONCLUSIONS,
    "recommendation": RECOMMENDATIONS,
    "recommendations": RECOMMENDATIONS,
}

_ELEMENTS = {
    CLINICAL_INFORMATION.value: HISTORY,
    HISTORY.value: HISTORY,
    PROCEDURE.value: PROCEDURE_DESCRIPTION,
    PREVIOUS_FINDINGS.value: PREVIOUS_FINDING,
    IMPRESSIONS.value: IMPRESSION,
    CONCLUSIONS.value: CONCLUSION,
    RECOMMENDATIONS.value: RECOMMENDATION,
}


def heading_named(name: str) -> Code:
    """The heading of a first-level section that carries no LOINC code, by its name; findings where nothing fits."""
    return _BY_NAME.get(name.strip().lower(), FINDINGS)


def element_under(heading: Code) -> Code:
    """The concept of a statement under this heading (PS3.16 CID 7002)."""
    return _ELEMENTS.get(heading.value, FINDING)


def heading_of(element: Code) -> Code:
    """The heading under which a statement with this concept stands; findings where nothing fits."""
    for value, concept in _ELEMENTS.items():
        if concept == element:
            return next(heading for heading in _BY_NAME.values() if heading.value == value)
    return FINDINGS
