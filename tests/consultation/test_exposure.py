"""The dose report of a study goes into the conclusion and its PDF; a damaged one keeps nobody from signing."""

import subprocess
from typing import Any

import pytest

from tests.document_objects import RDSR, coded, item, number, written
from workstation.dicom.documents import read_report
from workstation.dicom.part10 import open_part10
from workstation.dicom.sr import write_conclusion
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession


def dose_report(study_uid: str) -> bytes:
    """PS3.16 TID 10011 with its accumulated dose (10012) alone."""
    total = number("113813", "CT Dose Length Product Total", "512.3", "mGy.cm")
    totals = item("CONTAINER", coded("113811", "CT Accumulated Dose Data"), total)
    root = item("CONTAINER", coded("113701", "X-Ray Radiation Dose Report"), totals)
    patient = {"PatientName": "Смирнова^Ольга", "PatientID": "77-1", "IssuerOfPatientID": "LPU-7"}
    places = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": "2.25.771"}
    return written(root, RDSR, "2.25.770", **patient, **places)


@pytest.mark.parametrize("damaged", [False, True])
def test_the_dose_of_the_study_is_signed_and_printed(
    bench: Any, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    study_uid = open_part10(bench.study[0]).header.text(0x0020000D)
    with IrisSession(bench.profile, bench.password) as session:
        DicomWeb(session).store(study_uid, [dose_report(study_uid)])
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.ready(desk)
        if damaged:
            monkeypatch.setattr(desk, "fetch", lambda _uid: b"no DICOM")
        prepared = bench.prepared(desk)
    line = "Лучевая нагрузка: DLP 512,3\N{NO-BREAK SPACE}мГр·см."
    assert prepared.conclusion.dose == ("" if damaged else line)
    texts = "\n".join(text for _heading, text in read_report(write_conclusion(prepared.conclusion)).sections)
    printed = subprocess.run(["pdftotext", "-", "-"], input=prepared.pdf, capture_output=True, check=True).stdout
    assert (line in texts) is not damaged
    assert ("512,3" in printed.decode()) is not damaged
