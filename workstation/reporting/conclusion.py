"""Form → `content.Conclusion`: everything that will be signed, as plain values.

The SR, the measurements, the key images and the PDF are all written from this one value, so they can't disagree.
"""

from collections.abc import Sequence
from datetime import datetime

from workstation.dicom.concepts import CLINICAL_INFORMATION, FINDINGS, HISTORY
from workstation.dicom.content import (
    Conclusion,
    DocumentUids,
    ImageReference,
    KeyImage,
    Measurement,
    Observer,
    Order,
    Patient,
    Section,
    Statement,
    StudyHeader,
)
from workstation.errors import FormIncomplete
from workstation.language import _, ngettext
from workstation.reporting.findings import by_uid
from workstation.reporting.form import Form
from workstation.reporting.headings import REQUEST, element_under
from workstation.reporting.narrative import narrate
from workstation.reporting.structure import Completion, Language, Template
from workstation.reporting.validation import problems, prohibits
from workstation.reporting.visibility import visible
from workstation.reporting.wording import word


def build_conclusion(
    template: Template,
    form: Form,
    *,
    patient: Patient,
    study: StudyHeader,
    order: Order,
    observer: Observer,
    measurements: Sequence[Measurement],
    key_images: Sequence[KeyImage],
    evidence: Sequence[ImageReference],
    uids: DocumentUids,
    observed_at: datetime,
    other_evidence: Sequence[ImageReference] = (),
    predecessors: Sequence[ImageReference] = (),
    completeness: str = "",
    question: str = "",
    history: str = "",
    station_name: str = "",
    closing: Sequence[Section] = (),
) -> Conclusion:
    """Freeze the form into a conclusion; `observed_at` is timezone-aware.

    Only measurements the form links to, or that stand in the study for themselves, are passed in; all of them go into
    the measurement document. `closing` stands below the report. Raises FormIncomplete while a problem refuses the
    signature.
    """
    found = problems(template, form, measurements)
    if prohibits(found):
        labels = dict.fromkeys(problem.label for problem in found if problem.action is Completion.PROHIBIT)
        title = ngettext(
            "{count} field can't be signed as it is", "{count} fields can't be signed as they are", len(labels)
        )
        raise FormIncomplete(title.format(count=len(labels)), ", ".join(labels), _("Answer them in the report."))
    return Conclusion(
        uids=uids,
        patient=patient,
        study=study,
        order=order,
        title=template.document_title,
        language=template.language,
        observer=observer,
        observed_at=observed_at,
        sections=(
            *_clinical_information(template.language, question or order.reason, history),
            *_sections(template, form, measurements),
            *closing,
        ),
        measurements=tuple(measurements),
        key_images=tuple(key_images),
        evidence=tuple(evidence),
        other_evidence=tuple(other_evidence),
        predecessors=tuple(predecessors),
        completeness=completeness,
        station_name=station_name,
    )


def _sections(template: Template, form: Form, measurements: Sequence[Measurement]) -> tuple[Section, ...]:
    shown = visible(template, form).sections
    known = by_uid(measurements)
    sections: list[Section] = []
    for section in template.sections:
        heading = section.heading or FINDINGS
        statements = tuple(
            Statement(
                concept=element_under(heading),
                text=sentence.text,
                code=sentence.code,
                measurements=sentence.measurements,
                images=sentence.images,
                label=sentence.opens,
            )
            for sentence in narrate(template, form, section, known)
        )
        if statements and section.section_id in shown:
            sections.append(Section(heading, section.title, statements))
    return tuple(sections)


def _clinical_information(language: Language, question: str, history: str) -> tuple[Section, ...]:
    """The request as it was put: a conclusion answers a question, so it quotes it."""
    statements = tuple(
        Statement(concept=concept, text=f"{word(name, language)}. {text.strip()}", label=word(name, language))
        for concept, name, text in ((REQUEST, "request", question), (HISTORY, "history", history))
        if text.strip()
    )
    if not statements:
        return ()
    return (Section(CLINICAL_INFORMATION, word("clinical information", language), statements),)
