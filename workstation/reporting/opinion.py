"""What a second opinion says beside its report: an answer to each question, the RADPEER score, and its comment.

A critical result that somebody was told of belongs to any report. All of it is one immutable value, saved as JSON.
"""

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from workstation.dicom.concepts import CONCLUSION, CONCLUSIONS
from workstation.dicom.content import Code, Section, Statement
from workstation.language import N_, _
from workstation.reporting.structure import Completion, Language
from workstation.reporting.validation import Problem

# the scoring language of the American College of Radiology as of 2016
RADPEER: dict[str, tuple[str, str]] = {
    "1": (N_("Concur with interpretation"), ""),
    "2a": (
        N_("Discrepancy in interpretation/not ordinarily expected to be made (understandable miss)"),
        N_("Unlikely to be clinically significant"),
    ),
    "2b": (
        N_("Discrepancy in interpretation/not ordinarily expected to be made (understandable miss)"),
        N_("Likely to be clinically significant"),
    ),
    "3a": (
        N_("Discrepancy in interpretation/should be made most of the time"),
        N_("Unlikely to be clinically significant"),
    ),
    "3b": (
        N_("Discrepancy in interpretation/should be made most of the time"),
        N_("Likely to be clinically significant"),
    ),
}
COMMENTED = frozenset(("2b", "3a", "3b"))
"""Scores that ask for a comment: 2b and worse."""

_NUMBERED = re.compile(r"^\s*(?:\d+[.)]|[-–•])\s*")
_RADPEER_SCHEME = "99IRIS"
_WORDS: dict[Language, dict[str, str]] = {
    "ru": {
        "title": "Второе мнение",
        "blind": "Собственное заключение зафиксировано {time}, до чтения первичного протокола.",
        "first": "Первичный протокол: {report}.",
        "answer": "Вопрос",
        "score": "RADPEER",
        "comment": "Комментарий",
        "1": "согласие с интерпретацией",
        "2": "расхождение в интерпретации, которое обычно не ожидается выявить (объяснимый пропуск)",
        "3": "расхождение в интерпретации, которое в большинстве случаев должно быть выявлено",
        "a": "вероятно, клинически незначимо",
        "b": "вероятно, клинически значимо",
    },
    "en": {
        "title": "Second opinion",
        "blind": "An own impression was locked {time}, before the first report was read.",
        "first": "First report: {report}.",
        "answer": "Question",
        "score": "RADPEER",
        "comment": "Comment",
        "1": "concur with interpretation",
        "2": "discrepancy in interpretation/not ordinarily expected to be made (understandable miss)",
        "3": "discrepancy in interpretation/should be made most of the time",
        "a": "unlikely to be clinically significant",
        "b": "likely to be clinically significant",
    },
}


@dataclass(frozen=True)
class Opinion:
    """`radpeer` is a key of RADPEER or ""; `answers` are (question, answer) pairs, a question as the request has it."""

    radpeer: str = ""
    comment: str = ""
    answers: tuple[tuple[str, str], ...] = ()

    def answer(self, question: str, text: str) -> "Opinion":
        """The opinion with this answer to a question."""
        kept = {**dict(self.answers), question: text}
        return replace(self, answers=tuple(kept.items()))

    def answer_to(self, question: str) -> str:
        """The answer, "" where there is none."""
        return dict(self.answers).get(question, "").strip()

    def to_json(self) -> str:
        """As JSON text; `from_json` gives back an equal value."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Opinion":
        """Read what `to_json` wrote; raises ValueError when it is something else."""
        plain: Any = json.loads(text)
        try:
            answers = tuple((str(question), str(answer)) for question, answer in plain["answers"])
            return cls(str(plain["radpeer"]), str(plain["comment"]), answers)
        except (KeyError, TypeError) as error:
            raise ValueError("this is no saved opinion") from error


def questions_of(request: str) -> tuple[str, ...]:
    """The questions of a request, one by one: a line or a sentence up to its question mark; else the whole text."""
    found: list[str] = []
    for line in request.splitlines():
        found += [part.strip() for part in re.split(r"(?<=\?)\s+", _NUMBERED.sub("", line)) if part.strip()]
    return tuple(dict.fromkeys(found))


def opinion_problems(opinion: Opinion, questions: tuple[str, ...]) -> tuple[Problem, ...]:
    """What of a second opinion stands against its signature; all of it refuses."""
    found = [
        Problem(
            f"answer:{number}",
            _("Question {number}").format(number=number + 1),
            "missing",
            Completion.PROHIBIT,
            _("needs an answer"),
        )
        for number, question in enumerate(questions)
        if not opinion.answer_to(question)
    ]
    if opinion.radpeer not in RADPEER:
        found.append(Problem("radpeer", "RADPEER", "missing", Completion.PROHIBIT, _("needs a score")))
    elif opinion.radpeer in COMMENTED and not opinion.comment.strip():
        message = _("a score of 2b or worse needs a comment")
        found.append(Problem("comment", _("Comment"), "missing", Completion.PROHIBIT, message))
    return tuple(found)


def opinion_sections(
    opinion: Opinion, questions: tuple[str, ...], language: Language, *, locked: str, report: str
) -> tuple[Section, ...]:
    """The opinion as a section of the conclusion; `locked` is the time of the lock and `report` names the first report.

    The score is a code of 99IRIS: no public scheme has one for it.
    """
    words = _WORDS[language]
    statements = [
        Statement(CONCLUSION, f"{question} {opinion.answer_to(question)}", label=question) for question in questions
    ]
    score = radpeer_text(opinion.radpeer, language)
    code = Code(f"RADPEER-{opinion.radpeer}", _RADPEER_SCHEME, f"RADPEER {opinion.radpeer}")
    statements.append(Statement(CONCLUSION, f"{words['score']} {score}.", code=code, label=words["score"]))
    if opinion.comment.strip():
        statements.append(
            Statement(CONCLUSION, f"{words['comment']}. {opinion.comment.strip()}", label=words["comment"])
        )
    about = [words["first"].format(report=report)] if report else []
    about += [words["blind"].format(time=locked)] if locked else []
    if about:
        statements.append(Statement(CONCLUSION, " ".join(about)))
    return (Section(CONCLUSIONS, words["title"], tuple(statements)),)


def radpeer_text(score: str, language: Language) -> str:
    """The score with its words in a document's language: `2b – discrepancy …; likely to be clinically significant`."""
    words = _WORDS[language]
    parts = [words[score[0]], *([words[score[1]]] if len(score) > 1 else [])]
    return f"{score} – {'; '.join(parts)}"
