"""Read an IHE MRRT template (HTML5) into a `Template`.

html5lib reads the page as a browser would, so nothing depends on its being well-formed. Only texts and the attributes
named here are taken over: scripts, event handlers and remote addresses have no way in, and `Template.dropped` says
that they were there.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from workstation.errors import TemplateInvalid
from workstation.language import _
from workstation.reporting.coding import MODALITIES, Attributes, invalid, read_attributes
from workstation.reporting.condition import Condition, ConditionUnreadable, parse_condition
from workstation.reporting.fields import is_input, read_field
from workstation.reporting.headings import DIAGNOSTIC_IMAGING_REPORT, heading_named
from workstation.reporting.rules import check_template
from workstation.reporting.sanitising import sanitise
from workstation.reporting.structure import Field, Language, Template, TemplateSection

_REQUIRED_METAS = ("title", "identifier", "language", "type", "publisher", "rights", "license", "date", "creator")
_LARGEST = 2_000_000


def parse_template(html: bytes) -> Template:
    """Read a template; raises TemplateInvalid naming the element and the rule it breaks."""
    import html5lib

    if len(html) > _LARGEST:
        raise invalid("html", _("larger than two megabytes"))
    try:
        text = html.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("html", _("the text is not UTF-8")) from None
    page: Element = html5lib.parse(text, treebuilder="etree", namespaceHTMLElements=False)
    return _Reader(page).template()


class _Reader:
    def __init__(self, page: Element) -> None:
        self.page = page
        self.dropped = sanitise(page)
        self.metas = {(each.get("name") or "").lower(): each.get("content") or "" for each in page.iter("meta")}
        self.attributes = self._attributes()
        self.merged = _merged(page)
        self.labels = {each.get("for"): _text(each) for each in page.iter("label") if each.get("for")}

    def template(self) -> Template:
        """The whole page."""
        title = _text(self._required(self.page, "title"))
        if not title:
            raise invalid("title", _("it is empty"))
        if not any((each.get("charset") or "").lower() == "utf-8" for each in self.page.iter("meta")):
            raise invalid("meta charset", _("UTF-8 must be declared"))
        for name in _REQUIRED_METAS:
            if not self._meta(name):
                raise invalid(f"meta dcterms.{name}", _("it is missing or empty"))
        if self._meta("type") != "IMAGE_REPORT_TEMPLATE":
            raise invalid("meta dcterms.type", _("it must be IMAGE_REPORT_TEMPLATE"))
        if self.attributes.status not in ("DRAFT", "ACTIVE", "RETIRED"):
            raise invalid("status", _("it must be DRAFT, ACTIVE or RETIRED"))
        terms = self.attributes.terms
        titles = [code for code in terms if code.scheme == "LN"]
        body = self._required(self.page, "body")
        template = Template(
            identifier=self._meta("identifier"),
            title=self._meta("title"),
            language=self._language(),
            document_title=titles[0] if titles else DIAGNOSTIC_IMAGING_REPORT,
            sections=tuple(self._section(each, 1, None) for each in _outer_sections(body)),
            modalities=tuple(code.value for code in terms if code.scheme == "DCM" and code.value in MODALITIES),
            regions=_words(self.metas.get("iris.regions", "")),
            procedures=_words(self.metas.get("iris.procedures", "")),
            sufficient=tuple(each.upper() for each in _words(self.metas.get("iris.modalities", ""))),
            description=self._meta("description"),
            creator=self._meta("creator"),
            publisher=self._meta("publisher"),
            rights=self._meta("rights"),
            licence=self._meta("license"),
            date=self._meta("date"),
            status=self.attributes.status,
            dropped=self.dropped,
        )
        check_template(template, self.attributes.entries, _ids(self.page))
        return template

    def _meta(self, name: str) -> str:
        return self.metas.get(f"dcterms.{name}", "").strip()

    def _required(self, within: Element, tag: str) -> Element:
        found = within.find(f".//{tag}")
        if found is None:
            raise invalid(tag, _("it is missing"))
        return found

    def _language(self) -> Language:
        match self._meta("language")[:2].lower():
            case "ru":
                return "ru"
            case "en":
                return "en"
        raise invalid("meta dcterms.language", _("only ru and en are known"))

    def _attributes(self) -> Attributes:
        blocks = [each for each in self.page.iter("script") if (each.get("type") or "").lower() == "text/xml"]
        if len(blocks) != 1:
            raise invalid("script", _("there must be one block of type text/xml"))
        return read_attributes("".join(blocks[0].itertext()))

    def _section(self, element: Element, level: int, condition: Condition | None) -> TemplateSection:
        name = (element.get("data-section-name") or "").strip()
        if not name:
            raise invalid(element.get("id") or "section", _("data-section-name is missing"))
        header = element.find("header")
        own = self._condition(element, "data-iris-show-if", name)
        title = _text(header) if header is not None else name
        section_id = element.get("id") or name
        code = self.attributes.entries.get(section_id)
        heading = None
        if level == 1:
            heading = code if code is not None and code.scheme == "LN" else heading_named(name)
        return TemplateSection(
            section_id=section_id,
            title=title or name,
            level=level,
            content=tuple(self._content(element, level, name)),
            heading=heading,
            code=code if heading is None else None,
            sentence=element.get("data-iris-text"),
            condition=own or condition,
        )

    def _content(self, element: Element, level: int, section_name: str) -> Iterator[Field | TemplateSection]:
        for child in element:
            if child.tag == "section":
                yield self._section(child, level + 1, None)
            elif is_input(child):
                yield self._field(child, section_name)
            elif child.tag not in ("header", "label", "script", "style"):
                yield from self._content(child, level, section_name)

    def _field(self, element: Element, section_name: str) -> Field:
        field_id = element.get("id") or ""
        if not field_id:
            raise invalid(f"{element.tag} ({section_name})", _("a field needs an id"))
        label = self.labels.get(field_id) or element.get("title") or element.get("name") or ""
        if not label:
            raise invalid(field_id, _("there is no label for it"))
        return read_field(element, label, self.attributes.entries, self._condition)

    def _condition(self, element: Element, attribute: str, owner: str) -> Condition | None:
        text = element.get(attribute)
        if not text:
            return None
        try:
            return parse_condition(text).renamed(self.merged)
        except ConditionUnreadable as error:
            rule = _("{attribute} can't be read at “{part}”").format(attribute=attribute, part=str(error))
            raise invalid(owner, rule) from None


def _merged(page: Element) -> dict[str, str]:
    """The field that takes a value from the case, by the value's name: conditions may use that name instead."""
    found: dict[str, str] = {}
    for element in page.iter():
        name, field_id = element.get("data-iris-merge"), element.get("id")
        if name and field_id:
            # in two fields the name would be anybody's
            found[name] = field_id if name not in found else name
    return found


def _outer_sections(element: Element) -> Iterator[Element]:
    for child in element:
        if child.tag == "section":
            yield child
        else:
            if is_input(child):
                raise invalid(child.get("id") or child.tag, _("a field stands outside any section"))
            yield from _outer_sections(child)


def _ids(page: Element) -> frozenset[str]:
    seen: set[str] = set()
    for element in page.iter():
        name = element.get("id")
        if name and name in seen:
            raise invalid(name, _("the id is used twice"))
        if name:
            seen.add(name)
    return frozenset(seen)


def _text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())


__all__ = ["TemplateInvalid", "parse_template"]
