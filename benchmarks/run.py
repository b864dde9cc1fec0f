"""The order of a run: what needs the server, codecs and planes alone, the window on the archive, whole processes."""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import codecs, index, planes, process, reading, server, worklist
from benchmarks.figures import Report
from benchmarks.waves import write_series
from workstation.dicom import decoder_processes
from workstation.iris.wire import connect
from workstation.settings import ServerProfile


def run(folder: Path, machine: str, options: argparse.Namespace) -> Report:
    """Measure everything in `folder`, which is left full. Raises WrongPicture."""
    report = Report(machine)
    files, desk, orthanc_folder = (folder / name for name in ("series", "desk", "orthanc"))
    for made in (files, desk, orthanc_folder):
        made.mkdir()
    series = write_series(files, options.slices, options.side)
    with ExitStack() as closing:
        # as the program does
        closing.enter_context(decoder_processes.opened())
        orthanc: Any = None
        if options.no_server or server.starter().program() is None:
            report.left_out.append("what needs Debian's Orthanc")
            wire = server.FolderServer(series).wire
        else:
            orthanc = closing.enter_context(server.orthanc_with(series, orthanc_folder))
            report.add(server.measure(orthanc, series, folder, options.repeat))
            wire = connect(ServerProfile("orthanc", orthanc.dicomweb_url, user=orthanc.user), orthanc.password)
        server.fill(wire, desk)
        report.add(codecs.measure(folder, options.slices, options.side, options.repeat))
    report.add(planes.measure(options.slices, options.side, options.repeat))
    counts = tuple(max(count * options.slices // 300, 4) for count in planes.COUNTS)
    report.add(planes.growth(folder, counts, options.side // 2))
    report.add(reading.measure(desk, series, options.repeat, options.steps))
    report.add(process.measure(desk, series.voxel_bytes, options.repeat))
    report.add(worklist.measure(folder / "worklist", options.workitems, options.repeat))
    report.add(index.measure(folder / "index", options.instances))
    return report
