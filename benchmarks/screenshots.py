"""`make screenshots`: the pictures of README and docs, from the tour on the phantoms, in both languages and sizes."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SHOTS = ("worklist", "reading", "mpr", "report", "sign", "outbox")
SIZES = {"1280x800": "small", "1920x1200": "large"}


def main() -> int:
    """Write `<shot>-<language>-<size>.png` into the folder named on the command line."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    program = Path(sys.executable).with_name("iris-workstation")
    for language in ("ru", "en"):
        for size, name in SIZES.items():
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([program, "--language", language, "tour", folder, "--size", size], check=True)
                for shot in SHOTS:
                    picture = Path(folder) / f"{shot}.png"
                    shutil.copy(picture, target / f"{shot}-{language}-{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
