"""Two reports beside each other, and what a second opinion must say; the marks by sentences that people wrote."""

import pytest

from workstation.reporting.comparison import Mark, Passage, compare
from workstation.reporting.opinion import COMMENTED, RADPEER, Opinion, opinion_problems, questions_of, radpeer_text


def findings(text: str) -> Passage:
    return Passage("59776-5", "Findings", text)


def marks(first: str, own: str) -> list[Mark]:
    (field,) = compare((findings(first),), (findings(own),))
    return [pair.mark for pair in field.pairs]


@pytest.mark.parametrize(
    ("first", "own", "mark"),
    [
        ("Внутригрудные лимфатические узлы не увеличены.", "Лимфатические узлы средостения не увеличены.", "AGREES"),
        ("Очаг верхней доли левого лёгкого 15 мм.", "Очаг верхней доли левого лёгкого 15 мм.", "AGREES"),
        ("Очаг верхней доли левого лёгкого 15 мм.", "Очаг верхней доли левого лёгкого 8 мм.", "CONTRADICTS"),
        ("Очаг верхней доли левого лёгкого.", "Очаг верхней доли правого лёгкого.", "CONTRADICTS"),
        ("Плевральный выпот слева.", "Плеврального выпота нет.", "CONTRADICTS"),
        ("Лёгкие без очаговых теней.", "В нижней доле справа очаг 8 мм.", "CONTRADICTS"),
        ("Слева нельзя исключить очаговые тени.", "Очаговых теней не выявлено.", "CONTRADICTS"),
        ("No pneumothorax.", "Right apical pneumothorax.", "CONTRADICTS"),
        ("The heart is not enlarged.", "Heart not enlarged.", "AGREES"),
    ],
)
def test_two_sentences_on_the_same_agree_or_contradict(first: str, own: str, mark: str) -> None:
    assert marks(first, own) == [Mark[mark]]


def test_what_only_one_report_says_is_marked_as_such() -> None:
    assert marks("Аорта уплотнена.", "Перелом шестого ребра.") == [Mark.ONLY_FIRST, Mark.ADDED]


def test_headings_meet_by_their_codes_and_conclusions_meet_impressions() -> None:
    first = (Passage("19005-8", "Заключение", "Норма."), Passage("59776-5", "Описание", "Очаг."))
    own = (findings("Очаг."), Passage("55110-1", "Выводы", "Норма."), Passage("18783-1", "Рекомендации", "КТ."))
    fields = compare(first, own)
    assert [field.heading for field in fields] == ["59776-5", "19005-8", "18783-1"]
    assert [[pair.mark for pair in field.pairs] for field in fields] == [[Mark.AGREES], [Mark.AGREES], [Mark.ADDED]]


def test_reports_in_two_alphabets_stand_beside_each_other_without_marks() -> None:
    assert marks("Очаг справа. Выпота нет.", "Nodule on the right.") == [Mark.UNMARKED, Mark.UNMARKED]


@pytest.mark.parametrize(
    ("request_text", "questions"),
    [
        ("Согласны ли вы? Есть ли очаги? Нужна ли консультация?",
         ("Согласны ли вы?", "Есть ли очаги?", "Нужна ли консультация?")),
        ("1. Очаг?\n2) Выпот?", ("Очаг?", "Выпот?")),
        ("Описать исследование.", ("Описать исследование.",)),
        ("Второе чтение. Подтверждаются ли тени?", ("Второе чтение. Подтверждаются ли тени?",)),
        ("", ()),
    ],
)  # fmt: skip
def test_a_request_is_taken_question_by_question(request_text: str, questions: tuple[str, ...]) -> None:
    assert questions_of(request_text) == questions


def test_each_question_and_the_score_refuse_until_they_are_answered() -> None:
    questions = ("Очаг?", "Выпот?")
    opinion = Opinion()
    assert [one.field_id for one in opinion_problems(opinion, questions)] == ["answer:0", "answer:1", "radpeer"]
    opinion = Opinion(radpeer="1").answer("Очаг?", "Да.").answer("Выпот?", "  ")
    assert [one.field_id for one in opinion_problems(opinion, questions)] == ["answer:1"]
    assert opinion_problems(opinion.answer("Выпот?", "Нет."), questions) == ()


# ACR RADPEER as of 2016: 1, 2a, 2b, 3a, 3b; 2b and worse are for review
@pytest.mark.parametrize(("score", "asks"), [("1", False), ("2a", False), ("2b", True), ("3a", True), ("3b", True)])
def test_a_score_of_2b_or_worse_asks_for_a_comment(score: str, asks: bool) -> None:
    assert set(RADPEER) == {"1", "2a", "2b", "3a", "3b"}
    assert bool(opinion_problems(Opinion(score), ())) is asks
    assert opinion_problems(Opinion(score, comment="Rib."), ()) == ()
    assert (score in COMMENTED) is asks


def test_a_score_is_said_in_the_words_of_radpeer() -> None:
    assert radpeer_text("1", "en") == "1 – concur with interpretation"
    assert radpeer_text("3b", "en") == (
        "3b – discrepancy in interpretation/should be made most of the time; likely to be clinically significant"
    )


def test_an_opinion_comes_back_as_it_was_saved() -> None:
    opinion = Opinion("2b", "Ребро.").answer("Очаг?", "Нет.")
    assert Opinion.from_json(opinion.to_json()) == opinion
    with pytest.raises(ValueError, match="no saved opinion"):
        Opinion.from_json("{}")
