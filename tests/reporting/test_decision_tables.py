"""Decision tables: the first row that holds answers, the reader's own answer stays and is doubted."""

import pytest

from workstation.errors import TemplateInvalid
from workstation.reporting.condition import ConditionUnreadable, parse_condition
from workstation.reporting.form import Form
from workstation.reporting.merge import follow, start_form, take_all_normal
from workstation.reporting.structure import Template
from workstation.reporting.template import parse_template
from workstation.reporting.validation import Completion, problems

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>Hand</title><meta charset="UTF-8">
<meta name="dcterms.title" content="Hand"><meta name="dcterms.identifier" content="hand.en">
<meta name="dcterms.type" content="IMAGE_REPORT_TEMPLATE"><meta name="dcterms.language" content="en">
<meta name="dcterms.publisher" content="P"><meta name="dcterms.rights" content="R">
<meta name="dcterms.license" content="L"><meta name="dcterms.date" content="2025-01-01">
<meta name="dcterms.creator" content="C">
<script type="text/xml"><template_attributes><top-level-flag>true</top-level-flag><status>ACTIVE</status>
<coding_schemes></coding_schemes></template_attributes></script></head>
<body><section id="f" data-section-name="Findings"><header class="level1">Findings</header>
<label for="age">Age</label>
<input id="age" type="number" data-field-type="NUMBER" data-field-units="a" data-iris-merge="patient.age" min="0">
<label for="kind">Kind</label><select id="kind" data-field-type="SELECTION_LIST" data-iris-normal="none">
<option value="none">none</option><option value="solid">solid</option><option value="glass">glass</option></select>
<label for="signs">Signs</label><select id="signs" multiple data-field-type="SELECTION_LIST">
<option value="fat">fat</option><option value="spikes">spikes</option></select>
<label for="size">Size</label>
<input id="size" type="number" data-field-type="NUMBER" data-field-units="mm" min="1" data-iris-show-if="kind!=none">
</section>
<section id="i" data-section-name="Impression"><header class="level1">Impression</header>
<label for="grade">Grade</label><select id="grade" data-field-type="SELECTION_LIST" data-iris-suggest>
<option value="1" data-iris-when="kind=none or signs=fat">one</option>
<option value="3" data-iris-when="kind=solid and size<8 and patient.age<50">three</option>
<option value="4" data-iris-when="kind=solid and size>=8 or kind=glass and size>=30">four</option>
<option value="2" data-iris-when="kind=solid,glass and size">two</option>
<option value="0">zero</option></select>
</section></body></html>"""

GRADE = "data-iris-suggest>"


def template(*changes: tuple[str, str]) -> Template:
    text = PAGE
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return parse_template(text.encode())


def grade(**answers: str) -> str:
    made = template()
    form = Form("hand.en")
    for name, value in answers.items():
        form = form.answer(name, value)
    return follow(made, form).text("grade")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"kind": "none"}, "1"),
        ({"kind": "solid", "size": "12", "signs": "fat"}, "1"),
        ({"kind": "solid", "size": "7.9", "age": "49"}, "3"),
        ({"kind": "solid", "size": "7,9", "age": "49"}, "3"),
        ({"kind": "solid", "size": "7.9", "age": "50"}, "2"),
        ({"kind": "solid", "size": "7.9"}, "2"),
        ({"kind": "solid", "size": "8", "age": "49"}, "4"),
        ({"kind": "glass", "size": "29.9"}, "2"),
        ({"kind": "glass", "size": "30"}, "4"),
        ({"kind": "glass"}, ""),
        ({"size": "30"}, ""),
        ({}, ""),
    ],
)
def test_the_first_row_that_holds_answers(answers: dict[str, str], expected: str) -> None:
    assert grade(**answers) == expected


def test_the_suggestion_follows_its_findings_and_is_taken_back_with_them() -> None:
    made = template()
    form = follow(made, Form("hand.en").answer("kind", "glass").answer("size", "30"))
    assert (form.text("grade"), form.edited("grade")) == ("4", False)
    form = follow(made, form.answer("size", "20"))
    assert form.text("grade") == "2"
    assert follow(made, form.answer("size", "")).text("grade") == ""


def test_a_hidden_answer_suggests_nothing() -> None:
    form = Form("hand.en").answer("kind", "solid").answer("size", "9").answer("kind", "none")
    assert follow(template(), form).text("grade") == "1"


def test_the_readers_own_answer_stays_and_is_doubted() -> None:
    made = template()
    form = follow(made, Form("hand.en").answer("kind", "none").answer("grade", "0"))
    assert form.text("grade") == "0"
    (doubt,) = problems(made, form)
    assert (doubt.field_id, doubt.rule, doubt.action) == ("grade", "contradiction", Completion.ALERT)
    assert "one" in doubt.message
    assert problems(made, form.answer("grade", "1")) == ()
    assert problems(made, Form("hand.en").answer("grade", "0")) == ()


def test_a_condition_takes_the_age_from_the_field_that_holds_it() -> None:
    made = template()
    form = start_form(made, {"patient.age": "49"}).answer("kind", "solid").answer("size", "5")
    assert follow(made, form).text("grade") == "3"
    assert follow(made, form.answer("age", "51")).text("grade") == "2"


def test_all_normal_gives_the_grade_of_the_normal() -> None:
    made = template()
    assert take_all_normal(made, Form("hand.en")).text("grade") == "1"


@pytest.mark.parametrize("text", ["size>", "size<1,2", "size=<3", "not kind=none", "kind=none and", ""])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ConditionUnreadable):
        parse_condition(text)


LAST = '<option value="2" data-iris-when="kind=solid,glass and size">'
SIZE = 'data-iris-show-if="kind!=none"'


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ((LAST, '<option value="2" data-iris-when="kind=solid and size>=9">'), ("grade, option 2", "reached")),
        ((LAST, '<option value="2" data-iris-when="kind=none and size>3">'), ("grade, option 2", "reached")),
        # no row before it takes all of it, two together do
        (('<option value="0">', '<option value="0" data-iris-when="kind and size">'), ("grade, option 0", "reached")),
        ((LAST, '<option value="2" data-iris-when="size>9 and size<9">'), ("grade, option 2", "never hold")),
        ((LAST, '<option value="2" data-iris-when="size<1">'), ("grade, option 2", "never hold")),
        ((LAST, '<option value="2" data-iris-when="kind=solid and kind=glass">'), ("option 2", "never hold")),
        ((LAST, '<option value="2" data-iris-when="kind>2">'), ("option 2", "kind", "NUMBER")),
        ((LAST, '<option value="2" data-iris-when="size=big">'), ("option 2", "size", "NUMBER")),
        ((LAST, '<option value="2" data-iris-when="weight>2">'), ("option 2", "weight", "before")),
        ((LAST, '<option value="2" data-iris-when="patient.sex=M">'), ("option 2", "patient.sex", "before")),
        ((LAST, '<option value="2" data-iris-when="kind=fluid">'), ("option 2", "kind", "value")),
        ((LAST, '<option value="2" data-iris-when="grade=1">'), ("option 2", "grade", "before")),
        ((LAST, '<option value="2" data-iris-when="size>=big">'), ("option 2", "big", "before")),
        ((SIZE, 'data-iris-show-if="grade=1"'), ("size", "grade", "before")),
        ((SIZE, 'data-iris-show-if="age>9 and age<=3"'), ("size", "never hold")),
        ((GRADE, ">"), ("grade", "data-iris-suggest")),
        ((GRADE, "multiple data-iris-suggest>"), ("grade", "one answer")),
        (('data-iris-normal="none">', "data-iris-suggest>"), ("kind", "data-iris-when")),
        ((LAST, '<option value="2" data-iris-when="size>>3">'), ("grade", "data-iris-when", "size>>3")),
    ],
)
def test_a_table_that_can_not_work_is_refused_naming_the_row(change: tuple[str, str], named: tuple[str, ...]) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        template(change)
    assert all(name in caught.value.detail for name in named), caught.value.detail


def test_a_list_with_several_answers_may_hold_two_at_once() -> None:
    template((LAST, '<option value="2" data-iris-when="signs=spikes">'))
    both = template((LAST, '<option value="2" data-iris-when="signs=spikes and kind=glass and size<9">'))
    assert [option.value for option in both.fields["grade"].options if option.when] == ["1", "3", "4", "2"]


END = "</section>\n<section id"
SUM = (
    END,
    f'<label for="s">Sum</label><input id="s" data-field-type="NUMBER" step="0.01" data-iris-compute="{{}}">{END}',
)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("age*size", "84.00"),
        ("0.52*age*size/1000", "0.04"),
        ("(age+size)/2", "9.50"),
        ("age-size-1", "4.00"),
        ("10-count(signs)", "9.00"),
        ("age/(size-7)", ""),
    ],
)
def test_a_number_follows_from_others(formula: str, expected: str) -> None:
    made = template((SUM[0], SUM[1].format(formula)))
    form = Form("hand.en").answer("kind", "solid").answer("size", "7").answer("age", "12").answer("signs", ("fat",))
    assert follow(made, form).text("s") == expected
    assert follow(made, form.answer("s", "3")).text("s") == "3"


def test_a_sum_with_a_hidden_or_missing_number_is_none() -> None:
    made = template((SUM[0], SUM[1].format("age+size")))
    form = Form("hand.en").answer("kind", "solid").answer("size", "7")
    assert follow(made, form).text("s") == ""
    assert follow(made, form.answer("age", "12").answer("kind", "none")).text("s") == ""


@pytest.mark.parametrize(
    ("formula", "named"),
    [
        ("age+weight", "weight"),
        ("age+kind", "kind"),
        ("count(age)", "age"),
        ("age+", "…"),
        ("age**2", "*"),
        ("age)", ")"),
        ("__import__('os')", "'os')"),
        ("age;size", ";size"),
        ("s+1", "s"),
    ],
)
def test_a_sum_that_is_none_is_refused(formula: str, named: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        template((SUM[0], SUM[1].format(formula)))
    assert caught.value.detail.startswith("s: data-iris-compute")
    assert named in caught.value.detail
