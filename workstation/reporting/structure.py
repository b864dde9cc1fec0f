"""What a report template is, once read: sections, fields, options, and the rules that tie them together.

Plain frozen values. `reporting.mrrt` makes them from MRRT HTML5; form, validation, narrative and conclusion read them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Literal

from workstation.dicom.content import Code
from workstation.reporting.condition import Condition
from workstation.reporting.formula import Formula

Language = Literal["ru", "en"]


class FieldKind(StrEnum):
    """What a field takes; `PARAGRAPH` is a textarea, `CHOICES` a list of which several may hold."""

    TEXT = "text"
    PARAGRAPH = "paragraph"
    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    CHECKBOX = "checkbox"
    CHOICE = "choice"
    CHOICES = "choices"


class Completion(StrEnum):
    """MRRT's data-field-completion-action for an empty field: nothing, a question at signing, a refusal."""

    NONE = "NONE"
    ALERT = "ALERT"
    PROHIBIT = "PROHIBIT"


@dataclass(frozen=True)
class Option:
    """One entry of a selection list. `phrase` None: the label speaks for itself; "": it says nothing.

    `when` is the row of the decision table that suggests it (see `suggestion`).
    """

    value: str
    label: str
    phrase: str | None = None
    code: Code | None = None
    when: Condition | None = None


@dataclass(frozen=True)
class Field:
    """One thing to answer.

    `units` is UCUM. `sentence` is the pattern of its sentence (see `narrative`), "" when another sentence uses it.
    `normal` is what the normal-text key answers. `links` says which measurements it holds: `one` that is put into it,
    the `next` that is made, or `many`. `suggests`: its options are a decision table, see `suggestion`.
    `compute` is the sum that a number follows from, with so many `decimals`.
    `compose`: the patterns of the sentences a text is made of as long as the reader writes none, see `narrative`.
    """

    field_id: str
    label: str
    kind: FieldKind
    completion: Completion = Completion.NONE
    units: str = ""
    default: str = ""
    options: tuple[Option, ...] = ()
    merge: str = ""
    condition: Condition | None = None
    code: Code | None = None
    sentence: str | None = None
    normal: str | None = None
    links: Literal["", "one", "next", "many"] = ""
    suggests: bool = False
    compute: Formula | None = None
    decimals: int = 1
    compose: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    placeholder: str = ""

    @property
    def follows(self) -> bool:
        """Whether its answer comes from other answers."""
        return self.suggests or self.compute is not None

    def option(self, value: str) -> Option | None:
        """The option with this value."""
        return next((option for option in self.options if option.value == value), None)


@dataclass(frozen=True)
class TemplateSection:
    """A part of the page: `heading` is the LOINC heading at the first level, `code` what an inner one is about."""

    section_id: str
    title: str
    level: int
    content: tuple["Field | TemplateSection", ...]
    heading: Code | None = None
    code: Code | None = None
    sentence: str | None = None
    condition: Condition | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields right in this section."""
        return tuple(part for part in self.content if isinstance(part, Field))

    @property
    def sections(self) -> tuple["TemplateSection", ...]:
        """The sections right in this section."""
        return tuple(part for part in self.content if isinstance(part, TemplateSection))

    def all_fields(self) -> Iterator[Field]:
        """Every field below, in the order of the page."""
        for part in self.content:
            if isinstance(part, Field):
                yield part
            else:
                yield from part.all_fields()


@dataclass(frozen=True)
class Template:
    """A report template of one specialty in one language. `dropped` names what was not taken over from the page.

    It fits studies of its modalities whose region and procedure hold one of its words; `sufficient` are the modalities
    that need no word of the procedure.
    """

    identifier: str
    title: str
    language: Language
    document_title: Code
    sections: tuple[TemplateSection, ...]
    modalities: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
    sufficient: tuple[str, ...] = ()
    description: str = ""
    creator: str = ""
    publisher: str = ""
    rights: str = ""
    licence: str = ""
    date: str = ""
    status: str = "ACTIVE"
    dropped: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Every field by its id, in the order of the page."""
        return {each.field_id: each for section in self.sections for each in section.all_fields()}
