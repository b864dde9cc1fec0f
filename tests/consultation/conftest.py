"""A desk before the embedded IRIS: one case with a study and a prior, waiting to be read."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from tests.fetched import fetched
from workstation.archive.archive import Archive
from workstation.consultation.case import CaseFilter, CaseRow
from workstation.consultation.desk import Desk
from workstation.consultation.package import Prepared
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.iris.wire import Wire, connect
from workstation.jobs import Cancellation, Workers
from workstation.reporting.form import Form
from workstation.reporting.template import Template, load_templates
from workstation.reporting.validation import problems
from workstation.settings import Reader, ServerProfile, Settings
from workstation.signing.identity import Identity

KEY = bytes(range(32))
READER = Reader("Петрова^Анна^Сергеевна", "Референс-центр № 1", "R-0815")


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """`tiny.ct_series(count, …)`."""
    return _load("tiny_instances")


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running Orthanc; the test skips where Debian's is not installed."""
    module = _load("orthanc")
    if not module.program():
        pytest.skip("orthanc is not installed")
    with module.running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@dataclass
class Bench:
    """A server, a data folder, and desks on it; a desk opened anew is a program started anew."""

    profile: ServerProfile
    password: str
    folder: Path
    study: list[bytes]
    identity: Identity
    case_uid: str = ""
    link: Any = field(default=None)
    workers: Workers = field(default_factory=Workers)

    def connect(self, _server: str = "") -> Wire:
        return connect(self.profile, self.password)

    def open(self, archive: Archive, link: Any = "connect") -> Desk:
        settings = Settings(self.folder, language="en", servers=(self.profile,), reader=READER)
        return Desk(archive, self.connect if link == "connect" else link, settings, self.workers)

    def archive(self) -> Archive:
        return Archive.open(self.folder, KEY)

    def ready(self, desk: Desk) -> CaseRow:
        """The case claimed and pulled."""
        desk.refresh(Cancellation())
        (case,) = [row for row in desk.page(CaseFilter(), 0, 10) if row.case_uid == self.case_uid]
        desk.claim(case.case_uid)
        fetched(desk, case.case_uid)
        return desk.begin_reading(case.case_uid)

    def prepared(self, desk: Desk, case_uid: str = "") -> Prepared:
        """The general report, filled and prepared."""
        template = general()
        form = filled(template)
        desk.save_draft(case_uid or self.case_uid, "form", form.to_json())
        return desk.prepare(case_uid or self.case_uid, form, template, (), ())

    def signed(self, desk: Desk) -> CaseRow:
        """The case read and signed; nothing sent."""
        case = self.ready(desk)
        desk.sign(case.case_uid, self.prepared(desk), self.identity)
        return desk.case(case.case_uid)


def general() -> Template:
    """The general template in Russian."""
    return next(one for one in load_templates() if one.language == "ru" and not one.modalities)


def filled(template: Template) -> Form:
    """A form with everything answered that the template insists on."""
    form = Form(template.identifier)
    for _round in range(5):
        for problem in problems(template, form, ()):
            options = template.fields[problem.field_id].options
            text = options[0].value if options else "Очаговых и инфильтративных изменений не выявлено."
            form = form.answer(problem.field_id, text)
    return form


@pytest.fixture
def iris(tmp_path: Path) -> Iterator[EmbeddedIris]:
    """An empty embedded IRIS."""
    with EmbeddedIris(tmp_path / "iris") as server:
        yield server


@pytest.fixture
def bench(iris: EmbeddedIris, tmp_path: Path, tiny: ModuleType, identity: Identity) -> Iterator[Bench]:
    """A study of six slices, its prior a year earlier, and the order to read it."""
    profile = ServerProfile("embedded", iris.url, user=iris.user, stall_timeout_s=1.0)
    study_uid, prior_uid = new_uid(), new_uid()
    study = tiny.ct_series(6, study_uid=study_uid)
    with IrisSession(profile, iris.password) as session:
        web = DicomWeb(session)
        web.store(study_uid, study)
        web.store(prior_uid, tiny.ct_series(3, study_uid=prior_uid, study_date="20250111"))
    case_uid = post_workitem(iris, study_uid)
    made = Bench(profile, iris.password, tmp_path / "desk", study, identity, case_uid)
    yield made
    made.workers.close()


def post_workitem(iris: EmbeddedIris, study_uid: str, **changes: Any) -> str:
    """Create a workitem the way any client of the standard would; its UID."""
    uid = new_uid()
    dataset = {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Смирнова^Ольга"}]},
        "00100020": {"vr": "LO", "Value": ["77-1"]},
        "00100021": {"vr": "LO", "Value": ["LPU-7"]},
        "00100030": {"vr": "DA", "Value": ["19700115"]},
        "00100040": {"vr": "CS", "Value": ["F"]},
        "00404005": {"vr": "DT", "Value": ["20260110103000+0300"]},
        "00404011": {"vr": "DT", "Value": ["20260110180000+0300"]},
        "00404041": {"vr": "CS", "Value": ["READY"]},
        "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
        "00741200": {"vr": "CS", "Value": ["HIGH"]},
        "00741202": {"vr": "LO", "Value": ["CT-CHEST"]},
        "00741204": {"vr": "LO", "Value": ["Описание КТ"]},
        "0040A370": {
            "vr": "SQ",
            "Value": [
                {
                    "0020000D": {"vr": "UI", "Value": [study_uid]},
                    "00080020": {"vr": "DA", "Value": ["20260110"]},
                    "00080050": {"vr": "SH", "Value": ["A-1"]},
                    "00080060": {"vr": "CS", "Value": ["CT"]},
                    "00321060": {"vr": "LO", "Value": ["КТ ОГК"]},
                    "00401002": {"vr": "LO", "Value": ["Очаг?"]},
                }
            ],
        },
        **changes,
    }
    answer = requests.post(
        f"{iris.url}/workitems?workitem={uid}",
        json.dumps([dataset]),
        headers={"Content-Type": "application/dicom+json"},
        auth=(iris.user, iris.password),
        timeout=10,
    )
    assert answer.status_code == 201, answer.text
    return uid
