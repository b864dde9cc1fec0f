"""`python -m workstation` and the `iris-workstation` script."""

import sys


def main() -> int:
    """Run the command line; the exit status is 0 done, 1 refused by the world, 2 wrong usage."""
    from workstation.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
