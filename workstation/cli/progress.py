"""The line of progress on stderr: each takes the place of the one before, and only where somebody may be looking.

What is piped or logged has none of it.
"""

import sys


def show_progress(line: str) -> None:
    """Write a line over the last one; an empty one takes it away."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line}\033[K")
        sys.stderr.flush()


def end_progress() -> None:
    """Leave the last line standing, and go on below it."""
    if sys.stderr.isatty():
        sys.stderr.write("\n")
