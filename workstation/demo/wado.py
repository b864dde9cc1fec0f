"""Retrieve objects, metadata, frames and bulk data (WADO-RS, PS3.18 §10.4).

Answers are streamed: of a study of any size only the piece on its way is in memory. The whole length is known from the
index, so a client can tell an answer that was cut from one that is complete.
"""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from workstation.demo import transcoding
from workstation.demo.answers import DICOM_JSON, base_url, refusal, unacceptable
from workstation.demo.headers import with_addresses
from workstation.demo.multipart import MultipartWriter
from workstation.demo.negotiation import ANY, EXPLICIT_LE, FRAME_TYPES, OCTETS, syntaxes, wishes
from workstation.demo.store import Store, StoredInstance

DICOM = "application/dicom"
PIECE = 1 << 20
_INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"


class Retrieve:
    """The retrieve service on a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Every level that can be retrieved."""
        return [
            Route("/studies/{study}", self.objects),
            Route("/studies/{study}/series/{series}", self.objects),
            Route(_INSTANCE, self.objects),
            Route("/studies/{study}/metadata", self.metadata),
            Route("/studies/{study}/series/{series}/metadata", self.metadata),
            Route(_INSTANCE + "/metadata", self.metadata),
            Route(_INSTANCE + "/frames/{frames}", self.frames),
            Route(_INSTANCE + "/bulkdata/{tag}", self.bulk_data),
        ]

    def objects(self, request: Request) -> Response:
        """GET a study, series or instance as Part 10 objects."""
        instances = self._found(request)
        if not instances:
            return refusal(404, "no such objects")
        chosen = [wish for wish in wishes(request) if wish.takes(DICOM)]
        if not chosen:
            return refusal(406, f"{DICOM} is what there is")
        taken = syntaxes(chosen)
        as_stored = ANY in taken or all(instance.transfer_syntax_uid in taken for instance in instances)
        if not as_stored and EXPLICIT_LE not in taken:
            return refusal(406, "stored as it is, or Explicit VR Little Endian")
        if not chosen[0].multipart and len(instances) == 1:
            if not as_stored:
                return Response(transcoding.explicit_little_endian(instances[0].path), media_type=DICOM)
            sized = {"Content-Length": str(instances[0].size)}
            return StreamingResponse(_file(instances[0]), headers=sized, media_type=DICOM)
        writer = MultipartWriter.new(DICOM)
        if as_stored:
            heads = [_head(writer, instance, number == 0) for number, instance in enumerate(instances)]
            length = sum(map(len, heads)) + sum(instance.size for instance in instances) + len(writer.tail())
            return StreamingResponse(
                _as_stored(writer, instances, heads),
                headers={"Content-Length": str(length), "Content-Type": writer.content_type},
            )
        return StreamingResponse(_transcoded(writer, instances, taken), headers={"Content-Type": writer.content_type})

    def metadata(self, request: Request) -> Response:
        """GET the headers of all instances of a study, series or instance, pixels left out."""
        refused = unacceptable(request)
        if refused is not None:
            return refused
        scope = self._scope(request)
        if not self._store.instances(*scope):
            return refusal(404, "no such objects")
        root = base_url(request)

        def pieces() -> Iterator[bytes]:
            before = "["
            for instance, stored in self._store.headers(*scope):
                url = f"{root}/studies/{instance.study_uid}/series/{instance.series_uid}/instances/{instance.sop_uid}"
                yield (before + json.dumps(with_addresses(stored, url), ensure_ascii=False)).encode()
                before = ","
            yield b"]"

        return Response(b"".join(pieces()), media_type=DICOM_JSON)

    def frames(self, request: Request) -> Response:
        """GET frames by their numbers, from 1, separated by commas."""
        instances = self._found(request)
        if not instances:
            return refusal(404, "no such object")
        instance = instances[0]
        numbers = request.path_params["frames"].split(",")
        if not all(number.isdecimal() and 1 <= int(number) <= instance.frames for number in numbers):
            return refusal(404, "no such frame")
        stored_type = FRAME_TYPES.get(instance.transfer_syntax_uid, OCTETS)
        taken = wishes(request)
        # `type=application/octet-stream; transfer-syntax=*` is how browsers ask for frames as they are stored
        as_stored = any(
            wish.takes(stored_type) or (wish.takes(OCTETS) and wish.transfer_syntax == ANY) for wish in taken
        )
        if not as_stored and not any(wish.takes(OCTETS) for wish in taken):
            return refusal(406, f"{stored_type} or {OCTETS} is what there is")
        try:
            wanted = [int(number) - 1 for number in numbers]
            if as_stored:
                contents = transcoding.stored_frames(instance.path, wanted)
            else:
                contents = transcoding.decoded_frames(instance.path, wanted)
        except transcoding.NoPixels:
            return refusal(406, "the object has no such pixels")
        media_type = stored_type if as_stored else OCTETS
        syntax = instance.transfer_syntax_uid if as_stored else EXPLICIT_LE
        return multipart_answer(media_type, f"{media_type}; transfer-syntax={syntax}", contents)

    def bulk_data(self, request: Request) -> Response:
        """GET the value of one attribute that the metadata only point to."""
        instances = self._found(request)
        value = transcoding.value_of(instances[0].path, request.path_params["tag"]) if instances else None
        if value is None:
            return refusal(404, "no such value")
        return multipart_answer(OCTETS, OCTETS, [value])

    def _scope(self, request: Request) -> tuple[str | None, str | None, str | None]:
        get = request.path_params.get
        return get("study"), get("series"), get("instance")

    def _found(self, request: Request) -> list[StoredInstance]:
        return self._store.instances(*self._scope(request))


def multipart_answer(root_type: str, part_type: str, contents: list[bytes]) -> Response:
    """A small multipart answer from parts in memory."""
    writer = MultipartWriter.new(root_type)
    body = b"".join(
        writer.head({"Content-Type": part_type, "Content-Length": str(len(content))}, number == 0) + content
        for number, content in enumerate(contents)
    )
    return Response(body + writer.tail(), headers={"Content-Type": writer.content_type})


def _head(writer: MultipartWriter, instance: StoredInstance, first: bool) -> bytes:
    part_type = f"{DICOM}; transfer-syntax={instance.transfer_syntax_uid}"
    return writer.head({"Content-Type": part_type, "Content-Length": str(instance.size)}, first)


async def _file(instance: StoredInstance) -> AsyncIterator[bytes]:
    """The bytes in pieces; no file stays open between them, so that an answer may be given up at any of them."""
    for offset in range(0, instance.size, PIECE):
        yield await to_thread.run_sync(_piece, instance.path, offset)


def _piece(path: Path, offset: int) -> bytes:
    with path.open("rb", buffering=0) as stream:
        stream.seek(offset)
        return stream.read(PIECE)


async def _as_stored(
    writer: MultipartWriter, instances: list[StoredInstance], heads: list[bytes]
) -> AsyncIterator[bytes]:
    for instance, head in zip(instances, heads, strict=True):
        yield head
        async for piece in _file(instance):
            yield piece
    yield writer.tail()


async def _transcoded(
    writer: MultipartWriter, instances: list[StoredInstance], taken: frozenset[str]
) -> AsyncIterator[bytes]:
    for number, instance in enumerate(instances):
        if instance.transfer_syntax_uid in taken:
            yield _head(writer, instance, number == 0)
            async for piece in _file(instance):
                yield piece
            continue
        content = await to_thread.run_sync(transcoding.explicit_little_endian, instance.path)
        part_type = f"{DICOM}; transfer-syntax={EXPLICIT_LE}"
        yield writer.head({"Content-Type": part_type, "Content-Length": str(len(content))}, number == 0)
        yield content
    yield writer.tail()
