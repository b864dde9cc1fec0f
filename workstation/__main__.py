"""`python -m workstation` and the `iris-workstation` script."""

import sys

# told apart before anything is imported: such a process must be small and quick to start
_DECODER_PROCESS = "--decoder-process"


def main() -> int:
    """Run the command line; the exit status is 0 done, 1 refused by the world, 2 wrong usage."""
    if sys.argv[1:] == [_DECODER_PROCESS]:
        from workstation.dicom.decoder_child import serve

        return serve()
    from workstation.discretion import keep_to_itself

    keep_to_itself()
    from workstation.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
