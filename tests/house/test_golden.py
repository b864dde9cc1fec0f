"""Each truth that a picture or a number stands on has its golden test."""

import ast
from pathlib import Path

GOLDEN = {
    1: "a square of 0.5 × 1.0 mm pixels measures square",
    2: "a rod stays straight in a stack tilted by 20°",
    3: "slices that are missing are named, and distances beyond them are unchanged",
    4: "the order of instance numbers means nothing",
    5: "a ramp of intercepts makes a flat plane",
    6: "MONOCHROME1, INVERSE of a presentation state and padding in all combinations",
    7: "VOI table, SIGMOID and LINEAR at widths of 1 and 2",
    8: "an enhanced object with frames in any order and two stacks",
    9: "diffusion with three b-values, every image reachable",
    10: "an overlay in bit 15 of signed 12-bit pixels",
    11: "four mammograms in every flip and turn",
    12: "a mask moved by the known shift subtracts to zero",
    13: "two regions of one ultrasound image",
    14: "YBR_FULL_422 of the right and of the wrong length",
    15: "CP1251 under the wrong name, or under none",
    16: "what a report saves and reads back has the same numbers and units",
    17: "a store of which one object failed leaves the outbox entry open",
    18: "a server that caps its answers at 100",
}


def _marked(path: Path) -> set[int]:
    """The numbers of the golden marks in a test file."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "golden"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, int)
    }


def test_each_golden_truth_has_a_test_and_no_test_an_unknown_number() -> None:
    found = set().union(*(_marked(path) for path in Path(__file__).parents[1].rglob("test_*.py")))
    assert found == set(GOLDEN)
