"""`iris-workstation demo` on a screen: a window opens on the worklist, and a signal ends the program."""

import shutil
import subprocess
import time
from typing import Any

import pytest

from workstation.demo.preparation import DemoFolder

pytestmark = [pytest.mark.xvfb, pytest.mark.slow, pytest.mark.timeout(300)]


def windows(display: str) -> str:
    """The windows of a screen with their names and sizes, as xwininfo lists them."""
    done = subprocess.run(
        ["xwininfo", "-root", "-tree"],
        env={"DISPLAY": display, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode("utf-8", "replace")


def opened(display: str) -> bool:
    """Whether the workstation's window is on the screen in its size; a helper window of one pixel has its name too."""
    return any('"IRIS Workstation"' in line and " 1280x800+" in line for line in windows(display).splitlines())


@pytest.mark.skipif(not shutil.which("xwininfo"), reason="xwininfo is not installed")
def test_the_demonstration_opens_a_window_and_ends_on_a_signal(user: Any, demo_folder: DemoFolder, screen: Any) -> None:
    bare = screen.colours()
    process = user.start("demo", "--iris", demo_folder.folder, display=screen.name)
    try:
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            if opened(screen.name) and screen.colours() > 200:
                break
            time.sleep(0.2)
        assert process.poll() is None
        assert opened(screen.name)
        assert bare <= 2 < 200 < screen.colours(), "text, icons and badges are painted"
        process.terminate()
        told, complained = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "reader.p12" in told
    assert complained == ""
