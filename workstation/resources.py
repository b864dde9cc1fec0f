"""Where the files that ship with the program lie: in a checkout, in a wheel and in the frozen application."""

import sys
from pathlib import Path


def resource(*parts: str) -> Path:
    """The path of a shipped file or folder below `resources/`.

    Raises FileNotFoundError when the installation lacks it.
    """
    here = Path(__file__).resolve().parent
    frozen = Path(getattr(sys, "_MEIPASS", here))
    for root in (frozen / "resources", here / "_resources", here.parent / "resources"):
        if (root.joinpath(*parts)).exists():
            return root.joinpath(*parts)
    raise FileNotFoundError("/".join(("resources", *parts)))
