"""Clinical documents: their narrative as it is meant to be read, and what is refused of them."""

import base64

import pytest

from workstation.dicom.cda import Block, read_cda
from workstation.errors import UnreadableObject

HEAD = '<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Выписка</title><effectiveTime value="20240305"/>'
AUTHOR = (
    "<author><assignedAuthor><assignedPerson><name><given>Анна</given><family>Петрова</family></name>"
    "</assignedPerson></assignedAuthor></author>"
)


def document(body: str) -> bytes:
    return f"{HEAD}{AUTHOR}<component>{body}</component></ClinicalDocument>".encode()


def narrative(text: str) -> bytes:
    section = f"<section><title>Жалобы</title><text>{text}</text></section>"
    return document(f"<structuredBody><component>{section}</component></structuredBody>")


def test_the_head_and_nested_sections_are_read() -> None:
    inner = "<component><section><title>Inner</title><text>b</text></section></component>"
    section = f"<section><title>Outer</title><text>a</text>{inner}</section>"
    read = read_cda(document(f"<structuredBody><component>{section}</component></structuredBody>"))
    assert (read.title, read.date, read.authors) == ("Выписка", "20240305", ("Анна Петрова",))
    assert read.blocks == (
        Block("heading", "Outer", 1),
        Block("paragraph", "a"),
        Block("heading", "Inner", 2),
        Block("paragraph", "b"),
    )


def test_mixed_text_lists_and_tables_keep_their_order_and_every_word() -> None:
    read = read_cda(
        narrative(
            "Loose <content>words</content>\n  here<br/>and there"
            "<paragraph>A paragraph</paragraph>"
            "<list><item>One</item><item>Two<list><item>Deep</item></list></item></list>"
            "<table><thead><tr><th>Test</th><th>Value</th></tr></thead>"
            "<tbody><tr><td>Hb</td><td>140 g/l</td></tr></tbody></table>tail"
        )
    )
    assert read.blocks[1:] == (
        Block("paragraph", "Loose words here\nand there"),
        Block("paragraph", "A paragraph"),
        Block("item", "One", 1),
        Block("item", "Two", 1),
        Block("item", "Deep", 2),
        Block("table", rows=(("Test", "Value"), ("Hb", "140 g/l")), head_rows=1),
        Block("paragraph", "tail"),
    )


def test_a_body_that_is_a_pdf_or_text_is_handed_out() -> None:
    pdf = base64.b64encode(b"%PDF-1.7 x").decode()
    read = read_cda(
        document(f'<nonXMLBody><text mediaType="application/pdf" representation="B64">{pdf}</text></nonXMLBody>')
    )
    assert read.pdf == b"%PDF-1.7 x"
    plain = read_cda(document('<nonXMLBody><text mediaType="text/plain">Один\nДва</text></nonXMLBody>'))
    assert [block.text for block in plain.blocks] == ["Один", "Два"]


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "b">]><ClinicalDocument>&a;</ClinicalDocument>', "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><ClinicalDocument/>', "document type"),
        (b"<ClinicalDocument><title>Smith</ClinicalDocument>", "broken"),
        (b"<html/>", "no clinical document"),
        (b"", "broken"),
        (b"<a>" * 5000, "nested too deeply"),
        (document('<nonXMLBody><text mediaType="image/png">x</text></nonXMLBody>'), "image/png"),
        (
            document('<nonXMLBody><text mediaType="application/pdf" representation="B64">?</text></nonXMLBody>'),
            "damaged",
        ),
    ],
)
def test_what_is_dangerous_broken_or_foreign_is_refused_without_a_word_of_it(xml: bytes, reason: str) -> None:
    with pytest.raises(UnreadableObject, match=reason) as refused:
        read_cda(xml)
    assert "Smith" not in str(refused.value)
    assert "\n" not in str(refused.value)
