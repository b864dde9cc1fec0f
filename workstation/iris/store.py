"""STOW-RS (PS3.18 10.5): the body that carries instances, and the answer that says what became of each.

A status proves nothing: a 200 may have kept an older object under the same UID, a 400 may have stored all but one.
The answer is what the server lists; the proof is reading back.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workstation.iris.json_model import Dataset, integer, items, text
from workstation.language import N_, _


@dataclass(frozen=True)
class StoreFailure:
    """One instance the server names with a reason (PS3.3 C.12.1.1.27): `reason` is the code, `text` what it means."""

    sop_instance_uid: str
    reason: int
    text: str

    @property
    def passing(self) -> bool:
        """Whether it is the server that lacks room, not the instance that is wrong: worth another try."""
        return self.reason >> 8 == 0xA7 or self.reason == 0x0213


@dataclass(frozen=True)
class StoreAnswer:
    """What the server says per instance. One in none of the lists was not mentioned: after a 400, Orthanc names what
    it stored and keeps silent on what it could not read.
    """

    status: int
    stored: tuple[str, ...]
    failed: tuple[StoreFailure, ...]
    warnings: tuple[StoreFailure, ...] = ()


class MultipartBody:
    """A multipart/related body of Part 10 objects, made while it is sent; its length is known before."""

    def __init__(self, objects: Sequence[bytes]) -> None:
        boundary = uuid.uuid4().hex
        head = f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\nContent-Length: %d\r\n\r\n".encode()
        self._objects = objects
        self._heads = [head % len(data) for data in objects]
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'

    def __len__(self) -> int:
        return sum(map(len, self._heads)) + sum(map(len, self._objects)) + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        for head, data in zip(self._heads, self._objects, strict=True):
            yield head
            yield data
        yield self._tail


def store_answer(status: int, datasets: Sequence[Dataset]) -> StoreAnswer | None:
    """The answer in a response body; None when the body lists no instance at all."""
    stored: list[str] = []
    failed: list[StoreFailure] = []
    warnings: list[StoreFailure] = []
    for dataset in datasets:
        for item in items(dataset, "00081199"):
            stored.append(text(item, "00081155"))
            if reason := integer(item, "00081196"):
                warnings.append(StoreFailure(text(item, "00081155"), reason, reason_text(reason)))
        # (0008,119A) lists parts of which the server couldn't even read the UID
        for item in (*items(dataset, "00081198"), *items(dataset, "0008119A")):
            reason = integer(item, "00081197") or 0
            failed.append(StoreFailure(text(item, "00081155"), reason, reason_text(reason)))
    if not stored and not failed:
        return None
    return StoreAnswer(status, tuple(stored), tuple(failed), tuple(warnings))


_REASONS = {
    0x0105: N_("no such attribute"),
    0x0106: N_("invalid attribute value"),
    0x0110: N_("processing failure"),
    0x0111: N_("an instance of this UID exists already"),
    0x0112: N_("no such instance"),
    0x0117: N_("invalid instance"),
    0x0118: N_("no such SOP class"),
    0x0122: N_("SOP class not supported"),
    0x0124: N_("not authorised"),
    0x0131: N_("another transaction holds it"),
    0x0213: N_("resource limitation"),
    0xB000: N_("elements were coerced"),
    0xB006: N_("elements were discarded"),
    0xB007: N_("the data set doesn't match the SOP class"),
}


def reason_text(reason: int) -> str:
    """What a failure or warning reason of PS3.4 B.2.3 and PS3.18 I.2.2 means."""
    if reason in _REASONS:
        return _(_REASONS[reason])
    if reason >> 8 == 0xA7:
        return _("out of resources")
    if reason >> 8 == 0xA9:
        return _("the data set doesn't match the SOP class")
    if reason >> 12 == 0xC:
        return _("cannot understand")
    return f"0x{reason:04X}"
