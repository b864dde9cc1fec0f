"""The streaming multipart reader, against bodies as servers really send them and as they break."""

import random
from collections.abc import Callable

import pytest

from workstation.errors import LinkDown, MalformedAnswer
from workstation.iris.multipart import Part, boundary_of, read_parts

BOUNDARY = b"b-1"


def feed(data: bytes, size: int | None = None, end: Exception | None = None) -> Callable[[int], bytes]:
    """A read function that gives `data` in pieces of at most `size` bytes, then raises `end` or gives b""."""
    position = 0

    def read(wanted: int) -> bytes:
        nonlocal position
        piece = data[position : position + min(wanted, size or wanted)]
        position += len(piece)
        if not piece and end:
            raise end
        return piece

    return read


def body(*parts: bytes, lengths: bool = False, close: bool = True) -> bytes:
    text = b""
    for part in parts:
        text += b"\r\n--b-1\r\nContent-Type: application/dicom\r\n"
        text += b"Content-Length: %d\r\n" % len(part) if lengths else b""
        text += b"\r\n" + part
    return text + (b"\r\n--b-1--\r\n" if close else b"")


def collect(read: Callable[[int], bytes]) -> tuple[list[bytes], Exception | None]:
    found: list[Part] = []
    try:
        for part in read_parts(read, BOUNDARY):
            found.append(part)
    except (LinkDown, MalformedAnswer) as error:
        return [part.body for part in found], error
    return [part.body for part in found], None


# bodies that look like delimiters, end like line ends, or hold nothing
NASTY = [b"", b"\r\n", b"--b-1", b"a\r\n--b-12 no", b"x\r\n-", b"\r\n--b-1x\r\n", b"\n--b-1\n", b"end\r", b"\x00" * 300]


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, None])
def test_parts_come_out_whole_wherever_the_pieces_are_cut(lengths: bool, size: int | None) -> None:
    assert collect(feed(body(*NASTY, lengths=lengths), size)) == (NASTY, None)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', b"abc"),
        ('multipart/related; boundary="a b;c"; type="application/dicom"', b"a b;c"),
        ("multipart/related;BOUNDARY=x-y_z.1;type=application/dicom", b"x-y_z.1"),
        (r'multipart/related; boundary="a\"b"', b'a"b'),
    ],
)
def test_the_boundary_is_read_quoted_or_bare(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


def test_a_content_type_without_boundary_is_malformed() -> None:
    with pytest.raises(MalformedAnswer):
        boundary_of("multipart/related; type=application/dicom")


def test_a_preamble_and_an_epilogue_are_passed_over() -> None:
    text = b"This is a multipart message.\r\n--b-1x is no boundary" + body(b"one", b"two") + b"epilogue\r\n--b-1\r\n"
    for size in (1, 4, None):
        assert collect(feed(text, size)) == ([b"one", b"two"], None)


def test_a_body_that_opens_with_the_boundary_needs_no_line_end_before_it() -> None:
    assert collect(feed(body(b"one").removeprefix(b"\r\n"), 3)) == ([b"one"], None)


def test_white_space_behind_a_boundary_is_allowed() -> None:
    text = b"--b-1 \t\r\n\r\none\r\n--b-1-- "
    for size in (1, None):
        assert collect(feed(text, size)) == ([b"one"], None)


def test_headers_are_read_without_regard_to_case_and_may_be_folded_or_absent() -> None:
    text = (
        b"--b-1\r\nCONTENT-type: application/dicom;\r\n transfer-syntax=1.2\r\n\r\none\r\n--b-1\r\n\r\ntwo\r\n--b-1--"
    )
    parts = list(read_parts(feed(text, 2), BOUNDARY))
    assert parts[0].headers == {"content-type": "application/dicom; transfer-syntax=1.2"}
    assert (parts[0].body, parts[1].headers, parts[1].body) == (b"one", {}, b"two")


@pytest.mark.parametrize("wrong", [b"0", b"2", b"4", b"10", b"99999", b"-1", b"x", b"99999999999999"])
def test_a_wrong_content_length_is_not_believed(wrong: bytes) -> None:
    text = b"\r\n--b-1\r\nContent-Length: " + wrong + b"\r\n\r\none" + body(b"two", lengths=True)
    for size in (1, 6, None):
        assert collect(feed(text, size)) == ([b"one", b"two"], None)


def test_a_content_length_lets_a_body_hold_the_boundary_itself() -> None:
    inner = b"before\r\n--b-1\r\nContent-Length: 3\r\n\r\nxyz"
    assert collect(feed(body(inner, b"two", lengths=True), 9)) == ([inner, b"two"], None)


def test_a_missing_closing_boundary_is_malformed_after_what_arrived_whole() -> None:
    found, error = collect(feed(body(b"one", b"two", lengths=True, close=False)))
    assert found == [b"one", b"two"]
    assert isinstance(error, MalformedAnswer)


def test_a_part_without_length_and_without_end_is_not_handed_out() -> None:
    found, error = collect(feed(body(b"one", b"two", close=False)))
    assert found == [b"one"]
    assert isinstance(error, MalformedAnswer)


@pytest.mark.parametrize("lengths", [True, False])
def test_a_link_cut_anywhere_gives_only_whole_parts_and_says_link_down(lengths: bool) -> None:
    parts = [b"first", b"second", b"third"]
    text = body(*parts, lengths=lengths)
    complete = text.index(b"\r\n--b-1--") + len(b"\r\n--b-1--")
    for cut in range(len(text)):
        found, error = collect(feed(text[:cut], 4, end=LinkDown("cut")))
        assert found == parts[: len(found)]
        if cut < complete:
            assert isinstance(error, LinkDown), cut
        else:
            assert (found, error) == (parts, None)


def test_no_boundary_at_all_is_malformed() -> None:
    for text in (b"", b"<html>Bad gateway</html>", b"x" * 100_000):
        found, error = collect(feed(text, 1000))
        assert found == []
        assert isinstance(error, MalformedAnswer)


def test_headers_without_end_are_refused_before_they_fill_the_memory() -> None:
    text = b"--b-1\r\n" + b"X: y\r\n" * 100_000
    assert isinstance(collect(feed(text))[1], MalformedAnswer)
    assert isinstance(collect(feed(b"--b-1\r\n" + b"x" * 1_000_000))[1], MalformedAnswer)


def test_random_bodies_survive_random_cuts() -> None:
    source = random.Random(7)
    alphabet = b"\r\n-b1 x"
    for _round in range(300):
        parts = [bytes(source.choices(alphabet, k=source.randrange(40))) for _part in range(3)]
        if any(b"\r\n--b-1" in b"\r\n" + part + b"\r\n" for part in parts):
            continue
        text = body(*parts, lengths=source.random() < 0.5)
        assert collect(feed(text, source.randrange(1, 12))) == (parts, None)


def test_a_long_body_is_read_part_by_part() -> None:
    part = bytes(200_000)
    asked: list[int] = []
    source = feed(body(*[part] * 20, lengths=True))

    def read(size: int) -> bytes:
        asked.append(size)
        return source(size)

    seen_before_end = 0
    for _part in read_parts(read, BOUNDARY):
        seen_before_end += sum(asked) < 21 * 200_000
    assert seen_before_end >= 19
