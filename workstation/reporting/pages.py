"""Pages of a PDF as pictures, for showing what will be signed."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PagePicture:
    """One page: `rgb` holds height × width × 3 bytes, row by row."""

    width: int
    height: int
    rgb: bytes = field(repr=False)


def picture_pages(pdf: bytes, width: int) -> tuple[PagePicture, ...]:
    """Each page of the document drawn `width` pixels wide."""
    import pypdfium2

    pages = []
    document = pypdfium2.PdfDocument(pdf)
    try:
        for page in document:
            bitmap = page.render(scale=width / page.get_width(), rev_byteorder=True)
            array = bitmap.to_numpy()[:, :, :3]
            pages.append(PagePicture(array.shape[1], array.shape[0], array.tobytes()))
            bitmap.close()
            page.close()
    finally:
        document.close()
    return tuple(pages)
