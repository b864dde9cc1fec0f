"""The vocabulary of `data-iris-merge`: what a template may take from the case. MRRT leaves it to the implementer."""

from workstation.language import N_

# answers `none` in a list when the case has no prior study
NO_PRIOR = "prior.absent"

# name → what it is, for the template editor and for messages
MERGE_NAMES = {
    "patient.age": N_("Age at the study"),
    "patient.sex": N_("Sex"),
    "study.date": N_("Date of the study"),
    "study.description": N_("Description of the study"),
    "study.modality": N_("Modality"),
    "study.region": N_("Region"),
    "study.accession": N_("Accession number"),
    "series.slice_thickness_mm": N_("Slice thickness"),
    "prior.date": N_("Date of the latest prior study"),
    "prior.description": N_("Description of the latest prior study"),
    NO_PRIOR: N_("That there is no prior study"),
    "order.question": N_("Question"),
    "order.history": N_("History"),
    "finding.longest_mm": N_("Length of the linked measurement"),
    "finding.mean": N_("Mean of the linked region"),
    "finding.max": N_("Maximum of the linked region"),
    "finding.area_mm2": N_("Area of the linked region"),
}
