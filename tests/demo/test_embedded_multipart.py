"""The embedded IRIS's own multipart reader: whatever the pieces, the same parts."""

from collections.abc import Mapping

import pytest

from workstation.demo.multipart import BrokenMultipart, MultipartReader, parse_media_type

BODY = (
    b"preamble, to be skipped\r\n--cut \t\r\nContent-Type: application/dicom\r\nX-Empty:\r\n\r\n"
    b"first\r\n--cu\r\n-\r\n\r\n--cut\r\n\r\nsecond, without headers\r\n--cut\r\nContent-Type: a/b\r\n\r\n"
    b"\r\n--cut--\r\nepilogue\r\n--cut\r\n"
)
PARTS = [
    ({"content-type": "application/dicom", "x-empty": ""}, b"first\r\n--cu\r\n-\r\n"),
    ({}, b"second, without headers"),
    ({"content-type": "a/b"}, b""),
]


class Sink:
    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = dict(headers)
        self.content = b""
        self.finished = False

    def write(self, data: bytes) -> None:
        assert data
        self.content += data

    def finish(self) -> None:
        self.finished = True


def read(body: bytes, size: int, boundary: str = "cut") -> list[tuple[dict[str, str], bytes]]:
    sinks: list[Sink] = []

    def open_part(headers: Mapping[str, str]) -> Sink:
        sinks.append(Sink(headers))
        return sinks[-1]

    reader = MultipartReader(boundary, open_part)
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    reader.close()
    assert all(sink.finished for sink in sinks)
    return [(sink.headers, sink.content) for sink in sinks]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 16, 64, 10_000])
def test_pieces_of_any_size_give_the_same_parts(size: int) -> None:
    assert read(BODY, size) == PARTS


@pytest.mark.parametrize("size", [1, 10_000])
def test_an_empty_part_may_share_its_line_end_with_the_delimiter(size: int) -> None:
    assert read(b"--cut\r\nA: b\r\n\r\n--cut--", size) == [({"a": "b"}, b"")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no delimiter at all",
        b"--cut\r\nA: b\r\n\r\ncontent\r\n--cut",
        b"--cut\r\nA: b\r\n\r\ncontent",
        b"--cut\r\nno colon\r\n\r\ncontent\r\n--cut--",
        b"--cut and more\r\n\r\ncontent\r\n--cut--",
        b"--cut\r\nA: " + b"x" * 20_000,
    ],
)
def test_a_broken_body_is_said_to_be_broken(body: bytes) -> None:
    with pytest.raises(BrokenMultipart):
        read(body, 7)


@pytest.mark.parametrize("boundary", ["", "x" * 71, "ends with space ", "new\nline"])
def test_a_boundary_that_is_none_is_refused(boundary: str) -> None:
    with pytest.raises(BrokenMultipart):
        read(BODY, 100, boundary)


def test_parameters_are_read_quoted_and_plain() -> None:
    value = 'Multipart/Related; Type="application/dicom"; boundary="a;b\\"c"; start=x'
    expected = {"type": "application/dicom", "boundary": 'a;b"c', "start": "x"}
    assert parse_media_type(value) == ("multipart/related", expected)
