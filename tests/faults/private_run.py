"""Run as a program by `test_privacy_of_a_run`: the main job of one case at a desk, then a crash.

The argument is a JSON file of what to work with. Prints a line when the job is done, waits for one, and aborts.
"""

import json
import logging
import os
import sys
from pathlib import Path

from tests.consultation.conftest import READER, filled, general
from tests.fetched import fetched
from workstation.app import application
from workstation.consultation.case import CaseFilter
from workstation.dicom.pixels import decode_frame
from workstation.discretion import keep_to_itself, log_to
from workstation.jobs import Cancellation, Lane
from workstation.settings import ServerProfile, Settings, save
from workstation.signing.identity import load_pkcs12

log = logging.getLogger("workstation.private_run")


def stumble(text: str) -> None:
    """A mistake of ours whose exception quotes what it was given, as many do."""
    try:
        int(text)
    except ValueError:
        log.exception("a mistake")


def main(given: dict[str, str]) -> None:
    keep_to_itself()
    log_to(Path(given["log"]))
    profile = ServerProfile("iris", given["url"], user=given["user"])
    settings = Settings(Path(given["data"]), language="ru", servers=(profile,), reader=READER)
    save(settings)
    with application(settings, passphrase=lambda: given["passphrase"], password=given["password"]) as opened:
        desk = opened.desk
        desk.refresh(Cancellation())
        (case,) = desk.page(CaseFilter(), 0, 10)
        desk.claim(case.case_uid)
        fetched(desk, case.case_uid)
        desk.begin_reading(case.case_uid)
        for image in opened.archive.instances():
            decode_frame(image, opened.archive.get(image.sop_instance_uid))
        template = general()
        form = filled(template)
        drawing = {"kind": "length", "label": given["text"]}
        desk.save_draft(case.case_uid, "form", form.to_json())
        desk.save_draft(case.case_uid, "view", {"note": given["text"]})
        desk.save_draft(case.case_uid, "measurements", {"drawings": [drawing]})
        prepared = desk.prepare(case.case_uid, form, template, (), ())
        desk.sign(case.case_uid, prepared, load_pkcs12(Path(given["identity"]), given["identity_password"]))
        desk.deliver()
        desk.audit_export().write(Path(given["exported"]))
        stumble(given["name"])
        opened.workers.submit(Lane.INTERACTIVE, lambda: stumble(given["name"])).result()
        logging.getLogger("another.library").warning("GET /studies?PatientName=%s", given["name"])
        print(json.dumps({"state": desk.case(case.case_uid).state.value}), flush=True)
        sys.stdin.readline()
        os.abort()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
