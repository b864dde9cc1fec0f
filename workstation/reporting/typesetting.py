"""The look of the printed conclusion: fonts, styles, and a page that names the patient on every sheet.

One narrow column of headings beside one wide column of text; one accent; hairlines. reportlab is imported only by the
two PDF modules, and they only when a PDF is made.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import TimeStamp
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph

from workstation.resources import resource

WIDTH, HEIGHT = A4
LEFT, RIGHT, TOP, BOTTOM = 19 * mm, 19 * mm, 17 * mm, 22 * mm
TEXT_WIDTH = WIDTH - LEFT - RIGHT
HANG = 35 * mm

INK = HexColor("#1b1f23")
MUTED = HexColor("#6b7278")
LINE = HexColor("#cfd4d8")
ACCENT = HexColor("#0b5f83")

REGULAR, BOLD = "PT Sans", "PT Sans Bold"


@dataclass(frozen=True)
class Marks:
    """What stands on the margin of the pages."""

    running: str
    uid: str
    page: str
    moment: datetime


def register_fonts() -> None:
    """Make the shipped font known to reportlab, once."""
    if REGULAR in pdfmetrics.getRegisteredFontNames():
        return
    pdfmetrics.registerFont(TTFont(REGULAR, str(resource("fonts", "PTSans-Regular.ttf"))))
    pdfmetrics.registerFont(TTFont(BOLD, str(resource("fonts", "PTSans-Bold.ttf"))))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)


def style(name: str, **changes: Any) -> ParagraphStyle:
    """A paragraph style of the page; `name` is only for reportlab's messages."""
    settings: dict[str, Any] = {"fontName": REGULAR, "fontSize": 10, "leading": 14.2, "textColor": INK, **changes}
    return ParagraphStyle(name, **settings)


BODY = {"leftIndent": HANG, "spaceAfter": 3.5}


class HangingHeading(Flowable):  # type: ignore[misc] # reportlab ships no types
    """A heading in the left column, beside the paragraph that follows; takes no height of its own."""

    keepWithNext = 1  # noqa: N815 - reportlab's name

    def __init__(self, title: str, leading: float) -> None:
        super().__init__()
        self._leading = leading
        self._paragraph = Paragraph(
            title, style("heading", fontName=BOLD, fontSize=9.2, leading=leading, textColor=ACCENT)
        )

    @property
    def reach(self) -> float:
        """How far down it hangs; what follows must be as high, or the next heading runs into it."""
        _width, height = self._paragraph.wrap(HANG - 5 * mm, 400)
        return float(height)

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        """No room."""
        return (0, 0)

    def draw(self) -> None:
        """Hang the heading from the current line."""
        self._paragraph.drawOn(self.canv, 0, -self.reach)


class Rule(Flowable):  # type: ignore[misc] # reportlab ships no types
    """A line across the page, with room above and below."""

    keepWithNext = 1  # noqa: N815 - reportlab's name

    def __init__(self, above: float, below: float, *, strong: bool = False) -> None:
        super().__init__()
        self._above, self._below, self._strong = above, below, strong

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """The room it needs."""
        self._width = width
        return (width, self._above + self._below)

    def draw(self) -> None:
        """Draw the line."""
        self.canv.setStrokeColor(ACCENT if self._strong else LINE)
        self.canv.setLineWidth(1.4 if self._strong else 0.5)
        self.canv.line(0, self._below, self._width, self._below)


def page_canvas(marks: Marks) -> type[Canvas]:
    """A canvas that knows the number of pages, writes the margins, and dates the file `marks.moment`."""

    class PageCanvas(Canvas):  # type: ignore[misc] # reportlab ships no types
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "invariant": 1, "pageCompression": 1})
            self._doc._timeStamp = _stamp(marks.moment)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - reportlab's name
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, 1):
                self.__dict__.update(page)
                self._margins(number, len(self._pages))
                super().showPage()
            super().save()

        def _margins(self, number: int, count: int) -> None:
            self.setFillColor(MUTED)
            self.setFont(REGULAR, 7.2)
            self.drawString(LEFT, 11 * mm, marks.uid)
            self.drawRightString(WIDTH - RIGHT, 11 * mm, marks.page.format(number=number, count=count))
            self.setStrokeColor(LINE)
            self.setLineWidth(0.5)
            self.line(LEFT, 15 * mm, WIDTH - RIGHT, 15 * mm)
            if number > 1:
                self.setFont(REGULAR, 8)
                self.drawString(LEFT, HEIGHT - 11.5 * mm, marks.running)

    return PageCanvas


def _stamp(moment: datetime) -> TimeStamp:
    stamp = TimeStamp(invariant=1)
    offset = moment.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    stamp.YMDhms = moment.timetuple()[:6]
    stamp.dhh, stamp.dmm = int(minutes / 60), abs(minutes) % 60
    return stamp
