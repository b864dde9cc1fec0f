"""Take in objects (STOW-RS, PS3.18 §10.5), with an answer for each of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import dictionary_VR, tag_for_keyword
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from workstation.demo.answers import base_url, dicom_json, refusal, unacceptable
from workstation.demo.faults import Faults, drain
from workstation.demo.headers import Header, Json, NoDicom, read_header
from workstation.demo.multipart import BrokenMultipart, MultipartReader, parse_media_type
from workstation.demo.store import Arrival, Store

# PS3.18 table I.2-2 and PS3.7 C: failure reasons
PROCESSING_FAILURE = 0x0110
DUPLICATE_INSTANCE = 0x0111
CANNOT_UNDERSTAND = 0xC000


@dataclass
class _Part:
    """One received part: a file in `incoming`, complete once the body is."""

    path: Path
    media_type: str


class _FileSink:
    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb")

    def write(self, data: bytes) -> None:
        self._stream.write(data)

    def finish(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()

    def abandon(self) -> None:
        self._stream.close()


class StoreService:
    """The store service on a store."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def routes(self) -> list[Route]:
        """With and without a study."""
        return [
            Route("/studies", self.receive, methods=["POST"]),
            Route("/studies/{study}", self.receive, methods=["POST"]),
        ]

    async def receive(self, request: Request) -> Response:
        """POST /studies and /studies/{study}."""
        media_type, parameters = parse_media_type(request.headers.get("content-type", ""))
        kind = parameters.get("type", "").lower()
        refused = unacceptable(request)
        if media_type != "multipart/related" or kind not in ("application/dicom", ""):
            refused = refusal(415, 'multipart/related; type="application/dicom" is what is stored')
        if refused is not None:
            await drain(request.receive)
            return refused
        parts: list[_Part] = []
        sinks: list[_FileSink] = []
        whole = False

        def open_part(headers: Mapping[str, str]) -> _FileSink:
            part = _Part(self._store.incoming(), parse_media_type(headers.get("content-type", "application/dicom"))[0])
            parts.append(part)
            sinks.append(_FileSink(part.path))
            return sinks[-1]

        try:
            reader = MultipartReader(parameters.get("boundary", ""), open_part)
            async for piece in request.stream():
                reader.feed(piece)
            whole = True
            reader.close()
        except (BrokenMultipart, ClientDisconnect) as error:
            for sink, part in zip(sinks, parts, strict=True):
                sink.abandon()
                part.path.unlink(missing_ok=True)
            if isinstance(error, BrokenMultipart) and not whole:
                await drain(request.receive)
            return refusal(400, f"broken multipart: {error}")
        if not parts:
            return refusal(400, "no parts")
        return await run_in_threadpool(self._take, request, parts)

    def _take(self, request: Request, parts: list[_Part]) -> Response:
        study = request.path_params.get("study")
        root = base_url(request)
        refused_places, refused_reason = self._faults.refused_parts()
        stored: list[Json] = []
        failed: list[Json] = []
        nameless: list[Json] = []
        for place, part in enumerate(parts):
            try:
                if part.media_type != "application/dicom":
                    raise NoDicom(part.media_type)
                header = read_header(part.path)
            except NoDicom:
                part.path.unlink()
                nameless.append(_dataset(FailureReason=CANNOT_UNDERSTAND))
                continue
            reason = refused_reason if place in refused_places else self._refusal_reason(study, header, part.path)
            if reason:
                part.path.unlink(missing_ok=True)
                failed.append(_reference(header) | _dataset(FailureReason=reason))
            else:
                url = f"{root}/studies/{header.study_uid}/series/{header.series_uid}/instances/{header.sop_uid}"
                stored.append(_reference(header) | _dataset(RetrieveURL=url))
        answer: Json = {}
        if stored:
            answer |= _dataset(RetrieveURL=f"{root}/studies/{study}" if study else f"{root}/studies")
        for keyword, items in (
            ("FailedSOPSequence", failed),
            ("ReferencedSOPSequence", stored),
            ("OtherFailuresSequence", nameless),
        ):
            if items:
                answer |= {f"{tag_for_keyword(keyword):08X}": {"vr": "SQ", "Value": items}}
        status = 200 if not failed and not nameless else 202 if stored else 409
        return dicom_json(dict(sorted(answer.items())), status)

    def _refusal_reason(self, study: str | None, header: Header, path: Path) -> int:
        """Store one object; 0 or the reason why not."""
        if study is not None and study != header.study_uid:
            return PROCESSING_FAILURE
        arrival = self._store.add(path, header, self._faults.duplicates)
        return DUPLICATE_INSTANCE if arrival is Arrival.REFUSED else 0


def _dataset(**values: str | int) -> Json:
    return {
        f"{tag_for_keyword(keyword):08X}": {"vr": dictionary_VR(keyword), "Value": [value]}
        for keyword, value in values.items()
    }


def _reference(header: Header) -> Json:
    return _dataset(ReferencedSOPClassUID=header.sop_class_uid, ReferencedSOPInstanceUID=header.sop_uid)
