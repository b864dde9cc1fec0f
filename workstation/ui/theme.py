"""How the program looks: one palette of neutral greys, one accent, one font, one set of icons.

Widgets say what they are by the dynamic property `role`; the style sheet does the rest:
buttons `primary`, `quiet`, `danger`; labels `title`, `heading`, `muted`, `mono`, `warning`, `error`, `good`, `chip`;
frames `panel`, `card`, `band-danger`, `band-warning`.
"""

from dataclasses import dataclass

from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from workstation.resources import resource

FONT_POINT_SIZE = 11.0


@dataclass(frozen=True)
class Theme:
    """Colours as `#rrggbb`. Greys are neutral: a tinted surround shifts how grey values are judged."""

    window: str
    panel: str
    raised: str
    field: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    selection: str
    good: str
    warning: str
    danger: str


DARK = Theme(
    window="#161616",
    panel="#1e1e1e",
    raised="#292929",
    field="#121212",
    line="#363636",
    text="#e4e4e4",
    muted="#9a9a9a",
    accent="#4aa3df",
    on_accent="#08121a",
    selection="#23435a",
    good="#6fbf73",
    warning="#e0a63a",
    danger="#e5645c",
)
LIGHT = Theme(
    window="#ececec",
    panel="#f8f8f8",
    raised="#ffffff",
    field="#ffffff",
    line="#cccccc",
    text="#1c1c1c",
    muted="#636363",
    accent="#1b6ea8",
    on_accent="#ffffff",
    selection="#cfe4f4",
    good="#2c7a35",
    warning="#9a6400",
    danger="#b3261e",
)

_current = DARK


def current() -> Theme:
    """The theme in use."""
    return _current


def icon(name: str, color: str | None = None) -> QIcon:
    """An icon of the one set, by its Phosphor or Material name, e.g. `mdi6.ruler`, in the theme's text colour."""
    import qtawesome

    theme = current()
    drawn: QIcon = qtawesome.icon(
        name, color=color or theme.text, color_disabled=theme.line, color_on=theme.accent, color_on_active=theme.accent
    )
    return drawn


def set_role(widget: QWidget, role: str) -> None:
    """Give the widget its role and redraw it in the role's style."""
    if widget.property("role") == role:
        return
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def load_fonts() -> str:
    """Load the shipped font, so that each machine draws the same text; its family name, or "" where none ships."""
    family = ""
    for path in sorted(resource("fonts").glob("*.[ot]tf")):
        number = QFontDatabase.addApplicationFont(str(path))
        families = QFontDatabase.applicationFontFamilies(number)
        if families and not family:
            family = families[0]
    return family


def apply_theme(app: QApplication, name: str = "dark") -> None:
    """Put the palette, font and style sheet `dark` or `light` on the whole program."""
    global _current
    _current = LIGHT if name == "light" else DARK
    theme = _current
    app.setStyle("Fusion")
    app.setPalette(_palette(theme))
    family = load_fonts()
    font = QFont(family) if family else app.font()
    font.setPointSizeF(FONT_POINT_SIZE)
    app.setFont(font)
    app.setStyleSheet(_style_sheet(theme))


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, color in (
        (role.Window, theme.window),
        (role.WindowText, theme.text),
        (role.Base, theme.field),
        (role.AlternateBase, theme.panel),
        (role.Text, theme.text),
        (role.PlaceholderText, theme.muted),
        (role.Button, theme.raised),
        (role.ButtonText, theme.text),
        (role.ToolTipBase, theme.raised),
        (role.ToolTipText, theme.text),
        (role.Highlight, theme.selection),
        (role.HighlightedText, theme.text),
        (role.Link, theme.accent),
        (role.Mid, theme.line),
        (role.Dark, theme.window),
    ):
        palette.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(theme.muted))
    return palette


def _style_sheet(t: Theme) -> str:
    return f"""
QWidget {{ color: {t.text}; }}
QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.line}; padding: 4px 6px; }}
QFrame[role="panel"] {{ background: {t.panel}; border: none; }}
QFrame[role="card"] {{ background: {t.raised}; border: 1px solid {t.line}; border-radius: 6px; }}
QFrame[role="band-danger"] {{ background: {t.danger}; border-radius: 4px; }}
QFrame[role="band-danger"] QLabel {{ color: #1a0504; font-weight: 600; }}
QFrame[role="band-warning"] {{ background: {t.raised}; border: 1px solid {t.warning}; border-radius: 4px; }}
QFrame[role="rule"] {{ background: {t.line}; max-height: 1px; border: none; }}

QLabel[role="title"] {{ font-size: 15pt; font-weight: 600; }}
QLabel[role="heading"] {{ font-size: 12pt; font-weight: 600; }}
QLabel[role="muted"] {{ color: {t.muted}; }}
QLabel[role="warning"] {{ color: {t.warning}; }}
QLabel[role="error"] {{ color: {t.danger}; }}
QLabel[role="good"] {{ color: {t.good}; }}
QLabel[role="chip"] {{ background: {t.selection}; border-radius: 8px; padding: 1px 8px; }}

QPushButton, QToolButton {{
  background: {t.raised}; border: 1px solid {t.line}; border-radius: 5px; padding: 5px 12px; min-height: 18px;
}}
QToolButton {{ padding: 5px; }}
QPushButton:hover, QToolButton:hover {{ border-color: {t.muted}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {t.field}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {t.accent}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {t.muted}; background: {t.panel}; border-color: {t.panel}; }}
QPushButton[role="primary"] {{
  background: {t.accent}; color: {t.on_accent}; border-color: {t.accent}; font-weight: 600;
}}
QPushButton[role="primary"]:hover {{ border-color: {t.text}; }}
QPushButton[role="primary"]:focus {{ border: 2px solid {t.text}; padding: 4px 11px; }}
QPushButton[role="primary"]:disabled {{ background: {t.raised}; color: {t.muted}; border-color: {t.line}; }}
QPushButton[role="quiet"], QToolButton[role="quiet"] {{ background: transparent; border-color: transparent; }}
QPushButton[role="quiet"]:hover, QToolButton[role="quiet"]:hover {{ background: {t.raised}; }}
QPushButton[role="quiet"]:focus, QToolButton[role="quiet"]:focus {{ border-color: {t.accent}; }}
QPushButton[role="danger"] {{ color: {t.danger}; }}
QPushButton:checked, QToolButton:checked {{ background: {t.selection}; border-color: {t.accent}; }}

QLineEdit, QPlainTextEdit, QTextEdit, QComboBox, QSpinBox, QDoubleSpinBox, QDateEdit {{
  background: {t.field}; border: 1px solid {t.line}; border-radius: 5px; padding: 4px 7px;
  selection-background-color: {t.selection}; selection-color: {t.text};
}}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus {{
  border-color: {t.accent};
}}
QLineEdit[invalid="true"], QPlainTextEdit[invalid="true"], QComboBox[invalid="true"] {{ border-color: {t.danger}; }}
QComboBox::drop-down {{ border: none; width: 22px; }}
QComboBox QAbstractItemView {{ background: {t.raised}; border: 1px solid {t.line}; outline: none; }}
QCheckBox {{ spacing: 8px; }}

QTableView, QListView, QTreeView, QListWidget, QTreeWidget {{
  background: {t.panel}; alternate-background-color: {t.window}; border: none; outline: none;
  selection-background-color: {t.selection}; selection-color: {t.text}; gridline-color: {t.line};
}}
QTableView::item {{ padding: 0 8px; border-bottom: 1px solid {t.raised}; }}
QFrame[role="panel"] QScrollArea, QFrame[role="panel"] QScrollArea > QWidget > QWidget {{ background: {t.panel}; }}
QHeaderView {{ background: {t.window}; }}
QHeaderView::section {{
  background: {t.window}; color: {t.muted}; border: none; border-bottom: 1px solid {t.line}; padding: 6px 8px;
  text-align: left;
}}
QScrollArea {{ border: none; background: transparent; }}
QScrollBar:vertical {{ background: transparent; width: 11px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 11px; margin: 0; }}
QScrollBar::handle {{ background: {t.line}; border-radius: 4px; min-height: 30px; min-width: 30px; margin: 2px; }}
QScrollBar::handle:hover {{ background: {t.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QSplitter::handle {{ background: {t.window}; }}
QSplitter::handle:horizontal {{ width: 5px; }}
QSplitter::handle:vertical {{ height: 5px; }}
QProgressBar {{
  background: {t.field}; border: 1px solid {t.line}; border-radius: 5px; text-align: center; height: 16px;
}}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 4px; }}
QMenu {{ background: {t.raised}; border: 1px solid {t.line}; padding: 4px; }}
QMenu::item {{ padding: 5px 22px; border-radius: 4px; }}
QMenu::item:disabled {{ color: {t.muted}; }}
QMenu::item:selected {{ background: {t.selection}; }}
QStatusBar, QFrame[role="status"] {{ background: {t.panel}; border-top: 1px solid {t.line}; }}
QFrame[role="rail"] {{ background: {t.panel}; border-right: 1px solid {t.line}; }}
QFrame[role="rail"] QToolButton {{ border: none; border-radius: 8px; padding: 8px 4px; background: transparent; }}
QFrame[role="rail"] QToolButton:hover {{ background: {t.raised}; }}
QFrame[role="rail"] QToolButton:checked {{ background: {t.selection}; }}
QTabBar::tab {{ background: transparent; padding: 6px 12px; border: none; color: {t.muted}; }}
QTabBar::tab:selected {{ color: {t.text}; border-bottom: 2px solid {t.accent}; }}
QTabWidget::pane {{ border: none; }}
QDialog {{ background: {t.window}; }}
"""


ICON_SIZE = QSize(20, 20)
