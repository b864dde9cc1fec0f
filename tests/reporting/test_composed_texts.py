"""Texts that make themselves of the findings, and conditions that compare two numbers of the form."""

import pytest

from tests.reporting.test_decision_tables import GRADE, template
from workstation.dicom.content import Anchor, Code, ImageReference, Measurement, Quantity
from workstation.errors import TemplateInvalid
from workstation.reporting.findings import by_uid
from workstation.reporting.form import Form
from workstation.reporting.linking import link_measurement
from workstation.reporting.merge import follow, take_all_normal
from workstation.reporting.narrative import narrate
from workstation.reporting.structure import Template

END = "</section></body>"
TEXT = (
    '<label for="impression">Impression</label><textarea id="impression" data-iris-normal="All well." '
    'data-iris-compose="{kind} nodule[ of {size}]\n\n  the patient is {age} old "></textarea>'
)
TABLE = (
    '<label for="other">Other</label><input id="other" type="number" data-field-type="NUMBER">'
    '<label for="ratio">Ratio</label><select id="ratio" data-field-type="SELECTION_LIST" data-iris-suggest>'
    '<option value="twice" data-iris-when="size>2*other">twice</option>'
    '<option value="lost" data-iris-when="size<=-other">lost</option>'
    '<option value="less" data-iris-when="size<other">less</option></select>'
)


def composed() -> Template:
    return template((END, TEXT + END))


def test_a_text_says_what_is_not_normal_a_pattern_a_line() -> None:
    made = composed()
    form = follow(made, Form("hand.en").answer("kind", "solid").answer("size", "12"))
    text = form.text("impression").replace("\N{NO-BREAK SPACE}", " ")
    assert (text, form.edited("impression")) == ("Solid nodule of 12 mm.", False)
    form = follow(made, form.answer("size", "").answer("age", "61"))
    text = form.text("impression").replace("\N{NO-BREAK SPACE}", " ")
    assert text == "Solid nodule.\nThe patient is 61 y old."


def test_a_normal_finding_is_left_to_the_normal_text() -> None:
    made = composed()
    form = follow(made, take_all_normal(made, Form("hand.en")))
    assert (form.text("kind"), form.text("impression")) == ("none", "All well.")
    form = follow(made, form.answer("kind", "glass"))
    assert form.text("impression") == "Glass nodule."
    assert follow(made, form.answer("kind", "")).text("impression") == ""


def test_a_text_of_the_readers_stays() -> None:
    made = composed()
    form = follow(made, Form("hand.en").answer("kind", "solid").answer("impression", "Mine."))
    assert follow(made, form.answer("kind", "glass")).text("impression") == "Mine."


@pytest.mark.parametrize(
    ("size", "other", "expected"),
    [
        ("6", "2.9", "twice"),
        ("6", "3", ""),
        ("2,9", "3", "less"),
        ("-3", "3", "lost"),
        ("-2.9", "3", "less"),
        ("6", "", ""),
        ("", "3", ""),
    ],
)
def test_a_number_is_compared_with_a_multiple_of_another(size: str, other: str, expected: str) -> None:
    made = template((END, TABLE + END), ('min="1" ', ""))
    form = Form("hand.en").answer("kind", "solid").answer("size", size).answer("other", other)
    assert follow(made, form).text("ratio") == expected


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ((TEXT, TEXT.replace("{size}", "{leg}")), "data-iris-compose names leg"),
        ((TEXT, TEXT.replace("[ of", " of")), "data-iris-compose has an unmatched"),
        ((GRADE, 'data-iris-compose="{size}" ' + GRADE), "belongs to a textarea"),
        ((TEXT, TEXT + TABLE.replace("2*other", "2*leg")), "names leg"),
        ((TEXT, TEXT + TABLE.replace("2*other", "2*kind")), "only a NUMBER"),
        ((TEXT, TEXT + TABLE.replace("2*other", "2**other")), "2**other"),
    ],
)
def test_what_cannot_be_said_or_compared_is_refused(change: tuple[str, str], named: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        template((END, TEXT + END), change)
    assert named in caught.value.detail


def test_a_sentence_rests_on_the_measurements_of_all_it_says() -> None:
    said = 'data-field-type="SELECTION_LIST" data-iris-normal="none"'
    sized = 'data-field-units="mm" data-iris-text="" data-iris-links="one" '
    made = template((said, f'{said} data-iris-text="{{value}}[, {{size}}]"'), ('data-field-units="mm" ', sized))
    image = ImageReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5")
    quantity = Quantity(Code("410668003", "SCT", "Length"), 7.5, Code("mm", "UCUM", "millimeter"))
    measured = Measurement("2.25.1", "", "length", Anchor(image, "POLYLINE", ((0, 0), (9, 9))), (quantity,), "")
    form, _field = link_measurement(made, Form("hand.en").answer("kind", "solid"), measured, "size")
    (sentence,) = narrate(made, form, made.sections[0], by_uid((measured,)))
    assert sentence.text.replace("\N{NO-BREAK SPACE}", " ") == "Solid, 7.5 mm."
    assert sentence.measurements == ("2.25.1",)
