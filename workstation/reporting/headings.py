"""The LOINC headings of a report's sections (PS3.16 CID 7001) and how templates name them."""

from workstation.dicom.content import Code

CLINICAL_INFORMATION = Code("55752-0", "LN", "Clinical Information")
HISTORY = Code("11329-0", "LN", "History")
PROCEDURE = Code("55111-9", "LN", "Current Procedure Descriptions")
PREVIOUS_FINDINGS = Code("18834-2", "LN", "Previous Findings")
FINDINGS = Code("59776-5", "LN", "Findings")
IMPRESSIONS = Code("19005-8", "LN", "Impressions")
CONCLUSIONS = Code("55110-1", "LN", "Conclusions")
RECOMMENDATIONS = Code("18783-1", "LN", "Recommendations")

DIAGNOSTIC_IMAGING_REPORT = Code("18748-4", "LN", "Diagnostic Imaging Report")

FINDING = Code("121071", "DCM", "Finding")
IMPRESSION = Code("121073", "DCM", "Impression")
CONCLUSION = Code("121077", "DCM", "Conclusion")
RECOMMENDATION = Code("121075", "DCM", "Recommendation")
REQUEST = Code("55115-0", "LN", "Request")
PROCEDURE_DESCRIPTION = Code("121065", "DCM", "Procedure Description")
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
