"""Report templates on the command line: listed, shown, checked and brought in, version after version."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reporting.test_templates import BROKEN, PAGE, page
from workstation import cli, language
from workstation.reporting.template import load_templates, template_for

CHEST = "iris-workstation.ct-chest.en"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    before = language.current_language()
    yield
    language.set_language(before)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return tmp_path / "desk"


def said(capsys: pytest.CaptureFixture[str], desk: Path, *words: str, status: int = 0) -> list[str]:
    capsys.readouterr()
    assert cli.run(["--data", str(desk), "--language", "en", "template", *words]) == status
    printed = capsys.readouterr()
    return (printed.out + printed.err).splitlines()


def written(folder: Path, html: str | bytes, name: str = "hand.html") -> str:
    path = folder / name
    path.write_bytes(html.encode() if isinstance(html, str) else html)
    return str(path)


def test_the_list_names_every_shipped_template(capsys: pytest.CaptureFixture[str], desk: Path) -> None:
    rows = [json.loads(line) for line in said(capsys, desk, "list", "--json")]
    assert [row["id"] for row in rows] == [template.identifier for template in load_templates()]
    (chest,) = (row for row in rows if row["id"] == CHEST)
    assert chest == {
        "id": CHEST,
        "title": "CT of the chest",
        "language": "en",
        "modalities": ["CT"],
        "status": "ACTIVE",
        "origin": "shipped",
        "date": "2025-01-15",
    }
    (line,) = (each for each in said(capsys, desk, "list") if each.startswith(CHEST))
    assert line.split() == [CHEST, *["CT", "of", "the", "chest", "en", "CT", "ACTIVE", "shipped", "2025-01-15"]]


def test_show_tells_sections_fields_options_and_conditions(capsys: pytest.CaptureFixture[str], desk: Path) -> None:
    lines = said(capsys, desk, "show", CHEST)
    assert "[technique] Technique (LN 55111-9)" in lines
    assert "    left: left (SCT 60046008)" in [line[2:] for line in lines]
    assert any("contrast_agent: Agent (text)  shown if contrast=iv" in line for line in lines)
    assert any(line.strip() == "ct4: CT-4: above 75%  suggested when involvement>75" for line in lines)
    plain = json.loads("\n".join(said(capsys, desk, "show", CHEST, "--json")))
    assert plain["sections"][0]["code"] == "LN:55111-9"
    assert plain["sections"][0]["content"][2]["options"][1]["value"] == "iv"


def test_an_unknown_template_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str], desk: Path) -> None:
    lines = said(capsys, desk, "show", "ct-chest", status=1)
    assert "ct-chest" in lines[0]
    assert CHEST in lines


def test_check_gives_each_broken_file_its_own_message(
    capsys: pytest.CaptureFixture[str], desk: Path, tmp_path: Path
) -> None:
    files = [written(tmp_path, page(change), f"{what}.html") for what, (change, _message) in BROKEN.items()]
    lines = said(capsys, desk, "check", *files, status=1)
    assert lines == [
        f"{what}.html: The template can't be used: {message}" for what, (_change, message) in BROKEN.items()
    ]
    assert len(set(lines)) >= 20


def test_check_names_what_is_dropped_and_keeps_nothing(
    capsys: pytest.CaptureFixture[str], desk: Path, tmp_path: Path
) -> None:
    file = written(tmp_path, page(("<body>", '<body onload="x()"><script>x()</script>')))
    assert said(capsys, desk, "check", file) == ["hand.html: hand.en, a template; dropped: body onload, script"]
    assert not (desk / "templates").exists()


def test_a_file_that_is_not_there_is_named_and_the_others_are_checked(
    capsys: pytest.CaptureFixture[str], desk: Path, tmp_path: Path
) -> None:
    lines = said(capsys, desk, "check", str(tmp_path / "gone.html"), written(tmp_path, PAGE), status=1)
    assert lines[0].startswith("gone.html: The file can't be read")
    assert lines[1] == "hand.html: hand.en, a template"


def test_an_imported_template_is_kept_without_its_script_and_is_in_use(
    capsys: pytest.CaptureFixture[str], desk: Path, tmp_path: Path
) -> None:
    file = written(tmp_path, page(("<body>", "<body><script>steal()</script>")))
    assert said(capsys, desk, "import", file) == [
        "hand.html: version 1 kept; hand.en, a template; dropped: script",
    ]
    (kept,) = (desk / "templates").rglob("*.html")
    assert b"steal" not in kept.read_bytes()
    assert load_templates(desk)[-1].identifier == "hand.en"
    assert said(capsys, desk, "show", "hand.en")[0] == "hand.en: Hand"
    # what fits a study is still chosen among the shipped ones first
    assert template_for("CT", "CHEST", "en", templates=load_templates(desk)).identifier == CHEST


def test_the_same_identifier_again_makes_the_next_version(
    capsys: pytest.CaptureFixture[str], desk: Path, tmp_path: Path
) -> None:
    said(capsys, desk, "import", written(tmp_path, PAGE))
    newer = PAGE.replace(">Size<", ">Diameter<").replace("2025-01-01", "2026-02-03")
    assert said(capsys, desk, "import", written(tmp_path, newer)) == ["hand.html: version 2 kept; hand.en, a template"]
    (template,) = (each for each in load_templates(desk) if each.identifier == "hand.en")
    assert template.fields["size"].label == "Diameter"
    rows = [json.loads(line) for line in said(capsys, desk, "list", "--json")]
    assert [(row["origin"], row["date"]) for row in rows if row["id"] == "hand.en"] == [
        ("own, version 2", "2026-02-03"),
        ("own, version 1, replaced", "2025-01-01"),
    ]


def test_a_shipped_template_gives_way_only_when_asked(
    capsys: pytest.CaptureFixture[str], desk: Path, tmp_path: Path
) -> None:
    mine = written(tmp_path, PAGE.replace("hand.en", CHEST))
    (refusal,) = said(capsys, desk, "import", mine, status=1)
    assert CHEST in refusal
    assert "--instead-of-shipped" in refusal
    assert load_templates(desk) == load_templates()
    said(capsys, desk, "import", "--instead-of-shipped", mine)
    (template,) = (each for each in load_templates(desk) if each.identifier == CHEST)
    assert template.title == "Hand"
    rows = [json.loads(line) for line in said(capsys, desk, "list", "--json")]
    assert [row["origin"] for row in rows if row["id"] == CHEST] == ["shipped, replaced by your own", "own, version 1"]


def test_a_damaged_file_of_ones_own_is_listed_and_stops_nothing(
    capsys: pytest.CaptureFixture[str], desk: Path, tmp_path: Path
) -> None:
    said(capsys, desk, "import", written(tmp_path, PAGE))
    (kept,) = (desk / "templates").rglob("*.html")
    kept.write_bytes(b"nothing")
    assert load_templates(desk) == load_templates()
    lines = said(capsys, desk, "list")
    assert any("damaged: script: there must be one block" in line for line in lines)
