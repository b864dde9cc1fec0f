"""A worklist as long as a city's, from the embedded IRIS into the archive, and what a poll of it costs then."""

from pathlib import Path

import pytest

from benchmarks.worklist import PAGE, read_list
from workstation.consultation.case import CaseFilter
from workstation.consultation.cases import Cases
from workstation.demo.procedure_steps import ProcedureSteps, State
from workstation.jobs import Cancellation, silent


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(2_000, id="2 thousand"),
        pytest.param(100_000, id="100 thousand", marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
def test_a_long_worklist_pages_in_and_is_polled_in_moments(count: int, tmp_path: Path) -> None:
    with read_list(tmp_path, count) as (archive, iris, workitems, polling, took):
        cases = Cases(archive.database)
        # the first page is on the list long before the last
        assert took["first"] < max(took["all"] / 3, 0.5), took
        assert cases.count(CaseFilter()) == count
        asked = []
        real = workitems._search

        def counted(pairs: list[tuple[str, str]]) -> list[dict[str, object]]:
            asked.append(pairs)
            return real(pairs)

        workitems._search = counted  # type: ignore[method-assign]
        ProcedureSteps(iris.store).change_state("1.2.77", "2.25.1", State.IN_PROGRESS)
        assert polling.refresh(workitems, silent, Cancellation()) == count - 1
        assert len(asked) == 2
        view = cases.view(CaseFilter(text="ёлкина"), 0, PAGE)
        assert view.count == count // 4
        assert "Ёлкина" in view.rows[0].patient.name
