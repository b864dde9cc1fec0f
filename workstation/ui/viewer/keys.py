"""Keys to commands, whatever the keyboard's language: with the Russian layout on, the L key still measures a length."""

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from workstation.viewing.commands import COMMANDS, Command

_CYRILLIC = "йцукенгшщзхъфывапролджэячсмитьбю"
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,."
_LATIN_OF = {ord(there.upper()): ord(here.upper()) for there, here in zip(_CYRILLIC, _LATIN, strict=True)}

_BY_KEY: dict[str, Command] = {key: command for command in COMMANDS for key in command.keys}


def command_of(event: QKeyEvent) -> Command | None:
    """The command under a key press, or None."""
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    key = _LATIN_OF.get(event.key(), event.key())
    if key in (Qt.Key.Key_unknown, 0):
        return None
    sequence = QKeySequence(QKeyCombination(held, Qt.Key(key)))
    return _BY_KEY.get(sequence.toString(QKeySequence.SequenceFormat.PortableText))


def key_text(command: Command) -> str:
    """The first key of a command as the platform writes it."""
    return QKeySequence(command.keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if command.keys else ""
