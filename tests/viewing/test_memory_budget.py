"""Pixels keep to a budget of memory: what is on the screen stays, the rest goes and comes again."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from workstation.imaging.labels import Labels
from workstation.imaging.volume import Volume
from workstation.viewing.fidelity import fidelity_notes
from workstation.viewing.memory import LEAST_BYTES, machine_budget, physical_memory, room_for
from workstation.viewing.open_case import OpenCase
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.segment_layers import LoadedLayer, SegmentLayer

SLICES, SIDE = 24, 48
STACK_BYTES = SLICES * SIDE * SIDE * 2


def machine(root: Path, **files: str) -> Path:
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="ascii")
    return root


def test_the_budget_is_half_of_what_the_machine_or_its_control_group_gives(tmp_path: Path) -> None:
    assert machine_budget(tmp_path / "bare") == max(physical_memory() // 2, LEAST_BYTES)
    second = machine(
        tmp_path / "second", proc__self__cgroup="0::/a/b\n", sys__fs__cgroup__a__memory_dot_max=f"{2 << 30}\n",
        sys__fs__cgroup__a__b__memory_dot_max="max\n",
    )  # fmt: skip
    assert machine_budget(second) == 1 << 30
    first = machine(
        tmp_path / "first", proc__self__cgroup="9:memory:/desk\n1:name=systemd:/x\n",
        sys__fs__cgroup__memory__desk__memory_dot_limit_in_bytes="1610612736\n",
        sys__fs__cgroup__memory__memory_dot_limit_in_bytes="9223372036854771712\n",
    )  # fmt: skip
    assert machine_budget(first) == 1610612736 // 2
    tiny = machine(tmp_path / "tiny", proc__self__cgroup="0::/\n", sys__fs__cgroup__memory_dot_max="1000000\n")
    assert machine_budget(tiny) == LEAST_BYTES


def test_the_least_recently_seen_that_is_not_pinned_goes_first() -> None:
    gone: list[str] = []
    held = {"a": 40, "b": 30, "c": 20}
    assert room_for(10, 100, held, {"a"}, gone.append) == 10
    assert gone == []
    assert room_for(35, 100, held, {"a"}, gone.append) == 35
    assert gone == ["b"]
    gone.clear()
    # all that may go has gone: half of the rest is left to the next
    assert room_for(90, 100, held, {"a"}, gone.append) == 30
    assert gone == ["b", "c"]


class Case:
    """Series of balls, opened with a budget of some of them."""

    def __init__(self, balls: ModuleType, desk: Any, count: int, budget: float, **series: Any) -> None:
        made = [
            balls.ball_series(f"1.2.826.0.1.3680043.10.{n + 1}", slices=SLICES, side=SIDE, radius=8.0 + n, **series)
            for n in range(count)
        ]
        data = {uid: held for each in made for uid, held in each.data.items()}
        self.fetched: list[str] = []

        def fetch(uid: str) -> bytes:
            self.fetched.append(uid)
            return bytes(data[uid])

        self.truth = data
        self.desk = desk
        self.case = OpenCase(
            [instance for each in made for instance in each.instances], (), fetch, desk.workers, desk.work.put,
            memory=int(budget * STACK_BYTES),
        )  # fmt: skip
        self.session = ReadingSession(self.case, desk.workers, desk.work.put)
        desk.sessions.append(self.session)
        self.session.hang()
        self.session.views.lay_out("1x1")
        desk.size(self.session)

    def show(self, number: int, place: int = 0) -> None:
        self.session.views.place(place, self.case.stacks[number])
        self.desk.settle(self.session)
        assert self.case.pixels.held_bytes <= self.case.pixels.budget

    def loaded(self) -> list[int]:
        keys = [stack.key for stack in self.case.stacks]
        return sorted(keys.index(loader.stack.key) for loader in self.case.loaders())

    def shown_is_true(self, number: int, k: int) -> None:
        stack = self.case.stacks[number]
        loader = self.case.loader(stack.key)
        source = loader.source(k)
        assert source is not None
        stored = np.frombuffer(self.truth[stack.instance(k).sop_instance_uid], "<u2").reshape(SIDE, SIDE)
        np.testing.assert_array_equal(source.array[loader.index(k)], stored.astype(int) - 1024)


def test_stacks_not_on_the_screen_are_let_go_of_and_load_again(balls: ModuleType, desk: Any) -> None:
    case = Case(balls, desk, 4, budget=2.5)
    case.show(0)
    case.show(1)
    assert case.loaded() == [0, 1]
    case.show(2)
    assert case.loaded() == [1, 2]
    case.show(3)
    assert case.loaded() == [2, 3]
    before = len(case.fetched)
    case.show(0)
    assert case.loaded() == [0, 3]
    assert len(case.fetched) == before + SLICES
    case.shown_is_true(0, 5)
    assert case.session.views[0].picture.state.stack == case.case.stacks[0].key  # type: ignore[union-attr]


def test_labels_of_segmentations_count_and_stacks_make_room_for_them(balls: ModuleType, desk: Any) -> None:
    case = Case(balls, desk, 3, budget=2.5)
    case.show(0)
    case.show(1)
    layers, pixels = case.case.layers, case.case.pixels
    layer = SegmentLayer(case.case.stacks[0].first, case.case.stacks[0].study, prior=False)
    labels = Volume.of_array(np.ones((SLICES, SIDE, SIDE), np.int16), np.eye(4))
    layer.loaded = LoadedLayer((), np.zeros((2, 3), np.uint8), Labels((labels,), None), {})
    layers.all = (layer,)
    layers.changed.emit()
    assert layers.held_bytes == STACK_BYTES
    assert case.loaded() == [1]
    assert pixels.held_bytes + layers.held_bytes <= pixels.budget


def test_what_is_on_the_screen_is_never_let_go_of(balls: ModuleType, desk: Any) -> None:
    case = Case(balls, desk, 4, budget=2.5)
    case.session.views.lay_out("1x2")
    desk.size(case.session)
    case.show(0, 0)
    kept = case.case.loader(case.case.stacks[0].key)
    for number in (1, 2, 3):
        case.show(number, 1)
        assert number in case.loaded()
        assert case.case.loader(case.case.stacks[0].key) is kept
        assert kept.complete


def test_a_stack_larger_than_memory_is_read_image_by_image_and_says_so(balls: ModuleType, desk: Any) -> None:
    case = Case(balls, desk, 1, budget=0.4)
    (stack,) = case.case.stacks
    assert not stack.is_volume
    assert "memory" in stack.stack.reason
    assert not case.session.reformats.possible
    case.show(0)
    loader = case.case.loader(stack.key)
    assert loader.partly
    assert loader.finished
    views = case.session.views
    for k in (*range(SLICES), 3, 20, 0, 12):
        views.show(0, replace(views[0].state, index=k))
        desk.settle(case.session)
        case.shown_is_true(0, k)
        assert views[0].picture is not None
        assert not views[0].picture.missing
        assert case.case.pixels.held_bytes <= case.case.pixels.budget
    assert f"memory holds {loader.loaded_count} of {SLICES}" in fidelity_notes(stack, loader, views[0].state)


def test_two_stacks_side_by_side_that_do_not_fit_share_what_there_is(balls: ModuleType, desk: Any) -> None:
    case = Case(balls, desk, 2, budget=1.3)
    case.session.views.lay_out("1x2")
    desk.size(case.session)
    case.show(0, 0)
    case.show(1, 1)
    first, second = (case.case.loader(stack.key) for stack in case.case.stacks)
    assert (first.partly, second.partly) == (False, True)
    views = case.session.views
    views.activate(1)
    assert not case.session.reformats.possible
    for k in (0, 9, 23):
        views.show(1, replace(views[1].state, index=k))
        desk.settle(case.session)
        case.shown_is_true(1, k)
    assert case.case.pixels.held_bytes <= case.case.pixels.budget


def test_images_that_are_no_volume_keep_to_the_budget_too(balls: ModuleType, desk: Any) -> None:
    case = Case(balls, desk, 1, budget=0.5, located=False)
    case.show(0)
    loader = case.case.loader(case.case.stacks[0].key)
    assert 0 < loader.loaded_count <= SLICES // 2
    assert loader.finished


MEASURED = """
import sys, resource, queue
sys.path.insert(0, {root!r})
sys.path.insert(0, {tests!r})
import numpy as np
import synthetic_stack
from workstation.jobs import Workers
from workstation.viewing.open_case import OpenCase
from workstation.viewing.reading_session import ReadingSession

count, side, budget = {count}, {side}, {budget}
one = synthetic_stack.ball_series(slices=8, side=side)
from dataclasses import replace
frames = [replace(one.instances[0].frames[0], position=(0.0, 0.0, float(k))) for k in range(count)]
first = one.instances[0]
instances = [
    replace(first, sop_instance_uid=f"1.9.{{k}}", instance_number=k, frames=(frames[k],)) for k in range(count)
]
def fetch(uid):
    return np.full(side * side, 1024 + int(uid.rsplit(".", 1)[1]) % 3000, "<u2").tobytes()
workers, work = Workers(), queue.Queue()
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
case = OpenCase(instances, (), fetch, workers, work.put, memory=budget)
session = ReadingSession(case, workers, work.put)
session.hang()
session.views.resize(0, 64, 64)
def settle():
    while True:
        try:
            work.get(timeout=0.05)()
        except queue.Empty:
            if all(loader.finished for loader in case.loaders()):
                return
settle()
before, most = rss(), 0
stack = case.stacks[0]
for k in range(0, count, max(count // 40, 1)):
    session.views.show(0, replace(session.views[0].state, index=k))
    settle()
    source = case.loader(stack.key).source(k)
    assert source is not None and source.array[0, 0, 0] == k % 3000, k
    most = max(most, rss())
    assert case.pixels.held_bytes <= budget
print(stack.is_volume, before, most)
session.close()
workers.close()
"""


def measured(count: int, side: int, budget: int) -> int:
    """How far the memory of a process grows that scrolls through a study, in bytes, once its first part is there."""
    tests = Path(__file__).parents[1]
    script = MEASURED.format(root=str(tests.parent), tests=str(tests), count=count, side=side, budget=budget)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    is_volume, before, most = done.stdout.split()
    assert is_volume == "False"
    return int(most) - int(before)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's account of memory")
def test_scrolling_through_five_thousand_slices_takes_no_more_memory_than_the_budget() -> None:
    # 164 MB of voxels, 16 MB allowed and in use before the scrolling begins
    assert measured(5000, 128, 16 << 20) < 24 << 20


@pytest.mark.long
def test_scrolling_through_five_thousand_full_slices_takes_no_more_memory_than_the_budget() -> None:
    # 2.6 GB of voxels
    assert measured(5000, 512, 512 << 20) < 128 << 20
