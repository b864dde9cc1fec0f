"""A case that is read while its study still comes from a slow server: progress, cuts, signing, leaving."""

from collections.abc import Callable
from dataclasses import replace

from tests.ui.conftest import Reader
from workstation.consultation.case import CaseRow
from workstation.demo.preparation import DemoFolder
from workstation.demo.server import EmbeddedIris
from workstation.settings import Settings
from workstation.ui.window import READING

Seat = Callable[..., Reader]

SOME = 60_000
"""Bytes of a series: some of its small images, by far not all."""


def begun(reader: Reader, iris: EmbeddedIris, name: str = "CT-CHEST") -> CaseRow:
    """Open a case whose stream stops in the middle; its first picture is on the screen."""
    iris.faults.stall(SOME, path="*/studies/*/series/*", times=None)
    case = reader.find(name)
    reader.open(case)
    viewer = reader.window.reading.viewer
    reader.hands.wait(viewer.is_settled, "for the first picture")
    reader.hands.wait(lambda: images(reader) > 1, "for some more")
    return reader.desk.case(case.case_uid)


def broken(reader: Reader, iris: EmbeddedIris) -> CaseRow:
    """Open a case whose stream is cut in the middle and whose images can't be had singly; what is here is shown."""
    iris.faults.cut(SOME, path="*/studies/*/series/*", times=None)
    iris.faults.force(503, path="*/instances/*", times=None)
    case = reader.find("CT-CHEST")
    reader.open(case)
    viewer = reader.window.reading.viewer
    reader.hands.wait(lambda: "can be read" in reader.message, "for the message")
    reader.hands.wait(lambda: viewer.is_settled() and viewer.is_loaded(), "for what is here")
    return reader.desk.case(case.case_uid)


def images(reader: Reader) -> int:
    """Images of the study that are offered."""
    session = reader.window.reading.viewer.session
    stacks = () if session is None else session.case.stacks
    return sum(stack.count for stack in stacks if not stack.prior)


def shown(reader: Reader) -> str:
    session = reader.window.reading.viewer.session
    assert session is not None
    stack = session.views.stack(0)
    assert stack is not None
    return stack.instance(session.views[0].state.index).sop_instance_uid


def finish(reader: Reader) -> None:
    viewer, background = reader.window.reading.viewer, reader.window.background
    reader.hands.wait(lambda: viewer.is_loaded() and not background.activities, "for the rest")
    reader.hands.wait(viewer.is_settled, "for the pictures")


def test_the_first_images_are_read_and_the_report_written_while_the_others_come(seat: Seat, iris: EmbeddedIris) -> None:
    reader = seat()
    case = begun(reader, iris)
    reading = reader.window.reading
    assert reader.shell.place == READING
    assert reader.desk.case(case.case_uid).is_held
    session = reading.viewer.session
    assert session is not None
    (stack,) = session.case.stacks
    assert 0 < stack.count < case.expected
    assert not stack.is_volume
    assert stack.awaited is not None
    assert f"of {case.expected} images are here; more are coming" in stack.awaited.note
    assert not session.reformats.possible
    reader.hands.wait(reading.report.isEnabled, "for the form")
    reading.viewer.setFocus()
    reader.hands.press("Down")
    image = shown(reader)
    iris.faults.clear()
    finish(reader)
    assert shown(reader) == image
    assert images(reader) == case.expected
    assert session.case.stacks[0].is_volume
    assert [stack.prior for stack in session.case.stacks] == [False, True]


def test_the_band_tells_how_far_the_study_is(seat: Seat, iris: EmbeddedIris) -> None:
    reader = seat()
    case = begun(reader, iris)
    assert f"of {case.expected} images" in reader.window.reading.band.complete_shown
    iris.faults.clear()
    finish(reader)
    assert reader.window.reading.band.complete_shown == f"{case.expected} images"


def test_a_cut_leaves_what_is_here_and_goes_on_by_itself_when_the_link_is_back(seat: Seat, iris: EmbeddedIris) -> None:
    reader = seat()
    case = broken(reader, iris)
    viewer = reader.window.reading.viewer
    session = viewer.session
    assert session is not None
    assert 0 < images(reader) < case.expected
    assert not session.case.growing
    reader.window.reading.viewer.setFocus()
    reader.hands.press("Down")
    image = shown(reader)
    iris.faults.clear()
    reader.hands.press("F5", reader.window.reading)
    reader.hands.wait(lambda: images(reader) == case.expected, "for the rest")
    finish(reader)
    assert shown(reader) == image
    assert not reader.message


def test_the_word_at_signing_says_that_images_still_come_and_the_document_how_many_were_here(
    seat: Seat, iris: EmbeddedIris
) -> None:
    reader = seat()
    case = begun(reader, iris)
    reader.hands.wait(reader.window.reading.report.isEnabled, "for the form")
    reader.answer_all()
    reader.ask_to_sign()
    reading = reader.window.reading
    assert reading.is_signing
    here = reader.desk.case(case.case_uid).received
    assert f"{here} of {case.expected} are here" in reading.signing.coming_shown
    assert reading.signing.completeness_shown.startswith(f"Images read: {here} of {case.expected}.")
    iris.faults.clear()
    reader.hands.wait(lambda: "make it anew" in reading.signing.coming_shown, "for the word that more is here")


def test_another_case_that_is_opened_in_the_middle_comes_first_and_the_other_is_whole_later(
    seat: Seat, iris: EmbeddedIris
) -> None:
    reader = seat()
    case = begun(reader, iris)
    other = reader.find("FLG")
    iris.faults.clear()
    reader.hands.press("F2", reader.shell)
    reader.open(other)
    reading = reader.window.reading
    reader.hands.wait(lambda: reading.case is not None and reading.case.case_uid == other.case_uid, "for the other")
    finish(reader)
    here = reader.desk.case(other.case_uid)
    assert here.received == here.expected
    reader.hands.wait(lambda: reader.desk.case(case.case_uid).received == case.expected, "for the first")


def test_a_case_that_is_given_back_in_the_middle_is_not_fetched_any_more(seat: Seat, iris: EmbeddedIris) -> None:
    reader = seat()
    case = begun(reader, iris)
    reader.window.reading.band.return_requested.emit("not_my_specialty", "")
    reader.hands.wait(lambda: reader.window.reading.case is None, "for the return")
    iris.faults.clear()
    reader.hands.rest(0.5)
    assert reader.desk.case(case.case_uid).received < case.expected
    assert not reader.window.background.activities


def test_a_part_that_is_here_opens_without_the_link_with_its_gaps_named(
    seat: Seat, iris: EmbeddedIris, settings: Settings
) -> None:
    reader = seat()
    case = broken(reader, iris)
    iris.stop()
    again = seat(replace(settings, servers=(replace(settings.server, connect_timeout_s=1.0),)))
    again.open(case)
    viewer = again.window.reading.viewer
    again.hands.wait(lambda: viewer.is_settled() and viewer.is_loaded(), "for what is here")
    assert 0 < images(again) < case.expected
    session = viewer.session
    assert session is not None
    assert not session.case.growing
    assert again.message


def test_what_was_drawn_while_images_came_is_in_the_draft_and_on_its_image_in_the_end(
    seat: Seat, demo: DemoFolder, iris: EmbeddedIris
) -> None:
    reader = seat()
    case = begun(reader, iris)
    canvas = reader.window.reading.viewer.canvases[0]
    reader.hands.press("L", canvas)
    reader.hands.drag(canvas, (100, 150), (180, 150))
    image = shown(reader)
    session = reader.window.reading.viewer.session
    assert session is not None
    (drawn,) = session.store.measurements()
    iris.faults.clear()
    finish(reader)
    (kept,) = session.store.measurements()
    assert kept == drawn
    assert kept.anchor.image.sop_instance_uid == image
    reader.hands.wait(lambda: "measurements" in reader.desk.draft(case.case_uid), "for the draft")
    session.move.scroll(0, 3)
    session.annotations.go_to(kept.tracking_uid)
    assert shown(reader) == image
