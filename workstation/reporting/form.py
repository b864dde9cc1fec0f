"""The answers of one report: an immutable value, replaced at each edit and saved as JSON.

An answer knows whether the reader typed it (`edited`) or whether it came from a default, the case, a measurement or
the normal text; only unedited answers follow what they came from. A link ties a field to a measurement by TrackingUID
and remembers the numbers the reader last saw.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from workstation.dicom.content import ImageReference

_VERSION = 1


@dataclass(frozen=True)
class Answer:
    """What stands in a field: a text (numbers as typed, dates `YYYYMMDD`, a checkbox `true`), or several choices."""

    value: str | tuple[str, ...]
    edited: bool = False

    @property
    def values(self) -> frozenset[str]:
        """The values given, empty when there is none."""
        if isinstance(self.value, tuple):
            return frozenset(self.value)
        return frozenset((self.value.strip(),)) - {""}


@dataclass(frozen=True)
class Link:
    """A measurement in a field; `seen` is `findings.fingerprint` of it when the field last took its numbers."""

    tracking_uid: str
    seen: str = ""


@dataclass(frozen=True)
class Form:
    """Answers, links and images by field id."""

    template_id: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    links: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)
    images: Mapping[str, tuple[ImageReference, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("answers", "links", "images"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def text(self, field_id: str) -> str:
        """The answer as one text, "" where there is none."""
        answer = self.answers.get(field_id)
        if answer is None:
            return ""
        return ",".join(answer.value) if isinstance(answer.value, tuple) else answer.value

    def values(self, field_id: str) -> frozenset[str]:
        """The values given to a field; a linked field is answered by its link."""
        answer = self.answers.get(field_id)
        given = answer.values if answer else frozenset()
        return given or frozenset(link.tracking_uid for link in self.links.get(field_id, ()))

    def edited(self, field_id: str) -> bool:
        """Whether the reader typed the answer."""
        answer = self.answers.get(field_id)
        return answer is not None and answer.edited

    def answer(self, field_id: str, value: str | tuple[str, ...], *, edited: bool = True) -> "Form":
        """The form with this answer."""
        return replace(self, answers={**self.answers, field_id: Answer(value, edited)})

    def link(self, field_id: str, link: Link, *, alone: bool) -> "Form":
        """The form with this measurement in the field; `alone` takes the place of what was there."""
        others = () if alone else tuple(each for each in self.links.get(field_id, ()) if each != link)
        kept = tuple(each for each in others if each.tracking_uid != link.tracking_uid)
        return replace(self, links={**self.links, field_id: (*kept, link)})

    def unlink(self, field_id: str, tracking_uid: str) -> "Form":
        """The form without this measurement in the field; a number that came from it goes too."""
        kept = tuple(each for each in self.links.get(field_id, ()) if each.tracking_uid != tracking_uid)
        links = {name: each for name, each in {**self.links, field_id: kept}.items() if each}
        answers = dict(self.answers)
        if not kept and not self.edited(field_id):
            answers.pop(field_id, None)
        return replace(self, links=links, answers=answers)

    def show_image(self, field_id: str, image: ImageReference) -> "Form":
        """The form with this key image as illustration of the field."""
        held = self.images.get(field_id, ())
        return self if image in held else replace(self, images={**self.images, field_id: (*held, image)})

    def to_json(self) -> str:
        """The form as JSON text; `from_json` gives back an equal form."""
        return json.dumps(
            {
                "version": _VERSION,
                "template": self.template_id,
                "answers": {name: _plain(answer) for name, answer in self.answers.items()},
                "links": {name: [asdict(link) for link in links] for name, links in self.links.items()},
                "images": {name: [asdict(image) for image in images] for name, images in self.images.items()},
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> "Form":
        """Read what `to_json` wrote; raises ValueError when it is something else."""
        try:
            plain = json.loads(text)
            if plain["version"] != _VERSION:
                raise ValueError(f"form version {plain['version']}")
            return cls(
                template_id=plain["template"],
                answers={name: _answer(each) for name, each in plain["answers"].items()},
                links={name: tuple(Link(**link) for link in links) for name, links in plain["links"].items()},
                images={name: tuple(ImageReference(**each) for each in many) for name, many in plain["images"].items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is no saved form") from error


def _plain(answer: Answer) -> dict[str, Any]:
    value = list(answer.value) if isinstance(answer.value, tuple) else answer.value
    return {"value": value, "edited": answer.edited}


def _answer(plain: dict[str, Any]) -> Answer:
    value = plain["value"]
    return Answer(tuple(value) if isinstance(value, list) else value, bool(plain["edited"]))
