"""`make screenshots`: the pictures of README and docs, from phantoms only, in both languages.

The window as a whole comes from the tour, in two sizes; the viewer alone, with what the tour doesn't pass by, from
`gallery`.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SHOTS = ("worklist", "reading", "mpr", "report", "sign", "outbox")
SIZES = {"1280x800": "small", "1920x1200": "large"}


def main() -> int:
    """Write `<shot>-<language>-<size>.png` and `<shot>-<language>.png` into the folder named on the command line."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    program = Path(sys.executable).with_name("iris-workstation")
    for language in ("ru", "en"):
        subprocess.run([sys.executable, "-m", "benchmarks.gallery", language, target], check=True)
        for size, name in SIZES.items():
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([program, "--language", language, "tour", folder, "--size", size], check=True)
                for shot in SHOTS:
                    picture = Path(folder) / f"{shot}.png"
                    shutil.copy(picture, target / f"{shot}-{language}-{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
