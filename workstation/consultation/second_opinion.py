"""A second opinion: the reader's own impression, locked before the first report is uncovered, and kept as it was.

The lock is one transaction: the impression as text with its time, the state of the case, and an entry of the audit
chain that binds the text by its hash and repeats none of it. From then on further writing is new beside it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.archive.database import now
from workstation.consultation.case import CaseKind, CaseRow
from workstation.consultation.cases import apply, read_case
from workstation.consultation.drafts import draft_part, save_draft
from workstation.consultation.first_report import FirstReport, read_first_report
from workstation.consultation.states import BLIND_STATES, CaseEvent
from workstation.dicom.concepts import CONCLUSIONS, IMPRESSIONS
from workstation.dicom.content import Measurement, Section
from workstation.errors import CaseUnavailable, FormIncomplete
from workstation.language import _
from workstation.reporting.comparison import Passage, passages_of
from workstation.reporting.form import Form
from workstation.reporting.opinion import Opinion, opinion_problems, opinion_sections, questions_of
from workstation.reporting.structure import Language, Template
from workstation.reporting.wording import date_text
from workstation.settings import Reader


@dataclass(frozen=True)
class Impression:
    """What the reader thought before reading the first report. `locked_at` is UTC."""

    locked_at: datetime
    reader: str
    language: str
    passages: tuple[Passage, ...]
    sha256: str

    @property
    def is_whole(self) -> bool:
        """Whether the text is the one that was locked."""
        return self.sha256 == _digest(self.passages)


class SecondOpinions:
    """The second opinions of one archive. Thread-safe."""

    def __init__(self, archive: Archive, reader: Reader) -> None:
        self._archive = archive
        self._database = archive.database
        self._who = reader.code or reader.name

    def impression(self, case_uid: str) -> Impression | None:
        """What was locked; None before."""
        with self._database.read() as cursor:
            plain = draft_part(cursor, case_uid, "impression")
        return _from_json(plain) if plain else None

    def first_report(self, case_uid: str) -> FirstReport | None:
        """The first report, heading by heading, as far as it is here; None while it is covered, or where none is."""
        with self._database.read() as cursor:
            case = read_case(cursor, case_uid)
        return read_first_report(self._archive, case)

    def opinion(self, case_uid: str) -> Opinion:
        """What was said of both reports, as it was saved last."""
        with self._database.read() as cursor:
            plain = draft_part(cursor, case_uid, "opinion")
        return Opinion.from_json(plain) if plain else Opinion()

    def sections(self, case: CaseRow, language: Language, opinion: str = "") -> tuple[Section, ...]:
        """What a second opinion adds to the conclusion; nothing to a first reading, or where nothing was locked.

        `opinion` is what stands on the screen (JSON), whose save may still wait; else the saved one counts. Raises
        FormIncomplete while a question is without its answer, or the score or its comment is missing.
        """
        impression = self.impression(case.case_uid)
        if impression is None:
            return ()
        given = Opinion.from_json(opinion) if opinion else self.opinion(case.case_uid)
        questions = questions_of(case.question)
        found = opinion_problems(given, questions)
        if found:
            raise FormIncomplete(
                _("The second opinion is not complete"),
                "; ".join(f"{problem.label}: {problem.message}" for problem in found),
                _("Answer the questions and score the first report in the comparison."),
            )
        first = self.first_report(case.case_uid)
        report = "" if first is None else ", ".join(filter(None, (first.title, date_text(first.date, language))))
        at = impression.locked_at.astimezone()
        locked = f"{date_text(at.strftime('%Y%m%d'), language)} {at:%H:%M}"
        return opinion_sections(given, questions, language, locked=locked, report=report)

    def lock(
        self, case_uid: str, template: Template, form: Form, measurements: Sequence[Measurement] = ()
    ) -> Impression:
        """Lock what the form says as the reader's own impression, durably; the first report is uncovered by it.

        Raises FormIncomplete when the form says no impression, CaseUnavailable when the case isn't a second opinion
        that is held and still blind.
        """
        passages = passages_of(template, form, measurements)
        if not any(one.heading in (IMPRESSIONS.value, CONCLUSIONS.value) for one in passages):
            raise FormIncomplete(
                _("There is no impression to lock yet"),
                _("the impression of the report is empty"),
                _("Write your own impression first; then the first report is uncovered."),
            )
        with self._database.transaction() as cursor:
            case = read_case(cursor, case_uid)
            if not (case.is_writable and is_blind(case)):
                raise CaseUnavailable(
                    _("There is nothing to lock"),
                    advice=_("The impression is locked already, or the case is not a second opinion that you hold."),
                )
            digest = _digest(passages)
            locked_at = now()
            plain = {
                "locked_at": locked_at,
                "reader": self._who,
                "language": template.language,
                "passages": [asdict(one) for one in passages],
                "sha256": digest,
            }
            save_draft(cursor, case_uid, "form", form.to_json())
            save_draft(cursor, case_uid, "impression", plain)
            apply(cursor, case_uid, CaseEvent.OPEN, CaseEvent.LOCK_IMPRESSION)
            audit.record(cursor, self._who, "impression locked", case_uid, {"sha256": digest, "locked_at": locked_at})
        return _from_json(plain)


def is_blind(case: CaseRow) -> bool:
    """Whether the first report of a case is covered: a second opinion whose impression isn't locked."""
    return case.kind is CaseKind.SECOND_OPINION and case.state in BLIND_STATES


def writing_events(case: CaseRow) -> tuple[CaseEvent, ...]:
    """What happens to a case that is written in: a blind one stays being read until the impression is locked."""
    return (CaseEvent.OPEN,) if is_blind(case) else (CaseEvent.OPEN, CaseEvent.DRAFT)


def must_not_be_blind(case: CaseRow) -> None:
    """Raise FormIncomplete when a conclusion is asked of a reader who hasn't locked an impression."""
    if is_blind(case):
        raise blind_trouble()


def blind_trouble() -> FormIncomplete:
    """What is said to a reader who wants to sign blind."""
    return FormIncomplete(
        _("Your own impression is not locked yet"),
        _("the first report is covered until then"),
        _("Lock your impression, compare it with the first report, then sign."),
    )


def _digest(passages: Sequence[Passage]) -> str:
    text = json.dumps([asdict(one) for one in passages], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _from_json(plain: dict[str, Any]) -> Impression:
    return Impression(
        locked_at=datetime.fromisoformat(plain["locked_at"]),
        reader=plain["reader"],
        language=plain["language"],
        passages=tuple(Passage(**one) for one in plain["passages"]),
        sha256=plain["sha256"],
    )
