"""Inspecting the archive: every object opened and compared with its hash, damage named and fetched anew.

Damage is named by UIDs alone. What is fetched takes the place of a damaged object only when it is, byte for byte, what
was stored once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from workstation.archive.archive import Archive, Fault
from workstation.archive.retrieval import Source
from workstation.errors import MalformedAnswer, ServerRefused, UnreadableObject
from workstation.jobs import Cancellation, Progress, Report, silent
from workstation.language import _

_PAGE = 500


@dataclass(frozen=True)
class Damage:
    """An object that can't be had as it was stored; `note` says why it wasn't mended."""

    study_uid: str
    series_uid: str
    sop_uid: str
    fault: Fault
    mended: bool = False
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """What an inspection found; `strays` counts files without a row, of which `swept` were deleted."""

    objects: int
    size: int
    damages: tuple[Damage, ...]
    strays: int
    swept: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return all(damage.mended for damage in self.damages) and self.strays == self.swept


def inspect(archive: Archive, report: Report = silent, cancellation: Cancellation | None = None) -> Findings:
    """Open every object. Raises Cancelled."""
    cancellation = cancellation or Cancellation()
    with archive.database.read() as cursor:
        total = cursor.execute("SELECT count(*) FROM instances").fetchone()[0]
    damages: list[Damage] = []
    done = size = 0
    for study_uid, series_uid, sop_uid, length in _all(archive):
        cancellation.check()
        try:
            fault = archive.fault_of(sop_uid)
        except KeyError:
            # taken out since the list was read
            continue
        done, size = done + 1, size + length
        if fault is not None:
            damages.append(Damage(study_uid, series_uid, sop_uid, fault))
        report(Progress(done, max(total, done), _("objects checked")))
    return Findings(done, size, tuple(damages), len(archive.strays()))


def mend(
    archive: Archive, source: Source, damages: tuple[Damage, ...], cancellation: Cancellation | None = None
) -> Iterator[Damage]:
    """Fetch damaged objects anew, one by one; each as it is afterwards.

    Raises LinkDown, SignInNeeded, Cancelled, DiskFull; what was mended by then stays so.
    """
    cancellation = cancellation or Cancellation()
    for damage in damages:
        cancellation.check()
        yield _mended(archive, source, damage)


def _mended(archive: Archive, source: Source, damage: Damage) -> Damage:
    try:
        data = source.retrieve_instance(damage.study_uid, damage.series_uid, damage.sop_uid)
        if archive.restore(damage.sop_uid, data):
            return replace(damage, mended=True)
    except KeyError:
        return replace(damage, mended=True)
    except (MalformedAnswer, UnreadableObject):
        return replace(damage, note=_("what the server sent can't be read"))
    except ServerRefused as error:
        return replace(damage, note=_("the server refused it ({status})").format(status=error.status))
    return replace(damage, note=_("the server has other bytes under this UID; remove the study and pull it again"))


def _all(archive: Archive) -> Iterator[tuple[str, str, str, int]]:
    """Study, series, object and size of everything held, page by page: an archive may hold a million."""
    last = ""
    while True:
        with archive.database.read() as cursor:
            rows = cursor.execute(
                """SELECT study_uid, series_uid, sop_uid, size FROM instances WHERE sop_uid > ?
                ORDER BY sop_uid LIMIT ?""",
                (last, _PAGE),
            ).fetchall()
        for row in rows:
            yield tuple(row)
        if len(rows) < _PAGE:
            return
        last = rows[-1]["sop_uid"]
