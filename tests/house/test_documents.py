"""What the documents point to is there: a reader never follows a dead link or misses a picture."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))

FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[[^\]]*\]\(\s*([^)\s]+)")
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:")


def headings(text: str) -> Iterator[str]:
    """The anchors of a document's headings, as the forges make them."""
    for line in FENCE.sub("", text).splitlines():
        if re.match(r"#{1,6} ", line):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            yield words.replace(" ", "-")


def dead_links(document: Path) -> list[str]:
    """The relative links of a document that lead nowhere."""
    text = document.read_text(encoding="utf-8")
    found = []
    for target in LINK.findall(CODE.sub("", FENCE.sub("", text))):
        if OUTSIDE.match(target):
            continue
        name, _hash, anchor = unquote(target).partition("#")
        path = (document.parent / name) if name else document
        if not path.exists() or (anchor and anchor not in headings(path.read_text(encoding="utf-8"))):
            found.append(target)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_and_picture_of_a_document_is_there(document: Path) -> None:
    assert dead_links(document) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A heading, with `code`\n", encoding="utf-8")
    document = tmp_path / "document.md"
    document.write_text(
        "[good](there.md#a-heading-with-code) [outside](https://example.org/x) `[code](none.md)`\n"
        "[bad](there.md#nowhere) ![gone](pictures/none.png) [lost](none.md)\n",
        encoding="utf-8",
    )
    assert dead_links(document) == ["there.md#nowhere", "pictures/none.png", "none.md"]


@pytest.mark.parametrize("name", ["user-guide"])
def test_the_russian_guide_has_the_sections_and_pictures_of_the_english_one(name: str) -> None:
    english, russian = ((ROOT / "docs" / f"{name}{suffix}.md").read_text(encoding="utf-8") for suffix in ("", ".ru"))
    levels = [[len(line) - len(line.lstrip("#")) for line in text.splitlines() if line.startswith("#")]
              for text in (english, russian)]  # fmt: skip
    assert levels[0] == levels[1]
    pictures = re.findall(r"\((pictures/[^)]+)\)", english)
    assert [re.sub(r"-en\b", "-ru", name) for name in pictures] == re.findall(r"\((pictures/[^)]+)\)", russian)
