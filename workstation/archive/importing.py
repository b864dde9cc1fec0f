"""From media into the archive: every object gets a word of its own, and a bad one costs nothing but itself.

Objects are stored in groups with one flush to the disk. What is durable stays when the rest is cancelled.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from workstation.archive.archive import Along, Archive
from workstation.archive.index import Refused
from workstation.archive.media import Source
from workstation.errors import UnreadableObject
from workstation.jobs import Cancellation, Progress, Report, silent
from workstation.language import _

Outcome = Literal["new", "held", "collision", "unreadable", "skipped"]
_GROUP_BYTES = 12 << 20
_GROUP_OBJECTS = 200
_DIRECTORY = "1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class Imported:
    """What became of one object; `message` says why when it is unreadable."""

    name: str
    outcome: Outcome
    study_uid: str = ""
    sop_uid: str = ""
    message: str = ""


@dataclass
class StudyCounts:
    """Objects of one study: stored now, held already, and refused because other bytes have their UID."""

    new: int = 0
    held: int = 0
    collisions: int = 0


def take_in(
    archive: Archive,
    found: Iterable[Source],
    counts: dict[str, StudyCounts],
    tell: Callable[[Imported], object],
    report: Report = silent,
    cancellation: Cancellation | None = None,
    along: Along = lambda _cursor, _results: None,
) -> None:
    """Store what is found; `tell` hears of each object, `counts` by study grows with what is durable.

    `along` is `Archive.store`'s. Raises Cancelled and DiskFull; the groups before are stored and counted.
    """
    cancellation = cancellation or Cancellation()
    group: list[tuple[Source, bytes]] = []
    size = done = 0
    for source in found:
        cancellation.check()
        done += 1
        try:
            data = source.read()
        except UnreadableObject as error:
            tell(Imported(source.name, "unreadable", message=str(error)))
            continue
        if data is None:
            tell(_no_dicom(source))
            continue
        group.append((source, data))
        size += len(data)
        if size >= _GROUP_BYTES or len(group) >= _GROUP_OBJECTS:
            _store(archive, group, counts, tell, along)
            report(Progress(done, 0, _("Importing")))
            group, size = [], 0
    cancellation.check()
    _store(archive, group, counts, tell, along)
    report(Progress(done, 0, _("Importing")))


def _store(
    archive: Archive,
    group: list[tuple[Source, bytes]],
    counts: dict[str, StudyCounts],
    tell: Callable[[Imported], object],
    along: Along,
) -> None:
    directories = [source for source, data in group if _DIRECTORY.encode() in data[:512]]
    for source in directories:
        # its files are found by walking
        tell(Imported(source.name, "skipped"))
    objects = [(source, data) for source, data in group if source not in directories]
    results = archive.store([data for _source, data in objects], along=along)
    for (source, _data), result in zip(objects, results, strict=True):
        if isinstance(result, Refused):
            tell(Imported(source.name, "unreadable", message=str(result.error)))
            continue
        study = counts.setdefault(result.instance.study_uid, StudyCounts())
        study.new += result.outcome == "new"
        study.held += result.outcome == "held"
        study.collisions += result.outcome == "collision"
        tell(Imported(source.name, result.outcome, result.instance.study_uid, result.instance.sop_instance_uid))


def _no_dicom(source: Source) -> Imported:
    if source.named:
        return Imported(source.name, "unreadable", message=_("Not a DICOM object"))
    return Imported(source.name, "skipped")
