"""Errors are one clear line; texts are looked up when they are shown; shipped files are found."""

import inspect
from collections.abc import Iterator

import pytest

from workstation import errors, language
from workstation.errors import ServerRefused, WorkstationError
from workstation.language import LANGUAGES, N_, _, current_language, ngettext, number_text, set_language
from workstation.resources import resource


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    before = current_language()
    set_language("en")
    yield
    set_language(before)


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("Disk full",), "Disk full"),
        (("Disk full", "archive"), "Disk full: archive"),
        (("Disk full", "archive", "Free some room."), "Disk full: archive. Free some room."),
        (("Disk full", "", "Free some room."), "Disk full. Free some room."),
        (("Disk full", "archive.", "Free some room."), "Disk full: archive. Free some room."),
    ],
)
def test_an_error_is_one_clear_line(parts: tuple[str, ...], line: str) -> None:
    assert str(WorkstationError(*parts)) == line


def test_every_error_of_the_world_is_a_workstation_error() -> None:
    kinds = [kind for _name, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    assert len(kinds) > 10
    assert all(issubclass(kind, WorkstationError) for kind in kinds)


def test_a_refusal_carries_the_status_and_the_wish_of_the_server() -> None:
    refusal = ServerRefused("Refused", status=429, retry_after=3.5)
    assert (refusal.status, refusal.retry_after, str(refusal)) == (429, 3.5, "Refused")


def test_english_is_the_source_and_an_unknown_language_a_mistake() -> None:
    assert _("Cancelled") == "Cancelled"
    assert N_("Cancelled") == "Cancelled"
    assert ngettext("{count} image", "{count} images", 2) == "{count} images"
    with pytest.raises(ValueError, match="fr"):
        set_language("fr")
    assert current_language() == "en"
    assert set(LANGUAGES) == {"ru", "en"}


def test_a_text_is_looked_up_when_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    class Catalogue:
        def gettext(self, message: str) -> str:
            return message.upper()

    before = _("Cancelled")
    monkeypatch.setattr(language, "_catalogue", lambda code: Catalogue())
    assert (before, _("Cancelled")) == ("Cancelled", "CANCELLED")


def test_shipped_files_are_found_and_absent_ones_told() -> None:
    assert resource().is_dir()
    with pytest.raises(FileNotFoundError, match="resources/no/such"):
        resource("no", "such")


@pytest.mark.parametrize(
    ("code", "written"),
    [("en", ["12.35", "−0.5", "0.0", "1000", "2.5", "3"]), ("ru", ["12,35", "−0,5", "0,0", "1000", "2,5", "3"])],
)
def test_numbers_are_written_as_the_language_does(code: str, written: list[str]) -> None:
    set_language(code)
    said = [number_text(12.35, 2), number_text(-0.5), number_text(-0.04), number_text(1000, 0)]
    said += [number_text(2.50, 2, trim=True), number_text(3.0, 2, trim=True)]
    assert said == written
