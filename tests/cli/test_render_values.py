"""`render --raw`: modality values of every frame, exact, in a type that holds them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workstation import cli

FIELDS = [
    "path", "output", "status", "message", "sop_class", "transfer_syntax", "decoder", "frames", "shape", "units",
    "spacing", "spacing_source", "notes",
]  # fmt: skip


@pytest.fixture
def render(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    """`render(*words)` gives the exit status and the JSON lines."""

    def run(*words: str | Path) -> tuple[int, list[dict[str, Any]]]:
        capfd.readouterr()
        common = ["--language", "en", "render", "--json", "-o", str(tmp_path / "out")]
        status = cli.run([*common, *(str(word) for word in words)])
        return status, [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return run


def test_whole_slopes_keep_integers_and_the_line_says_all_fields(render: Any, images: Any, tmp_path: Path) -> None:
    stored = np.arange(12 * 9).reshape(12, 9) * 30
    path = images.saved(images.ct(stored), tmp_path / "one.dcm")
    status, (line,) = render(path, "--raw")
    values = np.load(line["output"])
    assert status == 0
    assert list(line) == FIELDS
    assert values.dtype == np.int16
    np.testing.assert_array_equal(values, (stored - 1024)[None])
    assert (line["path"], line["status"], line["message"]) == (str(path), "ok", "")
    assert (line["frames"], line["shape"], line["units"]) == (1, [1, 12, 9], "HU")
    assert (line["spacing"], line["spacing_source"]) == ([0.7, 0.7], "patient geometry")
    assert line["transfer_syntax"] == "1.2.840.10008.1.2.1"
    assert line["sop_class"] == "1.2.840.10008.5.1.4.1.1.2"


def test_an_identity_keeps_the_stored_type(render: Any, images: Any, tmp_path: Path) -> None:
    stored = np.arange(64).reshape(8, 8) * 1000
    ds = images.ct(stored, RescaleIntercept=0, BitsStored=16, HighBit=15)
    _status, (line,) = render(images.saved(ds, tmp_path / "one.dcm"), "--raw")
    assert np.load(line["output"]).dtype == np.uint16
    np.testing.assert_array_equal(np.load(line["output"])[0], stored)


def test_broken_slopes_are_double(render: Any, images: Any, tmp_path: Path) -> None:
    stored = np.arange(64).reshape(8, 8) * 60
    ds = images.ct(stored, RescaleSlope="0.000001", RescaleIntercept="0.25")
    _status, (line,) = render(images.saved(ds, tmp_path / "adc.dcm"), "--raw")
    values = np.load(line["output"])
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values[0], stored * 0.000001 + 0.25)


def test_each_frame_of_an_enhanced_object_has_its_own_slope(render: Any, images: Any, tmp_path: Path) -> None:
    stored = np.arange(3 * 6 * 5).reshape(3, 6, 5)
    path = images.saved(images.enhanced_mr(stored, [1, 2, 0.5], [0, -10, 100]), tmp_path / "mf.dcm")
    status, (line,) = render(path, "--raw")
    values = np.load(line["output"])
    assert (status, line["frames"], line["shape"]) == (0, 3, [3, 6, 5])
    np.testing.assert_array_equal(values, np.stack([stored[0], stored[1] * 2 - 10, stored[2] * 0.5 + 100]))
    _status, (second,) = render(path, "--raw", "--frame", "2")
    assert second["shape"] == [1, 6, 5]
    np.testing.assert_array_equal(np.load(second["output"])[0], stored[1] * 2 - 10)


def test_a_frame_that_is_not_there_is_refused(render: Any, images: Any, tmp_path: Path) -> None:
    path = images.saved(images.ct(np.zeros((4, 4))), tmp_path / "one.dcm")
    status, (line,) = render(path, "--raw", "--frame", "2")
    assert (status, line["status"], line["output"]) == (1, "refused", None)
    assert "no frame 2" in line["message"]


def test_a_modality_table_takes_the_place_of_the_slope(render: Any, images: Any, tmp_path: Path) -> None:
    from pydicom.dataset import Dataset

    table = Dataset()
    table.add_new(0x00283002, "US", [4, 10, 16])
    table.ModalityLUTType = "US"
    table.add_new(0x00283006, "US", [7, 300, 5000, 65535])
    ds = images.ct(np.array([[0, 10], [12, 99]]), ModalityLUTSequence=[table])
    _status, (line,) = render(images.saved(ds, tmp_path / "table.dcm"), "--raw")
    # values below the first entry take it, those above the last that one (PS3.3 C.11.1.1)
    np.testing.assert_array_equal(np.load(line["output"])[0], [[7, 7], [5000, 65535]])


def test_a_palette_is_expanded_to_rgb(render: Any, images: Any, tmp_path: Path) -> None:
    ds = images.ct(
        np.array([[0, 1], [2, 1]]), PhotometricInterpretation="PALETTE COLOR", BitsAllocated=8, BitsStored=8, HighBit=7
    )
    ds.PixelData = bytes([0, 1, 2, 1])
    for number, entries in enumerate(((255, 0, 10), (0, 255, 20), (7, 8, 9)), 1):
        ds.add_new(0x00281100 + number, "US", [3, 0, 8])
        ds.add_new(0x00281200 + number, "OW", bytes(entries) + b"\0")
    _status, (line,) = render(images.saved(ds, tmp_path / "palette.dcm"), "--raw")
    values = np.load(line["output"])
    assert (values.dtype, values.shape) == (np.uint8, (1, 2, 2, 3))
    assert values[0].tolist() == [[[255, 0, 7], [0, 255, 8]], [[10, 20, 9], [0, 255, 8]]]


def test_a_folder_goes_on_behind_a_broken_file(render: Any, images: Any, tmp_path: Path) -> None:
    folder = tmp_path / "Смирнова Ольга 77-1"
    images.saved(images.ct(np.zeros((4, 4))), folder / "a.dcm")
    whole = (folder / "a.dcm").read_bytes()
    (folder / "b.dcm").write_bytes(whole[:-10])
    (folder / "c.dcm").write_bytes(b"")
    (folder / "d.txt").write_text("a letter", encoding="utf-8")
    sr = images.ct(np.zeros((4, 4)), SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    del sr.PixelData, sr.Rows, sr.Columns
    images.saved(sr, folder / "deeper" / "e.dcm")
    images.saved(images.ct(np.ones((4, 4))), folder / "f.dcm")
    status, lines = render(folder, "--raw")
    assert status == 1
    told = {Path(line["path"]).name: line["status"] for line in lines}
    assert told == {
        "a.dcm": "ok", "b.dcm": "unreadable", "c.dcm": "unreadable", "d.txt": "unreadable",
        "e.dcm": "refused", "f.dcm": "ok",
    }  # fmt: skip
    assert all(bool(line["message"]) == (line["status"] != "ok") for line in lines)
    assert all("\n" not in line["message"] for line in lines)
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(made) == 2
    # neither the name of a file or folder nor one of the header
    assert all(set(name) <= set("0123456789._") for name in (Path(name).stem for name in made))


def test_a_frame_that_ends_early_leaves_no_file_behind(render: Any, images: Any, tmp_path: Path) -> None:
    stored = np.arange(3 * 6 * 5).reshape(3, 6, 5)
    ds = images.enhanced_mr(stored, [1, 1, 1], [0, 0, 0])
    ds.PixelData = ds.PixelData[: 2 * 60 + 10]
    status, (line,) = render(images.saved(ds, tmp_path / "short.dcm"), "--raw")
    assert (status, line["status"], line["output"]) == (1, "unreadable", None)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_pydicom_remarks_on_a_header_is_not_quoted_on_the_terminal(run: Any, images: Any, tmp_path: Path) -> None:
    path = images.saved(images.ct(np.zeros((4, 4)), PatientName="Smirnova"), tmp_path / "odd.dcm")
    # pydicom says in a warning what it makes of such a character set, and quotes it
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 192", b"ISO-IR 100"))
    done = run("render", path)
    assert (done.returncode, done.stderr) == (0, "")


def test_colour_of_few_bits_keeps_its_stored_values(render: Any, images: Any, tmp_path: Path) -> None:
    stored = np.arange(4 * 4 * 3).reshape(4, 4, 3) % 64
    ds = images.ct(
        np.zeros((4, 4)), SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0,
        BitsAllocated=8, BitsStored=6, HighBit=5,
    )  # fmt: skip
    ds.PixelData = stored.astype(np.uint8).tobytes()
    _status, (line,) = render(images.saved(ds, tmp_path / "six.dcm"), "--raw")
    np.testing.assert_array_equal(np.load(line["output"])[0], stored)
