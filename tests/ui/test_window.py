"""The window of a desk on a small embedded IRIS: from the worklist to a delivered conclusion, and what goes wrong."""

from collections.abc import Callable
from dataclasses import replace

import requests
from PySide6.QtWidgets import QApplication

from tests.ui.conftest import Reader
from workstation.demo.preparation import DemoFolder
from workstation.demo.server import EmbeddedIris
from workstation.settings import Settings
from workstation.ui.window import OUTBOX, READING, WORKLIST

Seat = Callable[..., Reader]


def test_the_worklist_holds_the_cases_of_iris_the_most_urgent_first(seat: Seat) -> None:
    reader = seat()
    reader.rows(3)
    shown = [reader.window.worklist.model.case_at(row) for row in range(3)]
    deadlines = [case.deadline for case in shown if case is not None and case.deadline is not None]
    assert len(deadlines) == 3
    assert [case.priority for case in shown if case is not None] == sorted(
        (case.priority for case in shown if case is not None), key=["HIGH", "MEDIUM", "LOW"].index
    )


def test_typing_in_the_search_narrows_the_list(seat: Seat) -> None:
    reader = seat()
    reader.rows(3)
    wanted = reader.window.worklist.model.case_at(1)
    assert wanted is not None
    reader.hands.press("Ctrl+F", reader.window.worklist)
    reader.hands.type(wanted.patient.patient_id)
    reader.rows(1)
    reader.hands.wait(lambda: reader.window.worklist.selected is not None, "for the row")
    assert reader.window.worklist.selected == wanted


def test_asking_iris_again_leaves_the_cursor_where_it_is(seat: Seat) -> None:
    reader = seat()
    reader.rows(3)
    chosen = reader.window.worklist.model.case_at(2)
    assert chosen is not None
    reader.window.worklist.select(chosen.case_uid)
    reader.hands.press("F5", reader.window.worklist)
    reader.hands.rest(0.5)
    assert reader.window.worklist.selected == chosen


def test_enter_opens_a_case_with_its_prior_beside_it(seat: Seat) -> None:
    reader = seat()
    reader.read(reader.find("CT-CHEST"))
    assert reader.shell.place == READING
    session = reader.window.reading.viewer.session
    assert session is not None
    assert session.views.layout == "1x2"
    second = session.views.stack(1)
    assert second is not None
    assert second.prior
    case = reader.window.reading.case
    assert case is not None
    assert case.is_held
    assert (case.received, case.priors_received) == (case.expected, 1)


def test_one_key_each_leads_to_the_three_places(seat: Seat) -> None:
    reader = seat()
    for key, place in (("F4", OUTBOX), ("F3", READING), ("F2", WORKLIST)):
        reader.hands.press(key, reader.shell)
        assert reader.shell.place == place


def test_what_was_drawn_and_answered_is_back_after_the_window_is_gone(seat: Seat) -> None:
    reader = seat()
    case = reader.find("CT-CHEST")
    reader.read(case)
    canvas = reader.window.reading.viewer.canvases[0]
    reader.hands.press("L", canvas)
    reader.hands.drag(canvas, (100, 150), (180, 150))
    reader.window.reading.viewer.setFocus()
    reader.hands.press("F6")
    reader.hands.press("Alt+Shift+N")
    form = reader.window.reading.report.form()
    session = reader.window.reading.viewer.session
    assert session is not None
    drawn = session.store.measurements()
    assert len(drawn) == 1
    reader.hands.wait(
        lambda: (
            {"form", "measurements"} <= reader.desk.draft(case.case_uid).keys()
            and reader.desk.draft(case.case_uid)["form"] == form.to_json()
        ),
        "for the draft",
    )
    again = seat()
    again.read(case)
    session = again.window.reading.viewer.session
    assert session is not None
    assert session.store.measurements() == drawn
    assert again.window.reading.report.form() == form


def test_a_required_answer_that_is_missing_is_said_in_the_form(seat: Seat) -> None:
    reader = seat()
    reader.read(reader.find("CT-CHEST"))
    reader.window.reading.viewer.setFocus()
    reader.hands.press("F6")
    reader.hands.press("Ctrl+Return")
    reader.hands.rest(0.3)
    assert not reader.window.reading.is_signing
    focused = QApplication.focusWidget()
    assert focused is not None
    assert focused.objectName() == "nodules"


def test_a_wrong_password_of_the_identity_is_said_and_the_right_one_delivers(
    seat: Seat, demo: DemoFolder, iris: EmbeddedIris
) -> None:
    reader = seat()
    case = reader.find("XR-CHEST")
    reader.read(case)
    reader.answer_all()
    reader.ask_to_sign()
    assert reader.window.reading.is_signing
    signing = reader.window.reading.signing
    password = reader.field("Password of the identity")
    password.setFocus()
    reader.hands.type("not the password", password)
    reader.hands.press("Return", password)
    reader.hands.wait(lambda: bool(signing.error_shown), "for the error")
    assert "password" in signing.error_shown
    assert not reader.desk.outbox()
    reader.hands.type(demo.identities.password, password)
    reader.hands.press("Return", password)
    reader.hands.wait(lambda: [row.state for row in reader.desk.outbox()] == ["delivered"], "for the delivery")
    assert reader.shell.place == OUTBOX
    states = requests.get(f"{iris.url}/workitems/{case.case_uid}", auth=(iris.user, iris.password), timeout=10).json()
    assert states[0]["00741000"]["Value"] == ["COMPLETED"]


def test_without_iris_held_cases_open_and_the_others_say_why_not(
    seat: Seat, settings: Settings, iris: EmbeddedIris
) -> None:
    reader = seat()
    held, other = reader.find("XR-CHEST"), reader.find("CT-CHEST")
    reader.read(held)
    iris.stop()
    offline = replace(settings, servers=(replace(settings.server, connect_timeout_s=1.0),))
    again = seat(offline)
    assert again.window.link == "offline"
    again.read(again.find("XR-CHEST"))
    assert again.shell.place == READING
    again.hands.press("F2", again.shell)
    again.open(other)
    again.hands.wait(lambda: bool(again.message), "for the message")
    assert again.desk.case(held.case_uid).is_held
    assert not again.desk.case(other.case_uid).is_held


def test_a_wrong_password_of_the_server_is_asked_for_in_place_until_one_works(seat: Seat, iris: EmbeddedIris) -> None:
    reader = seat(password="wrong")
    assert reader.window.link == "offline"
    strip = reader.shell.sign_in
    reader.hands.wait(strip.isVisible, "for the question")
    reader.window.refresh()
    field = reader.field("Password at the server")
    reader.hands.type("wrong again", field)
    reader.hands.press("Return", field)
    reader.hands.wait(lambda: strip.isVisible() and reader.window.link == "offline", "for the second question")
    reader.hands.rest(0.5)
    reader.hands.type(iris.password, field)
    reader.hands.press("Return", field)
    reader.hands.wait(lambda: reader.window.link == "online", "for the link")
    assert not strip.isVisible()
    reader.rows(3)


def test_a_case_that_another_took_first_is_said_to_be_gone(seat: Seat, iris: EmbeddedIris) -> None:
    reader = seat()
    reader.rows(3)
    case = reader.find("XR-CHEST")
    body = [
        {
            "00081195": {"vr": "UI", "Value": ["2.25.77"]},
            "00741000": {"vr": "CS", "Value": ["IN PROGRESS"]},
        }
    ]
    answer = requests.put(
        f"{iris.url}/workitems/{case.case_uid}/state?requester=OTHER",
        json=body,
        headers={"Content-Type": "application/dicom+json"},
        auth=(iris.user, iris.password),
        timeout=10,
    )
    assert answer.status_code == 200
    reader.open(case)
    reader.hands.wait(lambda: bool(reader.message), "for the message")
    assert not reader.desk.case(case.case_uid).is_held


def test_a_refused_conclusion_is_sent_again_on_the_readers_word(
    seat: Seat, demo: DemoFolder, iris: EmbeddedIris
) -> None:
    iris.faults.force(422, path="*/studies/*", method="POST")
    reader = seat()
    reader.sign(reader.find("XR-CHEST"), demo.identities.password)
    reader.hands.wait(lambda: reader.package_state() == "refused", "for the refusal")
    reader.decide("Send again")
    reader.hands.wait(lambda: reader.package_state() == "delivered", "for the delivery")


def test_send_now_tries_what_was_to_be_tried_later(seat: Seat, demo: DemoFolder, iris: EmbeddedIris) -> None:
    iris.faults.force(503, path="*/studies/*", method="POST", retry_after=600)
    reader = seat()
    reader.sign(reader.find("XR-CHEST"), demo.identities.password)
    reader.hands.wait(lambda: reader.desk.outbox()[0].attempts == 1, "for the first try")
    reader.hands.rest(0.3)
    assert reader.package_state() != "delivered"
    reader.hands.press("F4", reader.shell)
    reader.hands.press("F5", reader.window.outbox)
    reader.hands.wait(lambda: reader.package_state() == "delivered", "for the delivery")


def test_a_signed_case_opens_for_viewing_only(seat: Seat, demo: DemoFolder) -> None:
    reader = seat()
    case = reader.find("XR-CHEST")
    reader.sign(case, demo.identities.password)
    reader.hands.wait(lambda: reader.package_state() == "delivered", "for the delivery")
    reader.window.open_case(case.case_uid)
    viewer = reader.window.reading.viewer
    reader.hands.wait(lambda: viewer.session is not None and viewer.is_settled(), "for the pictures")
    assert not reader.window.reading.report.isEnabled()
