"""The language of the program: English in the source, other languages by gettext catalogues.

`_` translates at the moment of the call, so a text is looked up when it is shown, never when a module is imported;
`N_` only marks a text for the catalogue, for tables that are built at import.
"""

import gettext
from functools import lru_cache

from workstation.resources import resource

LANGUAGES = ("ru", "en")

_current = "en"


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(code: str) -> gettext.NullTranslations:
    if code == "en":
        return gettext.NullTranslations()
    return gettext.translation("workstation", str(resource("locale")), languages=[code])


def set_language(code: str) -> None:
    """Use the language `ru` or `en` from now on, in every room and thread."""
    global _current
    if code not in LANGUAGES:
        raise ValueError(f"no such language: {code}")
    _catalogue(code)
    _current = code


def current_language() -> str:
    """`ru` or `en`."""
    return _current


def _(message: str) -> str:
    """The text in the current language."""
    return _catalogue(_current).gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """The text in the current language, in the form that goes with `count`."""
    return _catalogue(_current).ngettext(singular, plural, count)


def number_text(value: float, digits: int = 1, code: str = "", *, trim: bool = False) -> str:
    """A number with at most `digits` decimals as the current language, or that of `code`, writes it.

    The minus is a true one and zero has none; `trim` leaves out zeros at the end of the decimals.
    """
    text = f"{value:.{digits}f}"
    if trim and digits:
        text = text.rstrip("0").rstrip(".")
    if float(text) == 0:
        text = text.removeprefix("-")
    text = text.replace("-", "\N{MINUS SIGN}")
    return text.replace(".", ",") if (code or _current) == "ru" else text


def N_(message: str) -> str:  # noqa: N802 - gettext's own name
    """The text unchanged, marked for the catalogue."""
    return message
