"""`iris-workstation render`: pictures and modality values of images, as the viewport would show them.

One line an input says what came of it, so that a broken file in a folder is a line and not the end.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import get_args

from workstation.cli.inputs import Input, input_arguments, inputs
from workstation.cli.rendering import Cut, Outcome, Render, View
from workstation.dicom import decoder_processes
from workstation.errors import UnreadableObject
from workstation.imaging.reslice import SlabMode
from workstation.language import _, number_text

EXAMPLE = "iris-workstation render study/ -o pictures --plane coronal --slab 10 --mode mip"

_ORTHOGONAL = ("axial", "coronal", "sagittal")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Inputs, what is made of them, and how it is told."""
    input_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(),
        metavar="DIR",
        help=_("folder for what is made; a file there is named by the number of its input and its SOP Instance UID"),
    )
    parser.add_argument(
        "--frame",
        type=_frame,
        default=None,
        metavar="N|all",
        help=_("frame, counted from 1, or all of them; without it the first as a picture, all as values"),
    )
    parser.add_argument(
        "--raw",
        action="store_true",
        help=_(
            "modality values as .npy, (frames, rows, columns), integers where they are exact, else float64; RGB for "
            "colour; in a plane NaN where nothing is"
        ),
    )
    greys = parser.add_mutually_exclusive_group()
    greys.add_argument("--window", nargs=2, type=float, metavar=("C", "W"), help=_("centre and width, LINEAR"))
    greys.add_argument(
        "--voi",
        metavar="NAME",
        help=_("a window or VOI LUT of the file by its explanation or its number from 1, a preset, or auto"),
    )
    parser.add_argument(
        "--plane",
        type=_plane,
        metavar="PLANE",
        help=_(
            "reformat each volume: axial, coronal, sagittal, or oblique:rx,ry,rz,dx,dy,dz, the directions to the right "
            "and downwards in patient coordinates (LPS)"
        ),
    )
    parser.add_argument(
        "--at",
        type=float,
        metavar="MM",
        help=_(
            "where the plane lies: patient coordinate (LPS) along z, y or x, or along the oblique plane's normal; "
            "without it the middle"
        ),
    )
    parser.add_argument("--slab", type=float, metavar="MM", help=_("thickness of the plane"))
    parser.add_argument("--mode", choices=get_args(SlabMode), help=_("how a slab becomes one picture; mean by default"))
    parser.add_argument(
        "--size", type=_size, metavar="WxH", help=_("fit the picture into so many pixels; without it 1:1")
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line"))
    parser.set_defaults(wrong=parser.error)


def run(options: argparse.Namespace) -> int:
    """Status 1 when any input gave no picture."""
    render = _order(options)
    failed = False
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        with decoder_processes.opened(1), inputs(options) as found:
            for outcome in _outcomes(render, found):
                failed = failed or outcome.status != "ok"
                print(json.dumps(outcome.plain(), ensure_ascii=False) if options.json else _line(outcome), flush=True)
    except OSError as error:
        raise UnreadableObject(_("The output can't be written"), error.strerror or type(error).__name__) from error
    return 1 if failed else 0


def _outcomes(render: Render, found: Iterator[Input]) -> Iterable[Outcome]:
    return render.planes(found) if render.cut is not None else map(render.image, found)


def _order(options: argparse.Namespace) -> Render:
    """The options, found to agree with each other; ends the process where they don't."""
    wrong: Callable[[str], None] = options.wrong
    if options.plane is None and (options.at, options.slab, options.mode) != (None, None, None):
        wrong(_("--at, --slab and --mode belong to --plane"))
    if options.plane is not None and options.frame is not None:
        wrong(_("--frame and --plane exclude each other"))
    if options.raw and (options.window or options.voi):
        wrong(_("--raw gives values, which have no window"))
    if options.raw and options.size and options.plane is None:
        wrong(_("--raw gives the values as they are stored: --size goes with a picture or a plane"))
    if options.window and options.window[1] < 1:
        wrong(_("the width of a window is at least 1"))
    if options.slab is not None and options.slab < 0:
        wrong(_("a slab is at least 0 mm thick"))
    cut = None
    if options.plane is not None:
        name, right, down = options.plane
        cut = Cut(name, right, down, options.at, options.slab or 0.0, options.mode or "mean")
    window = (options.window[0], options.window[1]) if options.window else None
    return Render(options.output, options.raw, options.frame, View(window, options.voi or "", options.size), cut)


def _frame(text: str) -> int:
    """A frame's number; 0 for all."""
    if text == "all":
        return 0
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(_("a number from 1, or all, is wanted: {text}").format(text=text))
    return int(text)


def _size(text: str) -> tuple[int, int]:
    width, _x, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 2 <= int(width) <= 16384 and 2 <= int(height) <= 16384):
        raise argparse.ArgumentTypeError(_("a size looks like 512x512: {text}").format(text=text))
    return int(width), int(height)


def _plane(text: str) -> tuple[str, tuple[float, ...], tuple[float, ...]]:
    """The plane's name, and the directions of an oblique one."""
    name, _colon, numbers = text.partition(":")
    if text in _ORTHOGONAL:
        return name, (), ()
    try:
        cosines = tuple(float(number) for number in numbers.split(","))
    except ValueError:
        cosines = ()
    if name != "oblique" or len(cosines) != 6:
        raise argparse.ArgumentTypeError(
            _("axial, coronal, sagittal or oblique: and six direction cosines are wanted: {text}").format(text=text)
        )
    from workstation.dicom.axes import orthonormal

    axes = orthonormal(cosines)
    if axes is None:
        raise argparse.ArgumentTypeError(
            _("the directions are no perpendicular unit vectors: {text}").format(text=text)
        )
    return name, tuple(axes[0].tolist()), tuple(axes[1].tolist())


def _line(outcome: Outcome) -> str:
    if outcome.status != "ok":
        verdict = _("refused") if outcome.status == "refused" else _("unreadable")
        return f"{outcome.path}: {verdict}: {outcome.message}"
    said = [" × ".join(str(size) for size in outcome.shape or ())]
    if outcome.units:
        said.append(outcome.units)
    if outcome.spacing is not None:
        said.append(
            " × ".join(number_text(mm, 3 if mm >= 0.1 else 6, trim=True) for mm in outcome.spacing) + " " + _("mm")
        )
    said += outcome.notes
    names = outcome.output if isinstance(outcome.output, list) else [outcome.output or ""]
    made = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
    return f"{outcome.path} → {made}: {', '.join(said)}"
