"""Take out of a template's page what could act or call out: scripts, event handlers, frames, remote addresses."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

_ELEMENTS = frozenset(
    ("applet", "base", "embed", "form", "frame", "frameset", "iframe", "link", "math", "object", "portal", "svg")
)
_ADDRESSES = frozenset(
    ("src", "href", "action", "formaction", "srcset", "poster", "background", "data", "ping", "cite", "manifest")
)
_REMOTE = re.compile(r"\s*([a-z][\w+.-]*:|//)", re.IGNORECASE)
_STYLE_CALLS = re.compile(r"url\s*\(|@import|expression\s*\(|\\", re.IGNORECASE)


def sanitise(page: Element) -> tuple[str, ...]:
    """Take it out of the page and name it, e.g. `script` and `body onload`, in the order of the page."""
    return tuple(_taken_out(page))


def sanitised_html(html: bytes) -> bytes:
    """The page of a template without those parts, as UTF-8. Raises ValueError when it is no UTF-8."""
    import html5lib

    page: Element = html5lib.parse(html.decode("utf-8-sig"), treebuilder="etree", namespaceHTMLElements=False)
    sanitise(page)
    text: str = html5lib.serialize(
        page, tree="etree", omit_optional_tags=False, quote_attr_values="always", alphabetical_attributes=False
    )
    return f"<!DOCTYPE html>\n{text}\n".encode()


def _taken_out(element: Element) -> Iterator[str]:
    for name, value in list(element.attrib.items()):
        if _acts(name.lower(), value):
            del element.attrib[name]
            yield f"{element.tag} {name}"
    before: Element | None = None
    for child in list(element):
        said = _named(child)
        if said:
            yield said
            if child.tag == "form":
                # fields within it stay
                yield from _taken_out(child)
            before = _removed(element, child, before)
            continue
        yield from _taken_out(child)
        before = child


def _acts(name: str, value: str) -> bool:
    if name.startswith("on") or name == "srcdoc":
        return True
    if name.rpartition(":")[2] in _ADDRESSES:
        return bool(_REMOTE.match(value)) or ("srcset" in name and "//" in value)
    return name == "style" and bool(_STYLE_CALLS.search(value))


def _named(element: Element) -> str:
    """What to call an element that has to go, "" for one that may stay."""
    # a comment's tag is a function, a drawing's has a namespace
    tag = str(element.tag).lower().rpartition("}")[2]
    if tag == "script":
        return "" if (element.get("type") or "").lower() == "text/xml" else "script"
    if tag == "meta" and element.get("http-equiv") and not element.get("charset"):
        return "" if (element.get("http-equiv") or "").lower() == "content-type" else "meta http-equiv"
    if tag == "style" and _STYLE_CALLS.search("".join(element.itertext())):
        return "style"
    return tag if tag in _ELEMENTS else ""


def _removed(parent: Element, child: Element, before: Element | None) -> Element | None:
    """Take the child out, but not the text behind it, nor what a form holds; the last element before that text."""
    place = list(parent).index(child)
    kept = list(child) if child.tag == "form" else []
    parent.remove(child)
    for offset, each in enumerate(kept):
        parent.insert(place + offset, each)
    last = kept[-1] if kept else before
    tail = child.tail or ""
    if last is not None:
        last.tail = (last.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    return last
