"""The command line: one module a command.

Only parses, calls rooms and prints.
Nothing here that a screen would need too.
"""

from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    return 2
