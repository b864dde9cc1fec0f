"""A worklist of many workitems: read from the embedded IRIS page by page, polled for changes, searched and filtered."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from benchmarks.figures import Figure
from benchmarks.index import KEY
from workstation.archive.archive import Archive
from workstation.consultation.case import CaseFilter
from workstation.consultation.cases import Cases
from workstation.consultation.polling import Polling, Wanted
from workstation.demo.procedure_steps import ProcedureSteps, State
from workstation.demo.server import STATE, EmbeddedIris
from workstation.demo.store import Store
from workstation.iris.wire import connect
from workstation.iris.workitems import Workitems
from workstation.jobs import Cancellation, Progress, silent
from workstation.settings import ServerProfile

PAGE = 100
_NAMES = ("Иванов^Пётр^Сергеевич", "Смирнова^Ольга^Ивановна", "Кузнецов^Андрей", "Ёлкина^Юлия^Павловна")
_QUESTIONS = ("Очаг в S6 правого лёгкого?", "Исключить ТЭЛА", "Контроль после лечения", "Киста левой почки")


def fill(folder: Path, count: int) -> None:
    """So many workitems, 1.2.<number>, changed an hour ago, into the state of an embedded IRIS."""
    store = Store(folder / STATE)
    now = datetime.now(UTC)
    changed = (now - timedelta(hours=1)).strftime("%Y%m%d%H%M%S.%f+0000")

    def rows() -> Iterator[tuple[str, str, str]]:
        for number in range(count):
            due = (now + timedelta(minutes=number % 5000)).strftime("%Y%m%d%H%M%S+0000")
            yield f"1.2.{number}", State.SCHEDULED.value, json.dumps(_item(number, due, changed), ensure_ascii=False)

    with store.transaction() as db:
        db.executemany(
            "INSERT INTO workitems (uid, state, transaction_uid, dataset, due) VALUES (?, ?, '', ?, '')", rows()
        )
    store.close()


def _item(number: int, due: str, changed: str) -> dict[str, object]:
    request = {
        "0020000D": {"vr": "UI", "Value": [f"1.3.{number}"]},
        "00080020": {"vr": "DA", "Value": ["20260110"]},
        "00080050": {"vr": "SH", "Value": [f"A{number:07d}"]},
        "00080060": {"vr": "CS", "Value": [("CT", "DX", "MG", "MR")[number % 4]]},
        "00321060": {"vr": "LO", "Value": ["КТ органов грудной клетки"]},
        "00401002": {"vr": "LO", "Value": [_QUESTIONS[number // 7 % 4]]},
    }
    return {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.34.6.1"]},
        "00080018": {"vr": "UI", "Value": [f"1.2.{number}"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": _NAMES[number % 4]}]},
        "00100020": {"vr": "LO", "Value": [f"77-{number}"]},
        "00100030": {"vr": "DA", "Value": ["19700115"]},
        "00404005": {"vr": "DT", "Value": [due]},
        "00404010": {"vr": "DT", "Value": [changed]},
        "00404011": {"vr": "DT", "Value": [due]},
        "00404041": {"vr": "CS", "Value": ["READY"]},
        "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
        "00741200": {"vr": "CS", "Value": [("HIGH", "MEDIUM", "LOW")[number % 3]]},
        "00741202": {"vr": "LO", "Value": ["CT-CHEST"]},
        "00741204": {"vr": "LO", "Value": ["Описание"]},
        "0040A370": {"vr": "SQ", "Value": [request]},
    }


@contextmanager
def read_list(folder: Path, count: int) -> Iterator[tuple[Archive, EmbeddedIris, Workitems, Polling, dict[str, float]]]:
    """The whole list of an embedded IRIS in an archive, and how many seconds the first page and all took."""
    (folder / "iris").mkdir(parents=True, exist_ok=True)
    fill(folder / "iris", count)
    with EmbeddedIris(folder / "iris") as iris, Archive.open(folder / "desk", KEY) as archive:
        workitems = connect(ServerProfile("iris", iris.url, user=iris.user), iris.password).workitems
        assert workitems is not None
        polling = Polling(archive.database, Cases(archive.database), "iris", Wanted())
        took: dict[str, float] = {}
        began = perf_counter()

        def report(progress: Progress) -> None:
            took.setdefault("first", perf_counter() - began)

        assert polling.refresh(workitems, report, Cancellation()) == count
        took["all"] = perf_counter() - began
        yield archive, iris, workitems, polling, took


def measure(folder: Path, count: int, repeat: int) -> list[Figure]:
    """Figures of a list of `count`. Reading it takes a minute for 100,000."""
    of = f"worklist of {count:,}".replace(",", " ")
    with read_list(folder, count) as (archive, iris, workitems, polling, took):
        polls = []
        for number in range(repeat):
            ProcedureSteps(iris.store).change_state(f"1.2.{number}", f"2.25.{number + 1}", State.IN_PROGRESS)
            began = perf_counter()
            assert polling.refresh(workitems, silent, Cancellation()) == count - number - 1
            polls.append((perf_counter() - began) * 1000)
        cases = Cases(archive.database)
        searched, filtered, kept = [], [], []
        for turn in range(max(repeat, 5)):
            for text in ("ИВАНОВ", "ёлкина s6", f"77-{count // 2}", "никого такого"):
                searched.append(_timed(cases, CaseFilter(text=text), turn * 3))
            for wanted in (CaseFilter(), CaseFilter(modality="MR"), CaseFilter(states="held")):
                filtered.append(_timed(cases, wanted, turn * 3))
            began = perf_counter()
            view = cases.view(CaseFilter(), 0, PAGE, [(f"1.2.{count - 100 - turn}", 5)])
            kept.append((perf_counter() - began) * 1000)
            assert view.places
    return [
        Figure(f"{of}: first rows shown", (took["first"] * 1000,), 1000),
        Figure(f"{of}: all read, an item", (took["all"] * 1000 / count,)),
        Figure(
            f"{of}: poll after one change", tuple(polls), None, "ms", "median", "the whole list", (took["all"] * 1e3,)
        ),
        Figure(f"{of}: search a text", tuple(searched), 100),
        Figure(f"{of}: filter", tuple(filtered), 100),
        Figure(f"{of}: read again around the cursor", tuple(kept), 100),
    ]


def _timed(cases: Cases, wanted: CaseFilter, first: int) -> float:
    began = perf_counter()
    cases.view(wanted, first, PAGE)
    return (perf_counter() - began) * 1000
