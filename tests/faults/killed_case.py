"""Run as a program by `test_delivery_killed`: drafting, signing and sending, killed at random moments, then resumed.

Arguments: a folder and the number of seeds; on standard input, as JSON, where the server is and whose signature it is.
Prints one line of JSON a seed.
"""

import importlib
import json
import random
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.faults.sending import SLICES, Post
from tests.killing import done, killed
from workstation.archive import audit
from workstation.archive.inspection import inspect
from workstation.errors import WorkstationError
from workstation.settings import ServerProfile
from workstation.signing.identity import load_pkcs12

DRAFTS = 6
LONGEST_S = 0.25
# from which moment on a seed is killed: seeds take them in turn, however fast the machine is
STAGES = ("0", "3", "6", "signed")


class GoodLine(Post):
    """The same desk, with nothing in the line that could fail."""

    @property
    def profile(self) -> ServerProfile:
        return ServerProfile("iris", self.iris.url, user=self.iris.user)


def rehearse(post: Post) -> list[str]:
    """One case from end to end; the modules that took."""
    with post.archive() as archive:
        desk = post.desk(archive)
        post.order()
        post.read(desk)
        post.sign(desk)
        desk.deliver()
    return [
        name for name in sys.modules if name.partition(".")[0] in ("workstation", "highdicom", "pyhanko", "reportlab")
    ]


def prepare(post: Post, order: Path) -> None:
    """An order, claimed and brought here."""
    with post.archive() as archive:
        post.order()
        post.read(post.desk(archive))
    order.write_text(f"{post.case_uid} {post.study_uid}")


def find(post: Post, order: Path) -> Post:
    post.case_uid, post.study_uid = order.read_text().split()
    return post


def do(post: Post, begun: Path, said: Path, stage: str) -> None:
    """Write in several steps, sign, send. What is written to `said` was told to the reader as kept."""

    def say(text: str) -> None:
        with said.open("a") as told:
            told.write(f"{text}\n")
        if text == stage:
            begun.touch()

    with post.archive() as archive:
        desk = post.desk(archive)
        say("0")
        for step in range(1, DRAFTS + 1):
            desk.save_draft(post.case_uid, "view", {"step": step})
            say(str(step))
        post.sign(desk)
        say("signed")
        desk.deliver()
        say("sent")


def check(post: Post, said: Path) -> dict[str, Any]:
    """What a start after the kill finds, and where it ends when it goes on."""
    told = said.read_text().split()[-1]
    with post.archive() as archive:
        desk = post.desk(archive)
        step = desk.draft(post.case_uid).get("view", {"step": 0})["step"]
        found = [row for row in desk.outbox() if row.case_uid == post.case_uid]
        before = {"state": desk.case(post.case_uid).state.value, "packages": len(found), "step": step, "said": told}
        hashes = [row.objects for row in found]
        if desk.case(post.case_uid).is_writable:
            post.sign(desk)
        messages = []
        for _try in range(5):
            try:
                desk.hurry()
                if desk.deliver():
                    break
            except WorkstationError as error:
                messages.append(str(error))
        (row,) = [row for row in desk.outbox() if row.case_uid == post.case_uid]
        try:
            post.assert_delivered_once(archive, row)
            failed = ""
        except AssertionError as error:
            failed = str(error) or "assertion"
        places = [post.folder / "archive" / part for part in ("objects", "incoming")]
        return before | {
            "carried": hashes in ([], [row.objects]),
            "failed": failed,
            "messages": messages,
            "sound": inspect(archive).sound,
            "files": sum(path.is_file() for place in places for path in place.rglob("*")),
            "slices": SLICES,
            "chain": audit.verify(archive.database).whole,
        }


def main(root: Path, seeds: int, known: dict[str, str]) -> None:
    iris: Any = SimpleNamespace(**known)
    identity = load_pkcs12(Path(known["identity"]), known["pin"])
    for name in done(lambda: rehearse(GoodLine(iris, iris, identity, root / "rehearsal")), root / "modules.json"):
        # what every child needs is loaded once, before it is forked
        importlib.import_module(name)
    for seed in range(seeds):
        folder, order, said = root / str(seed), root / f"{seed}.order", root / f"{seed}.said"
        begun, answer = root / f"{seed}.begun", root / f"{seed}.json"
        post = GoodLine(iris, iris, identity, folder)
        done(lambda post=post, order=order: prepare(post, order), answer)
        cut = killed(
            lambda begun, post=post, order=order, said=said, stage=STAGES[seed % 4]: do(
                find(post, order), begun, said, stage
            ),
            begun,
            random.Random(seed),
            LONGEST_S,
        )
        found = done(lambda post=post, order=order, said=said: check(find(post, order), said), answer)
        print(json.dumps(found | {"killed": cut}), flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), json.load(sys.stdin))
