"""Clinical documents (HL7 CDA) in encapsulated objects: the narrative that a person is meant to read, as blocks.

The XML comes from outside: a document type, entities and anything external are refused, depth and size are bounded.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from workstation.dicom.quoting import quoted_code
from workstation.errors import UnreadableObject
from workstation.language import _

_MOST_BYTES = 32 << 20
_MOST_DEPTH = 100
_INLINE = {"content", "linkHtml", "sub", "sup", "footnote", "footnoteRef"}


@dataclass(frozen=True)
class Block:
    """A piece of a narrative. `level` is the depth of a heading or of a list; `rows` are a table's, head rows first."""

    kind: Literal["heading", "paragraph", "item", "table"]
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()
    head_rows: int = 0


@dataclass(frozen=True)
class ClinicalDocument:
    """Title, date (`YYYYMMDD…`), authors, and the narrative; `pdf` when the body is one (a level-1 document)."""

    title: str
    date: str
    authors: tuple[str, ...]
    blocks: tuple[Block, ...]
    pdf: bytes = b""


def read_cda(xml: bytes) -> ClinicalDocument:
    """The narrative of a document. Raises UnreadableObject with one reason."""
    root = _parsed(xml)
    if _tag(root) != "ClinicalDocument":
        raise _refused(_("it is no clinical document"))
    authors = tuple(
        name for person in _found(root, "author", "assignedAuthor", "assignedPerson", "name") if (name := _flat(person))
    )
    date = next((element.get("value", "") for element in _found(root, "effectiveTime")), "")
    title = next((_flat(element) for element in _found(root, "title")), "")
    blocks: list[Block] = []
    pdf = b""
    for body in _found(root, "component", "nonXMLBody", "text"):
        pdf, words = _foreign(body)
        blocks += [Block("paragraph", line) for line in words]
    for section in _found(root, "component", "structuredBody", "component", "section"):
        blocks += _section(section, 1)
    return ClinicalDocument(title, date, authors, tuple(blocks), pdf)


def _refused(reason: str) -> UnreadableObject:
    return UnreadableObject(_("The clinical document can't be read"), reason)


def _parsed(xml: bytes) -> Element:
    if len(xml) > _MOST_BYTES:
        raise _refused(_("it is too large"))
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate(namespace_separator="}")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MOST_DEPTH:
            raise _refused(_("it is nested too deeply"))
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def doctype(*_given: object) -> None:
        raise _refused(_("it brings a document type of its own"))

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    parser.ExternalEntityRefHandler = None
    try:
        parser.Parse(xml.rstrip(b"\0"), True)
        return builder.close()
    except (expat.ExpatError, AssertionError, LookupError, ValueError) as error:
        raise _refused(_("its XML is broken ({reason})").format(reason=expat_reason(error))) from None


def expat_reason(error: Exception) -> str:
    """What expat says, without a piece of the text."""
    return expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else type(error).__name__


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _found(element: Element, *path: str) -> Iterator[Element]:
    """Descendants by a path of local names."""
    for child in element:
        if _tag(child) == path[0]:
            if len(path) == 1:
                yield child
            else:
                yield from _found(child, *path[1:])


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _lines(text: str) -> str:
    return "\n".join(line for line in map(_spaced, text.split("\n")) if line)


def _flat(element: Element) -> str:
    """The text of a title or a name in one line, its parts a space apart."""
    return _spaced(" ".join(element.itertext()))


def _own(element: Element) -> str:
    """Text with `br` as the only line break: those of the XML mean nothing."""
    parts = [_spaced_in(element.text)]
    for child in element:
        parts.append("\n" if _tag(child) == "br" else _own(child))
        parts.append(_spaced_in(child.tail))
    return _("[picture]") if _tag(element) == "renderMultiMedia" else "".join(parts)


def _spaced_in(text: str | None) -> str:
    return "" if text is None else " ".join(text.replace("\n", " ").replace("\t", " ").split(" "))


def _section(section: Element, level: int) -> Iterator[Block]:
    for title in _found(section, "title"):
        yield Block("heading", _flat(title), level)
    for text in _found(section, "text"):
        yield from _narrative(text, 0)
    for inner in _found(section, "component", "section"):
        yield from _section(inner, level + 1)


def _narrative(element: Element, depth: int) -> Iterator[Block]:
    """Mixed content: what stands loose between blocks are paragraphs of their own."""
    loose = _spaced_in(element.text)
    for child in element:
        tag = _tag(child)
        if tag in _INLINE or tag in {"br", "renderMultiMedia"}:
            loose += "\n" if tag == "br" else _own(child)
        else:
            yield from _paragraph(loose, depth)
            loose = ""
            yield from _block(child, tag, depth)
        loose += _spaced_in(child.tail)
    yield from _paragraph(loose, depth)


def _paragraph(text: str, depth: int) -> Iterator[Block]:
    lines = _lines(text)
    if lines:
        yield Block("item" if depth else "paragraph", lines, depth)


def _block(element: Element, tag: str, depth: int) -> Iterator[Block]:
    if tag == "table":
        yield from _table(element)
    elif tag == "list":
        for caption in _found(element, "caption"):
            yield from _paragraph(_own(caption), depth)
        for item in _found(element, "item"):
            yield from _narrative(item, depth + 1)
    else:
        yield from _narrative(element, depth)


def _table(table: Element) -> Iterator[Block]:
    for caption in _found(table, "caption"):
        yield from _paragraph(_own(caption), 0)
    head = [row for part in _found(table, "thead") for row in _found(part, "tr")]
    body = [row for row in table if _tag(row) == "tr"]
    body += [row for name in ("tbody", "tfoot") for part in _found(table, name) for row in _found(part, "tr")]
    rows = tuple(tuple(_lines(_own(cell)) for cell in row if _tag(cell) in {"td", "th"}) for row in (*head, *body))
    if rows:
        yield Block("table", rows=rows, head_rows=len(head))


def _foreign(body: Element) -> tuple[bytes, list[str]]:
    """A body that is no XML: (PDF, lines of text)."""
    kind, text = body.get("mediaType", "text/plain"), body.text or ""
    if body.get("representation") == "B64":
        try:
            held = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise _refused(_("its body is damaged")) from None
        if kind == "application/pdf":
            return held, []
        text = held.decode("utf-8", "replace")
    if kind.startswith("text/plain"):
        return b"", [line for line in map(str.strip, text.splitlines()) if line]
    raise _refused(_("a body of the kind {kind} can't be shown").format(kind=quoted_code(kind)))
