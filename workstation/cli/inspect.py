"""`iris-workstation inspect`: the stacks that objects make, and why each is a volume or none.

What the viewer would offer, told without a picture: it reads headers and geometry only.
"""

import argparse
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workstation.cli.inputs import Input, input_arguments, inputs
from workstation.dicom.geometry import Stack, build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.errors import Unsupported, WorkstationError
from workstation.language import _, ngettext, number_text

logger = logging.getLogger(__name__)

EXAMPLE = "iris-workstation inspect study/ --json"


@dataclass(frozen=True)
class Refusal:
    """An input that is in no stack: unreadable, or without a picture (`refused`)."""

    path: str
    status: str
    message: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """Inputs, and how it is told."""
    input_arguments(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line"))


def run(options: argparse.Namespace) -> int:
    """Status 1 when any input could not be read; the others are told all the same."""
    unreadable = False
    found: list[Instance] = []
    with inputs(options) as given:
        for one in _read(given):
            if isinstance(one, Instance):
                found.append(one)
                continue
            unreadable = unreadable or one.status == "unreadable"
            _tell(options.json, vars(one), f"{one.path}: {_verdict(one)}: {one.message}")
    stacks = build_stacks(found)
    for stack in stacks:
        _tell(options.json, {"status": "ok", **described(stack)}, _line(stack))
    if not options.json:
        print(_summary(stacks))
    return 1 if unreadable else 0


def _read(given: Iterator[Input]) -> Iterator[Instance | Refusal]:
    for one in given:
        try:
            instance = parse_instance(one.read())
        except WorkstationError as error:
            yield Refusal(one.path, "refused" if isinstance(error, Unsupported) else "unreadable", str(error))
        except Exception:  # a mistake of ours with one file must not cost the rest of the folder
            logger.exception("a header could not be read")
            yield Refusal(one.path, "unreadable", _("this object can't be read"))
        else:
            yield instance if instance.has_pixels else Refusal(one.path, "refused", _("The object has no picture"))


def described(stack: Stack) -> dict[str, Any]:
    """A stack for JSON: lengths in mm, vectors in patient coordinates (LPS); null where there is no place.

    `slice_step` is the vector from slice to slice, of uneven ones the median; `gaps` name the slice (from 0) before,
    how many are missing (0: can't be counted) and the patient coordinates between which nothing is.
    """
    first = stack.frames[0].geometry
    located = stack.positions > 0
    return {
        "study_uid": stack.study_uid,
        "series_uid": stack.series_uid,
        "title": stack.title,
        "modality": stack.modality,
        "n_frames": len(stack.frames),
        "n_positions": stack.positions,
        "rows": stack.first.rows,
        "columns": stack.first.columns,
        "orientation": list(first.orientation) if located and first.orientation else None,
        "spacing": [stack.spacing.row_mm, stack.spacing.column_mm] if stack.spacing.in_mm else None,
        "spacing_source": stack.spacing.source,
        "slice_step": _slice_step(stack),
        "tilt_degrees": round(stack.tilt_degrees, 3),
        "gaps": [
            {"after": gap.after, "missing": gap.missing, "from_mm": gap.low_mm, "to_mm": gap.high_mm}
            for gap in stack.gaps
        ],
        "duplicates": stack.duplicates,
        "copies": stack.copies,
        "split_rule": stack.split_rule,
        "volume": stack.is_volume,
        "reason": stack.reason,
    }


def _slice_step(stack: Stack) -> list[float] | None:
    if not stack.is_volume or stack.ijk_to_lps is None:
        return None
    places = [stack.place_of(number) for number in range(len(stack.frames))]
    usual = float(np.median(np.diff(places))) if stack.uneven else 1.0
    return [round(float(value), 6) + 0.0 for value in stack.ijk_to_lps[:3, 2] * usual]


def _tell(as_json: bool, plain: dict[str, Any], line: str) -> None:
    print(json.dumps(plain, ensure_ascii=False) if as_json else line, flush=True)


def _verdict(refusal: Refusal) -> str:
    return _("refused") if refusal.status == "refused" else _("unreadable")


def _line(stack: Stack) -> str:
    count = len(stack.frames)
    said = [
        _("volume") if stack.is_volume else _("no volume"),
        ngettext("{count} image", "{count} images", count).format(count=count),
    ]
    step = _slice_step(stack)
    if step is not None:
        length = number_text(float(np.linalg.norm(step)), 2, trim=True)
        said.append(_("step {mm} mm").format(mm=length))
    if stack.split_rule:
        said.append(_("split by {rule}").format(rule=stack.split_rule))
    if stack.reason:
        said.append(stack.reason)
    number = "" if stack.first.series_number is None else f"{stack.first.series_number} "
    return f"{number}{stack.modality} {stack.title}: {', '.join(said)}"


def _summary(stacks: tuple[Stack, ...]) -> str:
    images = sum(len(stack.frames) for stack in stacks)
    volumes = sum(stack.is_volume for stack in stacks)
    return _("stacks: {stacks}, volumes: {volumes}, images: {images}").format(
        stacks=len(stacks), volumes=volumes, images=images
    )
