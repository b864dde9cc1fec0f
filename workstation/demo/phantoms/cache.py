"""The phantoms on disk: made on first use, found again afterwards, redone when a run was cut short.

`manifest.json` is written last, by replacing, and names every file with its size: without it, or with another
version, the folder's content counts as half-made and is made anew. `truth.json` lies beside the pictures.
"""

import dataclasses
import json
import os
import queue
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from workstation.demo.phantoms.catalogue import PHANTOMS
from workstation.demo.phantoms.model import Made, Phantom, PhantomSeries, PhantomSet, PhantomStudy
from workstation.jobs import Progress, Report
from workstation.language import _

VERSION = 1
"""Raise it with each change of the pictures, so that old caches are redone."""

MANIFEST = "manifest.json"
TRUTH = "truth.json"
THREADS = 2


class _Stopped(Exception):
    """Another worker failed, or the caller gave up."""


def ensure_phantoms(
    folder: Path, report: Report, *, scale: float = 1.0, phantoms: Sequence[Phantom] = PHANTOMS
) -> PhantomSet:
    """The phantoms in `folder`, made there if need be (about half a minute); `report` is called by this thread.

    `scale` below 1 makes fewer, larger voxels. What `report` raises (Cancelled, say) stops the work; the next call
    begins anew. Raises OSError when the folder can't be written.
    """
    found = _read(folder, scale, phantoms)
    if found is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for phantom in phantoms:
        shutil.rmtree(folder / phantom.visit.key, ignore_errors=True)
    made = _make(folder, report, scale, phantoms)
    truth = {phantom.visit.key: one.truth for phantom, one in zip(phantoms, made, strict=True)}
    _write_json(folder / TRUTH, {"version": VERSION, "scale": scale, "studies": truth})
    entries = {phantom.visit.key: _entry(folder, one) for phantom, one in zip(phantoms, made, strict=True)}
    _write_json(folder / MANIFEST, {"version": VERSION, "scale": scale, "studies": entries})
    return PhantomSet(
        folder, tuple(PhantomStudy(p.visit, one.series, one.truth) for p, one in zip(phantoms, made, strict=True))
    )


def _make(folder: Path, report: Report, scale: float, phantoms: Sequence[Phantom]) -> list[Made]:
    """Two threads share the studies; their steps come back to this thread, which reports."""
    from workstation.demo.phantoms.trees import trees

    total = sum(phantom.units for phantom in phantoms)
    text = _("Making the demonstration studies")
    report(Progress(0, total, text))
    trees(7)
    stop = threading.Event()
    steps: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def work(phantom: Phantom) -> Made:
        def step() -> None:
            if stop.is_set():
                raise _Stopped
            steps.put(True)

        place = folder / phantom.visit.key
        place.mkdir(parents=True)
        return phantom.make(phantom.visit, place, scale, step)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="phantom") as pool:
        futures = [pool.submit(work, phantom) for phantom in phantoms]
        for future in futures:
            future.add_done_callback(lambda _done: steps.put(False))
        try:
            done = ended = 0
            while ended < len(futures):
                if steps.get():
                    done += 1
                    report(Progress(min(done, total), total, text))
                else:
                    ended += 1
                    _raise_failure(futures)
        finally:
            stop.set()
            for future in futures:
                future.cancel()
    report(Progress(total, total, text))
    return [future.result() for future in futures]


def _raise_failure(futures: Sequence[Any]) -> None:
    for future in futures:
        if future.done():
            future.result()


def _entry(folder: Path, made: Made) -> dict[str, Any]:
    return {
        "series": [
            {
                **dataclasses.asdict(series),
                "files": [[file.relative_to(folder).as_posix(), file.stat().st_size] for file in series.files],
            }
            for series in made.series
        ]
    }


def _read(folder: Path, scale: float, phantoms: Sequence[Phantom]) -> PhantomSet | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    keys = [phantom.visit.key for phantom in phantoms]
    if (manifest.get("version"), manifest.get("scale")) != (VERSION, scale) or list(manifest["studies"]) != keys:
        return None
    studies = []
    for phantom in phantoms:
        key = phantom.visit.key
        series = []
        for entry in manifest["studies"][key]["series"]:
            if not all(_whole(folder / name, size) for name, size in entry["files"]):
                return None
            files = tuple(folder / name for name, _size in entry["files"])
            series.append(PhantomSeries(**{**entry, "files": files}))
        studies.append(PhantomStudy(phantom.visit, tuple(series), truth["studies"][key]))
    return PhantomSet(folder, tuple(studies))


def _whole(file: Path, size: int) -> bool:
    try:
        return file.stat().st_size == size
    except OSError:
        return False


def _write_json(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as stream:
        json.dump(content, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
