"""Answers → sentences, in the template's language.

A section that has a pattern says one sentence; otherwise each of its fields says its own. What isn't answered isn't
mentioned: the report never claims a normal finding that nobody stated.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from workstation.dicom.content import Code, ImageReference, Measurement
from workstation.reporting.findings import measurement_text
from workstation.reporting.form import Form
from workstation.reporting.sentence import as_sentence, parse_pattern
from workstation.reporting.structure import Field, FieldKind, Template, TemplateSection
from workstation.reporting.visibility import Visible, visible
from workstation.reporting.wording import date_text, joined, typed_number_text, with_unit, word


@dataclass(frozen=True)
class Sentence:
    """One sentence with its code, the measurements (TrackingUIDs) and images it rests on.

    `opens` is set where a new paragraph starts: the title of the inner section the sentence belongs to.
    """

    text: str
    code: Code | None = None
    measurements: tuple[str, ...] = ()
    images: tuple[ImageReference, ...] = ()
    opens: str = ""


def narrate(
    template: Template, form: Form, section: TemplateSection, measurements: Mapping[str, Measurement]
) -> tuple[Sentence, ...]:
    """The sentences of a section and those within it, in the order of the page."""
    return tuple(_Narrator(template, form, measurements).section(section))


def section_text(
    template: Template, form: Form, section: TemplateSection, measurements: Mapping[str, Measurement]
) -> str:
    """The section as running text, a paragraph for each inner section."""
    text = ""
    for sentence in narrate(template, form, section, measurements):
        text += ("\n" if sentence.opens and text else " " if text else "") + sentence.text
    return text


def summary(template: Template, form: Form, patterns: Iterable[str]) -> str:
    """What isn't normal, a sentence a line: an answer that is its field's normal one counts as unanswered here."""
    narrator = _Narrator(template, form, {})
    said: list[str] = []
    for text in patterns:
        pattern = parse_pattern(text)
        if any(narrator.remarkable(reference.name) for reference in pattern.references()):
            said.append(as_sentence(pattern.say(narrator.remarkable)))
    return "\n".join(each for each in said if each)


class _Narrator:
    def __init__(self, template: Template, form: Form, measurements: Mapping[str, Measurement]) -> None:
        self.template = template
        self.form = form
        self.measurements = measurements
        self.shown: Visible = visible(template, form)

    def section(self, section: TemplateSection) -> Iterator[Sentence]:
        if section.section_id not in self.shown.sections:
            return
        said = list(self._own(section))
        if section.level > 1 and said and not said[0].opens:
            said[0] = replace(said[0], text=f"{section.title}. {said[0].text}", opens=section.title)
        yield from said

    def remarkable(self, name: str) -> str:
        """The answer of a field in words, "" where there is none or it is the normal one."""
        normal = self.template.fields[name].normal
        return "" if normal is not None and self.form.text(name) == normal else self._phrase_of(name)

    def _own(self, section: TemplateSection) -> Iterator[Sentence]:
        if section.sentence:
            yield from self._patterned(section)
        for part in section.content:
            if isinstance(part, TemplateSection):
                yield from self.section(part)
            elif not section.sentence and part.field_id in self.shown.fields:
                yield from self._field(part)

    def _patterned(self, section: TemplateSection) -> Iterator[Sentence]:
        pattern = parse_pattern(section.sentence or "")
        names = [reference.name for reference in pattern.references()]
        if not any(self._phrase_of(name) for name in names):
            return
        text = as_sentence(pattern.say(self._phrase_of))
        uids = tuple(uid for name in names for uid in self._uids(name))
        images = tuple(image for field in section.fields for image in self.form.images.get(field.field_id, ()))
        if text:
            yield Sentence(text, section.code, uids, images)

    def _field(self, field: Field) -> Iterator[Sentence]:
        text = self._sentence(field)
        many = field.links == "many"
        if text:
            names = [] if many else self._said_with(field)
            linked = tuple(uid for name in names for uid in self._uids(name))
            shown = tuple(image for name in names for image in self.form.images.get(name, ()))
            yield Sentence(text, self._code(field), linked, shown)
        if not many:
            return
        images = self.form.images.get(field.field_id, ())
        for uid in self._uids(field.field_id):
            measurement = self.measurements[uid]
            name = measurement.label or word("measurement", self.template.language)
            body = f"{name}: {measurement_text(measurement, self.template.language)}"
            source = measurement.anchor.image.sop_instance_uid
            shown = tuple(image for image in images if image.sop_instance_uid == source)
            yield Sentence(as_sentence(body), field.code, (uid,), shown)

    def _said_with(self, field: Field) -> list[str]:
        """The field, and those that its sentence says too."""
        names = [reference.name for reference in parse_pattern(field.sentence or "").references()]
        return [field.field_id, *(name for name in dict.fromkeys(names) if name in self.shown.fields)]

    def _sentence(self, field: Field) -> str:
        phrase = self._phrase(field)
        if not phrase or field.sentence == "":
            return ""
        if field.sentence is not None:
            pattern = parse_pattern(field.sentence)
            return as_sentence(pattern.say(lambda name: phrase if name == "value" else self._phrase_of(name)))
        match field.kind:
            case FieldKind.PARAGRAPH | FieldKind.CHECKBOX:
                return "\n".join(as_sentence(line) for line in phrase.splitlines() if line.strip())
            case FieldKind.CHOICE if self._speaks(field):
                return as_sentence(phrase)
        return as_sentence(f"{field.label}: {phrase}")

    def _speaks(self, field: Field) -> bool:
        option = field.option(self.form.text(field.field_id))
        return option is not None and option.phrase is not None

    def _phrase_of(self, name: str) -> str:
        return self._phrase(self.template.fields[name]) if name in self.shown.fields else ""

    def _phrase(self, field: Field) -> str:
        """The answer in words, "" when there is none."""
        language = self.template.language
        text = self.form.text(field.field_id).strip()
        match field.kind:
            case FieldKind.CHOICE:
                return self._option(field, text)
            case FieldKind.CHOICES:
                given = self.form.values(field.field_id)
                said = [self._option(field, option.value) for option in field.options if option.value in given]
                return joined([each for each in said if each], language)
            case FieldKind.CHECKBOX:
                return field.label if text == "true" else ""
            case FieldKind.NUMBER:
                return self._number(field, text)
            case FieldKind.DATE:
                return date_text(text, language)
        return text

    def _number(self, field: Field, text: str) -> str:
        language = self.template.language
        uids = self._uids(field.field_id)
        if uids and not (text and self.form.edited(field.field_id)):
            return measurement_text(self.measurements[uids[0]], language)
        return with_unit(typed_number_text(text, language), field.units, language) if text else ""

    def _option(self, field: Field, value: str) -> str:
        option = field.option(value)
        if option is None:
            return ""
        return option.label if option.phrase is None else option.phrase

    def _code(self, field: Field) -> Code | None:
        option = field.option(self.form.text(field.field_id)) if field.kind is FieldKind.CHOICE else None
        return option.code if option else None

    def _uids(self, field_id: str) -> tuple[str, ...]:
        links = self.form.links.get(field_id, ())
        return tuple(link.tracking_uid for link in links if link.tracking_uid in self.measurements)
