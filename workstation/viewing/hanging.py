"""Hanging: which series goes where when a case opens, from protocols that are data.

A protocol says when it fits, how the viewports lie, and what each place wants. The fitting protocol with the highest
score hangs the case; a place that finds nothing stays empty and says so.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from workstation.imaging.voi import Window
from workstation.language import N_
from workstation.resources import resource
from workstation.viewing.layout import LAYOUTS
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import PlaneKind

# the titles of the shipped protocols and windows, for the catalogue
TITLES = (
    N_("CT with prior"),
    N_("With prior"),
    N_("One series"),
    N_("Lung"),
    N_("Mediastinum"),
    N_("SUV 0 to 5"),
    N_("SUV 0 to 20"),
    N_("Bone"),
    N_("Brain"),
    N_("Abdomen"),
    N_("Vessels"),
)


@dataclass(frozen=True)
class Preset:
    """A window under a number key, for stacks of its modalities whose values have its unit."""

    id: str
    title: str
    key: int
    window: Window
    modalities: tuple[str, ...] = ()
    unit: str = ""

    def fits(self, stack: ShownStack) -> bool:
        return (not self.modalities or stack.modality in self.modalities) and stack.units == self.unit


@dataclass(frozen=True)
class PlaceRule:
    """What one viewport wants."""

    origin: Literal["current", "prior"]
    series: Literal["largest", "like-current"]
    plane: PlaneKind = PlaneKind.STACK
    preset: str = ""


@dataclass(frozen=True)
class Protocol:
    """One hanging protocol. `priors`: at least so many earlier studies of the same modality."""

    title: str
    score: int
    layout: str
    places: tuple[PlaceRule, ...]
    modalities: tuple[str, ...] = ()
    priors: int = 0
    link: bool = False


@dataclass(frozen=True)
class Placement:
    """A rule and the stack it found, if any."""

    rule: PlaceRule
    stack: ShownStack | None


@lru_cache(maxsize=1)
def load_protocols() -> tuple[Protocol, ...]:
    """The shipped protocols, the highest score first. Raises ValueError for one that can't be understood."""
    found = []
    for path in sorted(resource("hanging_protocols").glob("*.toml")):
        try:
            found.append(parse_protocol(tomllib.loads(path.read_text(encoding="utf-8"))))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"hanging protocol {path.name}: {error}") from error
    return tuple(sorted(found, key=lambda protocol: -protocol.score))


def parse_protocol(plain: dict[str, Any]) -> Protocol:
    """A protocol from its TOML. Raises KeyError, TypeError or ValueError."""
    layout = plain["layout"]["name"]
    if layout not in LAYOUTS:
        raise ValueError(f"no such layout: {layout}")
    places = tuple(
        PlaceRule(each["from"], each["series"], PlaneKind(each.get("plane", "stack")), each.get("preset", ""))
        for each in plain["place"]
    )
    when = plain.get("when", {})
    return Protocol(
        title=plain["title"],
        score=int(plain["score"]),
        layout=layout,
        places=places,
        modalities=tuple(when.get("modalities", ())),
        priors=int(when.get("priors", 0)),
        link=bool(plain["layout"].get("link", False)),
    )


@lru_cache(maxsize=1)
def load_presets() -> tuple[Preset, ...]:
    """The shipped windows of all modalities, by number key."""
    found = []
    for path in sorted(resource("hanging_protocols", "windows").glob("*.toml")):
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
        found += [
            Preset(
                id=each["id"],
                title=each["title"],
                key=int(each["key"]),
                window=Window(float(each["center"]), float(each["width"]), plain.get("function", "LINEAR")),
                modalities=tuple(plain["modalities"]),
                unit=plain["unit"],
            )
            for each in plain["window"]
        ]
    return tuple(found)


# derived objects, which nobody opens first
_NEVER_FIRST = frozenset(("SEG", "RTDOSE", "RTSTRUCT", "REG"))


def hang(stacks: Sequence[ShownStack], protocols: Sequence[Protocol]) -> tuple[Protocol, tuple[Placement, ...]]:
    """The protocol that fits best, and what its places found."""
    current = [stack for stack in stacks if not stack.prior and stack.modality not in _NEVER_FIRST]
    main = _largest(current)
    earlier = [] if main is None else [s for s in stacks if s.prior and s.modality == main.modality]
    studies = list(dict.fromkeys(stack.study.study_uid for stack in earlier))
    modality = main.modality if main is not None else ""
    for protocol in protocols:
        if protocol.modalities and modality not in protocol.modalities:
            continue
        if len(studies) >= protocol.priors:
            break
    else:
        raise ValueError("no hanging protocol fits everything")
    first_prior = [stack for stack in earlier if stack.study.study_uid == studies[0]] if studies else []
    return protocol, tuple(
        Placement(rule, _found(rule, current if rule.origin == "current" else first_prior, main))
        for rule in protocol.places
    )


def _found(rule: PlaceRule, among: Sequence[ShownStack], main: ShownStack | None) -> ShownStack | None:
    if rule.series == "largest" or main is None:
        return _largest(among)
    # likeness: the same kind of stack, kernel and thickness before mere size
    return max(
        among,
        key=lambda stack: (
            stack.hangs_as_volume == main.hangs_as_volume,
            stack.first.kernel == main.first.kernel,
            -abs(stack.slice_step - main.slice_step),
            stack.count,
        ),
        default=None,
    )


def _largest(stacks: Sequence[ShownStack]) -> ShownStack | None:
    return max(stacks, key=lambda stack: (stack.hangs_as_volume, stack.weight, stack.modality == "CT"), default=None)
