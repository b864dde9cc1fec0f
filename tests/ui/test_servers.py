"""The servers in the window: signing in in the browser, and working with another server."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton

from workstation import settings as settings_file
from workstation.app import application
from workstation.demo.oidc import CLIENT_ID
from workstation.demo.server import EmbeddedIris
from workstation.settings import ServerProfile, Settings
from workstation.ui.window import DeskWindow

PASSPHRASE = "четыре слова без связи"


class Browser(QObject):
    """Stands in for the system's browser: visits what is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.visiting = True

    @Slot(QUrl)
    def visit(self, url: QUrl) -> None:
        self.opened.append(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))
        if self.visiting:
            threading.Thread(target=requests.get, args=(self.opened[-1],), kwargs={"timeout": 10}, daemon=True).start()


@pytest.fixture
def browser(app: QApplication) -> Iterator[Browser]:
    made = Browser()
    QDesktopServices.setUrlHandler("http", made, "visit")
    yield made
    QDesktopServices.unsetUrlHandler("http")


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[EmbeddedIris, EmbeddedIris]]:
    """North signs in in the browser, South with a password that is known."""
    with EmbeddedIris(tmp_path / "north") as north, EmbeddedIris(tmp_path / "south") as south:
        north.provider.immediate = True
        yield north, south


@pytest.fixture
def window(
    app: QApplication, two: tuple[EmbeddedIris, EmbeddedIris], tmp_path: Path, browser: Browser
) -> Iterator[DeskWindow]:
    north, south = two
    settings = Settings(
        tmp_path / "desk",
        language="en",
        poll_seconds=3600,
        prefetch=False,
        servers=(
            ServerProfile("North", north.url, oidc_issuer=north.issuer, oidc_client_id=CLIENT_ID),
            ServerProfile("South", south.url, user=south.user),
        ),
    )
    settings_file.save(settings)
    with application(settings, passphrase=lambda: PASSPHRASE) as opened:
        opened.door.sign_in("South", south.password)
        window = DeskWindow(opened.desk, opened.workers, settings, opened.door)
        window.shell.show()
        window.start()
        yield window
        window.shell.close()
        window.shell.deleteLater()
        app.processEvents()


def button(window: DeskWindow, text: str) -> QPushButton:
    return next(one for one in window.shell.sign_in.findChildren(QPushButton) if one.text() == text)


def entry(window: DeskWindow, text: str) -> Any:
    return next(one for one in window.shell.status.server_menu.actions() if one.text() == text)


def test_the_strip_leads_into_the_browser_and_goes_when_the_reader_is_signed_in(
    window: DeskWindow, browser: Browser, until: Any
) -> None:
    strip = window.shell.sign_in
    until(strip.isVisible)
    assert not strip._password.isVisible()
    button(window, "Sign in in the browser").click()
    until(lambda: window.link == "online")
    assert not strip.isVisible()
    assert len(browser.opened) == 1
    assert "code_challenge_method=S256" in browser.opened[0]


def test_waiting_for_the_browser_can_be_ended_and_begun_again(window: DeskWindow, browser: Browser, until: Any) -> None:
    browser.visiting = False
    until(window.shell.sign_in.isVisible)
    button(window, "Sign in in the browser").click()
    until(lambda: bool(browser.opened))
    assert button(window, "Cancel").isVisible()
    assert not button(window, "Sign in in the browser").isVisible()
    button(window, "Cancel").click()
    until(button(window, "Sign in in the browser").isVisible)
    browser.visiting = True
    button(window, "Sign in in the browser").click()
    until(lambda: window.link == "online")


def test_without_a_browser_the_address_is_in_the_clipboard(
    window: DeskWindow, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _url: False)
    until(window.shell.sign_in.isVisible)
    button(window, "Sign in in the browser").click()
    until(lambda: "clipboard" in window.shell.sign_in._text.text())
    requests.get(QGuiApplication.clipboard().text(), timeout=10)
    until(lambda: window.link == "online")


def test_another_server_is_chosen_in_the_status_bar_and_kept(window: DeskWindow, until: Any, tmp_path: Path) -> None:
    until(window.shell.sign_in.isVisible)
    names = [one.text() for one in window.shell.status.server_menu.actions() if one.isCheckable()]
    assert names == ["North", "South"]
    entry(window, "South").trigger()
    until(lambda: window.link == "online")
    assert not window.shell.sign_in.isVisible()
    until(lambda: window.shell.status._link.text() == "Online: South")
    assert entry(window, "South").isChecked()
    assert settings_file.load(tmp_path / "desk").server.name == "South"


def test_signing_out_asks_for_the_next_sign_in(window: DeskWindow, until: Any, two: Any) -> None:
    until(window.shell.sign_in.isVisible)
    entry(window, "South").trigger()
    until(lambda: window.link == "online")
    entry(window, "Sign out").trigger()
    until(window.shell.sign_in.isVisible)
    assert window.shell.sign_in._password.isVisible()
    window.shell.sign_in._password.setText(two[1].password)
    button(window, "Sign in").click()
    until(lambda: not window.shell.sign_in.isVisible())


def test_the_status_bar_says_why_it_is_offline(window: DeskWindow, until: Any, two: Any) -> None:
    two[1].stop()
    until(window.shell.sign_in.isVisible)
    entry(window, "South").trigger()
    until(lambda: window.shell.status._link.text() == "Offline: South")
    assert "No connection to the server" in window.shell.status._link.toolTip()
