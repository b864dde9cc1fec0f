"""`report`: a signed conclusion from a file of answers, judged by dcmsign, openssl and pdfsig; bad input is said."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from tests.cli.conftest import environment
from workstation import settings as settings_file
from workstation.settings import Reader, Settings

TEMPLATE = "iris-workstation.general.en"
ANSWERS: dict[str, Any] = {
    "findings_text": "A nodule in the right lung.",
    "impression": "Follow-up of the nodule.",
    "comparison_study": "skipped",
    "recommendation_text": "CT in 12 months.",
}


@pytest.fixture(scope="module")
def pulled(site: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk of the reader's with the study on it."""
    folder = tmp_path_factory.mktemp("pulled")
    reader = Reader("Петрова^Анна^Сергеевна", "Центр", "R-0815")
    settings_file.save(Settings(folder / "desk", language="en", reader=reader))
    desk = ["--data", str(folder / "desk"), "--passphrase-file", str(site.passphrase_file)]
    command = [sys.executable, "-m", "workstation", *desk, "pull", *site.server(), "--study", site.study_uid]
    subprocess.run(command, env=environment(folder), capture_output=True, check=True)
    return folder / "desk"


@pytest.fixture
def report(
    run: Callable[..., Any], site: Any, desk: list[str], pulled: Path, identity_file: Path, tmp_path: Path
) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """The command on the pulled study, with other answers or words where a test wants them."""
    shutil.copytree(pulled, tmp_path / "desk")
    (tmp_path / "identity.txt").write_text("пароль\n", encoding="utf-8")
    signing = ["--identity", str(identity_file), "--identity-password-file", str(tmp_path / "identity.txt")]

    def start(*words: str, answers: Any = ANSWERS, template: str = TEMPLATE) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "answers.json").write_text(
            answers if isinstance(answers, str) else json.dumps(answers), encoding="utf-8"
        )
        given = ["--study", site.study_uid, "--template", template, "--answers", str(tmp_path / "answers.json")]
        result: subprocess.CompletedProcess[str] = run(
            *desk, "report", *site.server(), *given, *signing, "--out", tmp_path / "out", *words
        )
        return result

    return start


def code(*command: Any, folder: Path) -> int:
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


@pytest.mark.oracle
def test_documents_are_written_that_other_programs_accept_and_nothing_is_sent(
    report: Callable[..., Any], run: Callable[..., Any], desk: list[str], site: Any, tmp_path: Path
) -> None:
    result = report("--cades")
    assert (result.returncode, result.stderr) == (0, "")
    out = tmp_path / "out"
    assert code("dcmsign", "--verify", "+rs", "+cf", "ca.pem", "conclusion.dcm", folder=out) == 0
    assert b"Signature is Valid" in subprocess.check_output(["pdfsig", "-nocert", out / "conclusion.pdf"])
    named = ("-in", "conclusion.pdf.p7s", "-inform", "DER", "-content", "conclusion.pdf", "-CAfile", "ca.pem")
    judged = ("-verify", "-cades", "-binary", "-purpose", "any", "-out", "/dev/null")
    assert code("openssl", "cms", *judged, *named, folder=out) == 0
    checked = [str(path) for path in out.iterdir() if path.suffix in (".dcm", ".pdf", ".p7s")]
    assert run("--language", "en", "verify", *checked, "--trust", out / "ca.pem").returncode == 0
    assert dcmread(out / "conclusion.dcm").StudyInstanceUID == site.study_uid
    text = subprocess.check_output(["dsrdump", out / "conclusion.dcm"]).decode(errors="replace")
    assert "A nodule in the right lung." in text
    (case,) = run(*desk, "worklist", *site.server(), "--json").stdout.splitlines()
    assert json.loads(case)["state"] == "requested"


def test_answers_of_unknown_fields_and_missing_ones_are_named_and_nothing_is_written(
    report: Callable[..., Any], tmp_path: Path
) -> None:
    result = report(answers={**ANSWERS, "findings_text": "", "size": 3})
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "findings_text (Findings): needs an answer",
        "size (size): is no field of this template",
        "iris-workstation: The conclusion can't be signed as it stands",
    ]
    assert not (tmp_path / "out").exists()


def test_doubtful_answers_ask_and_may_be_accepted(report: Callable[..., Any], tmp_path: Path) -> None:
    doubtful = {**ANSWERS, "recommendation_text": ""}
    result = report(answers=doubtful)
    assert result.returncode == 1
    assert "recommendation_text" in result.stderr
    assert "--accept-warnings" in result.stderr
    assert report("--accept-warnings", answers=doubtful).returncode == 0
    assert (tmp_path / "out" / "conclusion.dcm").exists()


@pytest.mark.oracle
def test_a_grade_that_follows_from_the_answers_is_in_the_document_and_another_is_doubted(
    report: Callable[..., Any], tmp_path: Path
) -> None:
    # ACR Lung-RADS v2022: a solid nodule of 8 to under 15 mm at baseline is 4A
    found = {"completeness": "whole", "nodules": "one", "nodule_1_type": "solid", "nodule_1_lobe": "rul"}
    found |= {"nodule_1_mean": "9", "nodule_1_status": "baseline", "impression": "Nodule."}
    nodules = "iris-workstation.ct-nodules.en"
    assert report("--accept-warnings", template=nodules, answers=found).returncode == 0
    text = subprocess.check_output(["dsrdump", "+Pl", tmp_path / "out" / "conclusion.dcm"]).decode(errors="replace")
    assert "Lung-RADS v2022 category: 4A (suspicious)." in text
    refused = report(template=nodules, answers={**found, "lung_rads": "2"})
    assert refused.returncode == 1
    assert "lung_rads (Lung-RADS category): does not fit the findings, which mean 4A: suspicious" in refused.stderr


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("{", "answers.json: JSON"),
        ("[]", "answers.json: no JSON object"),
        ({"impression": {"a": 1}}, "impression: neither text, number nor list"),
    ],
)
def test_a_file_of_answers_that_is_none_is_said(report: Callable[..., Any], answers: Any, said: str) -> None:
    result = report(answers=answers)
    assert result.returncode == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_template_that_is_not_there_is_said_with_those_that_are(report: Callable[..., Any]) -> None:
    result = report(template="general")
    assert result.returncode == 1
    assert TEMPLATE in result.stderr


def test_a_wrong_password_is_said_once(report: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "identity.txt").write_text("gfhjkm\n", encoding="utf-8")
    result = report()
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert "wrong password" in result.stderr
    assert not (tmp_path / "out").exists()


def test_submitted_it_is_claimed_delivered_and_verified(
    report: Callable[..., Any], run: Callable[..., Any], desk: list[str], site: Any, tmp_path: Path
) -> None:
    result = report("--submit")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "Delivered, read back and verified"
    assert (tmp_path / "out" / "conclusion.dcm").exists()
    (case,) = run(*desk, "worklist", *site.server(), "--all", "--json").stdout.splitlines()
    assert json.loads(case)["state"] == "done"
    again = report("--submit")
    assert again.returncode == 1
    assert len(again.stderr.splitlines()) == 1
