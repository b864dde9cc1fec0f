"""The outbox before the reader: what waits says why and until when, and what must be decided is decided by a button."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtWidgets import QLabel, QPushButton

from tests.faulty_proxy import faulty_proxy
from workstation.demo.server import EmbeddedIris
from workstation.settings import Settings
from workstation.ui.window import OUTBOX, READING

Seat = Callable[..., Any]


def shown(reader: Any) -> str:
    """What the outbox says of its chosen package."""
    labels = reader.window.outbox.findChildren(QLabel)
    return "\n".join(label.text() for label in labels if label.isVisible())


def offers(reader: Any) -> set[str]:
    buttons = reader.window.outbox.findChildren(QPushButton)
    return {button.text() for button in buttons if button.isVisible()}


def test_the_network_gone_after_the_case_came_it_is_read_signed_and_delivered_by_itself(
    seat: Seat, settings: Settings, iris: EmbeddedIris, demo: Any
) -> None:
    with faulty_proxy(iris.url) as proxy:
        server = settings.server
        url = server.dicomweb_url.replace(f":{iris.port}", f":{proxy.port}")
        server = replace(server, dicomweb_url=url, workitems_url="", connect_timeout_s=1.0)
        reader = seat(replace(settings, servers=(server,), poll_seconds=1.0))
        case = reader.find("XR-CHEST")
        reader.read(case)
        proxy.die()
        reader.hands.wait(lambda: reader.window.link == "offline", "for the link to go")
        reader.sign(case, demo.identities.password)
        reader.hands.wait(lambda: reader.desk.outbox()[0].attempts > 0, "for the first try")
        assert reader.shell.place == OUTBOX
        reader.hands.wait(lambda: "No connection to the server" in shown(reader), "for the reason")
        assert "without a timestamp" in shown(reader)
        assert "next try" in shown(reader)
        assert not {"Send again", "Keep it here"} & offers(reader)
        proxy.start()
        reader.hands.wait(lambda: reader.package_state() == "delivered", "for the delivery, with nobody's hand")
        reader.hands.wait(lambda: "Receipt" in offers(reader), "for the receipt")


def test_a_case_withdrawn_meanwhile_is_kept_on_the_readers_word(seat: Seat, iris: EmbeddedIris, demo: Any) -> None:
    reader = seat()
    case = reader.find("XR-CHEST")
    reader.read(case)
    iris.faults.lost = {case.case_uid}
    reader.sign(case, demo.identities.password)
    reader.hands.wait(lambda: reader.package_state() == "held", "for the package")
    reader.hands.wait(lambda: "Ask the sender" in shown(reader), "for the words")
    assert offers(reader) >= {"Send as an unsolicited opinion", "Keep it here"}
    reader.decide("Keep it here")
    reader.hands.wait(lambda: reader.package_state() == "kept", "for the decision")
    reader.hands.wait(lambda: "Send after all" in offers(reader), "for the way back")
    assert "0 waiting" in shown(reader)


def test_a_refused_conclusion_is_written_and_signed_anew(seat: Seat, iris: EmbeddedIris, demo: Any) -> None:
    iris.faults.force(422, path="*/studies/*", method="POST")
    reader = seat()
    case = reader.find("XR-CHEST")
    reader.sign(case, demo.identities.password)
    reader.hands.wait(lambda: reader.package_state() == "refused", "for the refusal")
    reader.decide("Write and sign anew")
    viewer = reader.window.reading.viewer
    reader.hands.wait(lambda: viewer.session is not None and viewer.is_settled() and viewer.is_loaded(), "for it")
    assert reader.shell.place == READING
    assert reader.window.reading.report.isEnabled()
    assert reader.desk.case(case.case_uid).is_writable
    viewer.setFocus()
    reader.hands.press("F6")
    reader.ask_to_sign()
    assert reader.window.reading.is_signing, reader.message
    field = reader.field("Password of the identity")
    field.setFocus()
    reader.hands.type(demo.identities.password, field)
    reader.hands.press("Return", field)

    def states() -> list[str]:
        return sorted(row.state for row in reader.desk.outbox())

    reader.hands.wait(lambda: states() == ["delivered", "replaced"], "for the delivery of the second")
