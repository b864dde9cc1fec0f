"""Headers that are cut, lie, or were made to cost: one clear line each, soon and in little memory, never a guess."""

import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.part10 import open_part10
from workstation.dicom.pixels import decode_frame
from workstation.errors import UnreadableObject

CT, SR = b"1.2.840.10008.5.1.4.1.1.2", b"1.2.840.10008.5.1.4.1.1.88.11"
EXPLICIT, DEFLATED, BIG = b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.2"
JPEG, JPEG_LS, RLE = b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.5"
LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")
UNDEFINED = b"\xff\xff\xff\xff"
ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4)
EMPTY_ITEM = ITEM + bytes(4)
OPEN_ITEM = ITEM + UNDEFINED + ITEM_END
VALUES = np.arange(64, dtype="<u2").reshape(8, 8)


def tag(number: int) -> bytes:
    return struct.pack("<HH", number >> 16, number & 0xFFFF)


def element(number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    value += b"\0" * (len(value) % 2)
    said = len(value) if length is None else length
    return tag(number) + vr + (b"\0\0" + struct.pack("<I", said) if vr in LONG else struct.pack("<H", said)) + value


def undefined(number: int, vr: bytes, content: bytes) -> bytes:
    return tag(number) + vr + b"\0\0" + UNDEFINED + content + SEQUENCE_END


def number(tag_number: int, value: int) -> bytes:
    return element(tag_number, b"US", struct.pack("<H", value))


def image(*, rows: int = 8, columns: int = 8, frames: bytes = b"1", allocated: int = 16, stored: int = 16) -> bytes:
    return (
        element(0x00080016, b"UI", CT) + element(0x00080018, b"UI", b"1.2.3") + number(0x00280002, 1)
        + element(0x00280004, b"CS", b"MONOCHROME2") + element(0x00280008, b"IS", frames)
        + number(0x00280010, rows) + number(0x00280011, columns) + number(0x00280100, allocated)
        + number(0x00280101, stored) + number(0x00280102, stored - 1) + number(0x00280103, 0)
    )  # fmt: skip


def file(body: bytes, syntax: bytes = EXPLICIT) -> bytes:
    return bytes(128) + b"DICM" + element(0x00020010, b"UI", syntax) + body


def pixels(value: bytes = VALUES.tobytes(), length: int | None = None) -> bytes:
    return element(0x7FE00010, b"OW", value, length)


def groups(content: bytes, *, known: bool = False) -> bytes:
    return element(0x52009230, b"SQ", content) if known else undefined(0x52009230, b"SQ", content)


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = undefined(0x0040A730, b"SQ", ITEM + UNDEFINED + content + ITEM_END)
    return content


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def bomb() -> bytes:
    """Two gigabytes of zeros: the same block of the code, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = image(rows=30_000, columns=30_000) + tag(0x7FE00010) + b"OW\0\0" + struct.pack("<I", 1_800_000_000)
    begin = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    return begin + 128 * block + packer.flush()


def read(data: bytes) -> tuple[Instance, "np.ndarray[tuple[int, ...], np.dtype[np.generic]]"]:
    instance = parse_instance(data)
    return instance, decode_frame(instance, data)


LIES: dict[str, tuple[Callable[[], bytes], str]] = {
    "no pixel data behind the header": (lambda: file(image()), "pixel data are missing"),
    "a header that ends before the image": (lambda: file(image()[:60]), "pixel data are missing|ends early"),
    "gigabytes promised": (lambda: file(image(rows=65535, columns=65535) + pixels()), "65535 × 65535|don't hold frame"),
    "no rows": (lambda: file(image(rows=0) + pixels()), "how many rows and columns"),
    "a pixel data element longer than the file": (lambda: file(image() + pixels(length=4000)), "end early"),
    "less than a frame": (lambda: file(image() + pixels(bytes(100))), "don't hold frame 1"),
    "minus three frames": (lambda: file(image(frames=b"-3") + pixels()), "promises -3 frames"),
    "ten million frames": (lambda: file(image(frames=b"10000000") + pixels()), "promises 10000000 frames"),
    "frames beyond counting": (lambda: file(image(frames=b"1e300") + pixels()), r"promises 1e\+300 frames$"),
    "more bits stored than allocated": (lambda: file(image(allocated=8, stored=12) + pixels()), "contradict"),
    "native pixels called JPEG": (lambda: file(image() + pixels(), JPEG), "JPEG|encapsulated|decode"),
    "native pixels called RLE": (lambda: file(image() + pixels(), RLE), "RLE|encapsulated|decode"),
    "fragments called native": (
        lambda: file(image() + undefined(0x7FE00010, b"OB", EMPTY_ITEM + ITEM + struct.pack("<I", 4) + b"abcd")),
        "the transfer syntax says they are not",
    ),
    "fragments beyond the end": (
        lambda: file(
            image() + tag(0x7FE00010) + b"OB\0\0" + UNDEFINED + EMPTY_ITEM + ITEM + b"\0\0\0\x70abcd", JPEG_LS
        ),
        "end early",
    ),
    "no fragments": (lambda: file(image() + undefined(0x7FE00010, b"OB", EMPTY_ITEM), JPEG_LS), "frame 1"),
    "millions of empty elements": (
        lambda: file(image() + b"".join(tag(0x00290000 + i) + b"LO\0\0" for i in range(2_100_000))),
        "too many elements",
    ),
    "a million items": (lambda: file(image() + groups(EMPTY_ITEM * 1_000_000) + pixels()), "too many elements"),
    "a million open items": (lambda: file(image() + groups(OPEN_ITEM * 500_000) + pixels()), "too many elements"),
    "a million items of known length": (
        lambda: file(image() + groups(EMPTY_ITEM * 1_000_000, known=True) + pixels()),
        "too many elements",
    ),
    "sequences three thousand deep": (lambda: file(image() + nested(3000) + pixels()), "nested too deeply"),
    "a sequence that never ends": (
        lambda: file(image() + tag(0x00081140) + b"SQ\0\0" + UNDEFINED + ITEM + UNDEFINED),
        "the header ends early",
    ),
    "two megabytes that inflate to two gigabytes": (lambda: file(bomb(), DEFLATED), "no bounds"),
    "a deflated data set without an end": (
        lambda: file(deflated(image() + pixels(bytes(1 << 16)))[:-9], DEFLATED),
        "has no end",
    ),
    "deflate that is none": (lambda: file(b"\xff" * 64, DEFLATED), "does not inflate"),
    "a million empty fragments": (
        lambda: file(image() + undefined(0x7FE00010, b"OB", EMPTY_ITEM * 1_000_000), JPEG_LS),
        "frame 1",
    ),
    "nothing behind the meta group": (lambda: file(b""), "nothing behind"),
}


@pytest.mark.parametrize("lie", sorted(LIES))
def test_a_lying_object_is_refused_with_its_reason_within_five_seconds(lie: str) -> None:
    make, reason = LIES[lie]
    data = make()
    begun = time.thread_time()
    with pytest.raises(UnreadableObject, match=reason) as refused:
        read(data)
    assert time.thread_time() - begun < 5
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


HUNGRY = ("a million items", "millions of empty elements", "two megabytes that inflate to two gigabytes")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to a limit of address space")
def test_no_lying_object_takes_a_gigabyte() -> None:
    """The hungriest of them in one process that may take no more."""
    code = f"""
import resource, runpy, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
module = runpy.run_path({__file__!r})
made = [module["LIES"][lie][0]() for lie in {HUNGRY!r}]
mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + (1 << 30), resource.RLIM_INFINITY))
for data in made:
    try:
        module["read"](data)
    except module["UnreadableObject"] as error:
        assert "MemoryError" not in str(error), error
print("all")
"""
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=env)
    assert done.stdout == "all\n", done.stderr


@pytest.mark.parametrize("kind", ["explicit", "deflated", "jpeg_ls", "sequences"])
def test_an_image_cut_at_any_byte_is_refused_or_whole(kind: str) -> None:
    head = image()
    if kind == "explicit":
        data = file(head + pixels())
    elif kind == "deflated":
        data = file(deflated(head + pixels()), DEFLATED)
    elif kind == "sequences":
        inside = ITEM + UNDEFINED + element(0x00081155, b"UI", b"1.2.3.4") + ITEM_END
        data = file(element(0x00080005, b"CS", b"ISO_IR 100") + undefined(0x00081140, b"SQ", inside) + head + pixels())
    else:
        imagecodecs = pytest.importorskip("imagecodecs")
        stream = imagecodecs.jpegls_encode(VALUES)
        stream += b"\0" * (len(stream) % 2)
        fragments = EMPTY_ITEM + ITEM + struct.pack("<I", len(stream)) + stream
        data = file(head + undefined(0x7FE00010, b"OB", fragments), JPEG_LS)
    np.testing.assert_array_equal(read(data)[1], VALUES)
    for length in range(len(data)):
        try:
            _instance, values = read(data[:length])
        except UnreadableObject:
            continue
        np.testing.assert_array_equal(values, VALUES)
        # only the delimiter behind all fragments may be missing
        assert kind == "jpeg_ls"
        assert length >= len(data) - 8


def test_the_reasons_tell_a_cut_from_damage_and_advise_to_retrieve_again() -> None:
    with pytest.raises(UnreadableObject) as cut:
        parse_instance(file(image()))
    assert str(cut.value) == "Truncated DICOM object: the pixel data are missing. Retrieve it again."


def test_objects_that_are_no_images_need_no_pixel_data() -> None:
    body = element(0x00080016, b"UI", SR) + element(0x00080018, b"UI", b"1.2.3")
    assert not parse_instance(file(body)).has_pixels


def test_pixel_data_on_another_server_are_named_as_such() -> None:
    with pytest.raises(UnreadableObject, match="on a server of their own"):
        parse_instance(file(image() + element(0x00287FE0, b"UT", b"http://example.org/jpip")))


@pytest.mark.parametrize("depth", [1, 20])
def test_sequences_as_deep_as_real_ones_are_read(depth: int) -> None:
    header = open_part10(file(nested(depth))).header
    for _ in range(depth):
        header = next(header.items(0x0040A730))
    assert next(header.items(0x0040A730), None) is None


def test_three_thousand_frames_with_their_groups_stay_within_the_allowance() -> None:
    position = element(0x00200032, b"DS", b"1\\2\\3")
    plane = element(0x00209113, b"SQ", ITEM + struct.pack("<I", len(position)) + position)
    item = ITEM + struct.pack("<I", len(plane)) + plane
    body = image(rows=2, columns=2, frames=b"3000") + groups(item * 3000, known=True)
    instance = parse_instance(file(body + pixels(bytes(24_000))))
    assert (instance.number_of_frames, instance.frame(2_999).position) == (3000, (1.0, 2.0, 3.0))


@pytest.mark.parametrize("items", [1, 5])
def test_functional_groups_of_fewer_or_more_frames_than_there_are_move_no_frame(items: int) -> None:
    """The groups that are there count for their frames; the others have no position, and none is made up."""
    made = []
    for k in range(items):
        position = element(0x00200032, b"DS", f"0\\0\\{k}".encode())
        plane = element(0x00209113, b"SQ", ITEM + struct.pack("<I", len(position)) + position)
        made.append(ITEM + struct.pack("<I", len(plane)) + plane)
    data = file(image(frames=b"3") + groups(b"".join(made), known=True) + pixels(np.arange(192, dtype="<u2").tobytes()))
    instance = parse_instance(data)
    assert sum(len(stack.frames) for stack in build_stacks([instance])) == 3
    for k in range(3):
        assert int(decode_frame(instance, data, k)[0, 0]) == 64 * k
        if len(instance.frames) > 1 and k >= items:
            assert instance.frames[k].position is None


def test_a_promise_of_more_frames_than_there_are_refuses_only_those() -> None:
    data = file(image(frames=b"3") + pixels(np.arange(128, dtype="<u2").tobytes()))
    instance = parse_instance(data)
    assert int(decode_frame(instance, data, 1)[0, 0]) == 64
    with pytest.raises(UnreadableObject, match="frame 3"):
        decode_frame(instance, data, 2)


def test_a_sequence_of_unknown_vr_in_a_big_endian_file_is_read_past() -> None:
    """It is in implicit little endian also there (PS3.5 6.2.2, note); dcmtk reads such files, pydicom doesn't."""
    path = get_testdata_file("ExplVR_BigEnd.dcm", download=False)
    assert path is not None
    data = Path(str(path)).read_bytes()
    plain = parse_instance(data)
    at = data.index(b"\x00\x08\x00\x60CS")
    inside = tag(0x00081155) + struct.pack("<I", 8) + b"1.2.3.4\0"
    foreign = b"\x00\x08\x00\x5a" + b"UN\0\0" + UNDEFINED + ITEM + UNDEFINED + inside + ITEM_END + SEQUENCE_END
    changed = data[:at] + foreign + data[at:]
    instance = parse_instance(changed)
    assert (instance.rows, instance.modality, instance.study_uid) == (plain.rows, plain.modality, plain.study_uid)
    assert pydicom.uid.UID(instance.transfer_syntax_uid) == pydicom.uid.ExplicitVRBigEndian
    np.testing.assert_array_equal(decode_frame(instance, changed), decode_frame(plain, data))
