"""Pages of a PDF as pictures, for showing what will be signed and what others have sent.

PDFium is not to be entered by two threads at once; every document is opened, asked and closed under one lock.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workstation.errors import UnreadableObject
from workstation.language import _

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_one_at_a_time = threading.Lock()
# the longest side of a page's picture: a page may claim to be kilometres wide
_MOST_PIXELS = 8192


@dataclass(frozen=True)
class PagePicture:
    """One page: `rgb` holds height × width × 3 bytes, row by row."""

    width: int
    height: int
    rgb: bytes = field(repr=False)


def picture_pages(pdf: bytes, width: int) -> tuple[PagePicture, ...]:
    """Each page of the document drawn `width` pixels wide. Raises UnreadableObject."""
    with _opened(pdf) as document:
        return tuple(_drawn(document, number, width) for number in range(len(document)))


def picture_page(pdf: bytes, number: int, width: int) -> PagePicture:
    """Page `number` (from 0) drawn `width` pixels wide. Raises UnreadableObject."""
    with _opened(pdf) as document:
        return _drawn(document, number, width)


def page_sizes(pdf: bytes) -> tuple[tuple[float, float], ...]:
    """(width, height) of each page in points. Raises UnreadableObject with the reason: encrypted, broken, empty."""
    with _opened(pdf) as document:
        sizes = tuple(document.get_page_size(number) for number in range(len(document)))
    if not sizes or any(width <= 0 or height <= 0 for width, height in sizes):
        raise UnreadableObject(_("The PDF can't be read"), _("it has no pages"))
    return sizes


def page_text(pdf: bytes, number: int) -> str:
    """The text of page `number` (from 0), in the order the PDF has it. Raises UnreadableObject."""
    with _opened(pdf) as document:
        page = document[number]
        words = page.get_textpage()
        text = str(words.get_text_range())
        words.close()
        page.close()
        return text


@contextmanager
def _opened(pdf: bytes) -> "Iterator[PdfDocument]":
    import pypdfium2

    with _one_at_a_time:
        try:
            document = pypdfium2.PdfDocument(pdf)
        except pypdfium2.PdfiumError as error:
            raise _refused(str(error)) from None
        try:
            yield document
        except pypdfium2.PdfiumError as error:
            raise _refused(str(error)) from None
        finally:
            document.close()


def _refused(reason: str) -> UnreadableObject:
    locked = "password" in reason.lower() or "security" in reason.lower()
    return UnreadableObject(
        _("The PDF can't be read"), _("it is locked with a password") if locked else _("it is damaged or no PDF")
    )


def _drawn(document: "PdfDocument", number: int, width: int) -> PagePicture:
    page = document[number]
    wide, high = page.get_size()
    scale = min(width / wide, _MOST_PIXELS / max(wide, high))
    bitmap = page.render(scale=scale, rev_byteorder=True)
    array = bitmap.to_numpy()[:, :, :3]
    picture = PagePicture(array.shape[1], array.shape[0], array.tobytes())
    bitmap.close()
    page.close()
    return picture
