"""`render` without `--raw`: what the viewport shows, as a PNG; and planes through volumes whose truth is known."""

import json
import queue
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from workstation import cli, secrets
from workstation.archive.archive import Archive
from workstation.dicom.parsing import parse_instance
from workstation.jobs import Workers
from workstation.viewing.open_case import OpenCase
from workstation.viewing.picture import Picture
from workstation.viewing.viewports import Viewports

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def render(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    """`render(*words)` gives the JSON lines of a run."""

    def run(*words: str | Path) -> list[dict[str, Any]]:
        capfd.readouterr()
        common = ["--language", "en", "render", "--json", "-o", str(tmp_path / "out")]
        cli.run([*common, *(str(word) for word in words)])
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return run


def shown(path: Path, width: int, height: int) -> Picture:
    """What a viewport of that size shows when it opens the file."""
    data = path.read_bytes()
    workers, work = Workers(), queue.Queue[Callable[[], None]]()
    case = OpenCase([parse_instance(data)], [], lambda _uid: data, workers, work.put)
    try:
        views = Viewports(case, workers, work.put)
        views.resize(0, width, height)
        views.place(0, case.stacks[0])
        while views[0].picture is None or views[0].picture.missing or views.awaits(0):
            work.get(timeout=10)()
        return views[0].picture
    finally:
        case.close()
        workers.close()


def test_a_window_is_the_linear_function_of_the_standard(render: Any, images: Any, tmp_path: Path) -> None:
    stored = np.array([[0, 823, 824, 864, 865], [1063, 1064, 1263, 1264, 4095]])
    path = images.saved(images.ct(stored), tmp_path / "one.dcm")
    (line,) = render(path, "--window", "40", "400")
    # PS3.3 C.11.2.1.2.1 with c = 40, w = 400: at most c − 0.5 − (w − 1) / 2 = −160 is 0, above 239 is 255
    hu = stored - 1024
    wanted = np.where(hu <= -160, 0, np.where(hu > 239, 255, ((hu - 39.5) / 399 + 0.5) * 255))
    pixels = images.png_pixels(Path(line["output"]))
    assert np.abs(pixels - wanted).max() <= 0.5
    assert line["shape"] == [2, 5]


def test_a_negative_centre_needs_no_quotes(render: Any, images: Any, tmp_path: Path) -> None:
    path = images.saved(images.ct(np.array([[0, 424, 4000]])), tmp_path / "one.dcm")
    (line,) = render(path, "--window", "-600", "1")
    assert images.png_pixels(Path(line["output"])).tolist() == [[0, 255, 255]]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_picture_is_the_one_of_the_viewport(render: Any, images: Any, tmp_path: Path, photometric: str) -> None:
    stored = np.random.default_rng(5).integers(0, 4096, (40, 60))
    path = images.saved(images.ct(stored, PhotometricInterpretation=photometric), tmp_path / "one.dcm")
    (line,) = render(path)
    np.testing.assert_array_equal(images.png_pixels(Path(line["output"])), shown(path, 60, 40).pixels)
    (sized,) = render(path, "--size", "90x30")
    np.testing.assert_array_equal(images.png_pixels(Path(sized["output"])), shown(path, 90, 30).pixels)


@pytest.mark.parametrize("folder", ["xa_rf_us", "tg18", "mr_acr_phantom_ge_11", "petct_acrin_042"])
def test_real_images_look_as_in_the_viewport(render: Any, images: Any, shared_data: Path, folder: str) -> None:
    files = [path for path in sorted((shared_data / folder).rglob("*")) if path.is_file() and path.suffix != ".txt"]
    seen = 0
    for path in files[:3]:
        instance = parse_instance(path.read_bytes())
        if not instance.has_pixels or instance.number_of_frames > 8:
            continue
        (line,) = render(path, "--frame", "all", "--size", "300x200")
        assert line["status"] == "ok", line["message"]
        outputs = line["output"] if isinstance(line["output"], list) else [line["output"]]
        # a viewport opens the middle image of a stack; of one object with several stacks the first is taken
        if len(outputs) == 1:
            np.testing.assert_array_equal(images.png_pixels(Path(outputs[0])), shown(path, 300, 200).pixels)
            seen += 1
    assert seen


def test_oblong_pixels_are_shown_in_true_proportion(render: Any, images: Any, tmp_path: Path) -> None:
    path = images.saved(images.ct(np.arange(200).reshape(20, 10), PixelSpacing=[0.5, 1.0]), tmp_path / "one.dcm")
    (line,) = render(path)
    assert images.png_pixels(Path(line["output"])).shape == (20, 20)


def test_windows_of_the_file_are_chosen_by_explanation_or_number(render: Any, images: Any, tmp_path: Path) -> None:
    ds = images.ct(
        np.array([[1024, 1074]]),
        WindowCenter=[50, 0],
        WindowWidth=[1, 1000],
        WindowCenterWidthExplanation=["NARROW", "WIDE"],
    )
    path = images.saved(ds, tmp_path / "one.dcm")
    greys = {
        name: images.png_pixels(Path(render(path, *(("--voi", name) if name else ()))[0]["output"])).tolist()
        for name in ("", "narrow", "WIDE", "2")
    }
    assert greys[""] == greys["narrow"] == [[0, 255]]
    assert greys["WIDE"] == greys["2"] != greys["narrow"]
    (line,) = render(path, "--voi", "lungs")
    assert line["status"] == "refused"
    assert "1 NARROW, 2 WIDE" in line["message"]


def test_overlay_planes_are_white_and_told(render: Any, images: Any, tmp_path: Path) -> None:
    ds = images.ct(np.zeros((8, 8)))
    ds.add_new(0x60000010, "US", 4)
    ds.add_new(0x60000011, "US", 4)
    ds.add_new(0x60000040, "CS", "G")
    # 1-based: the first bit of the plane lies on the third row and the second column
    ds.add_new(0x60000050, "SS", [3, 2])
    ds.add_new(0x60000100, "US", 1)
    ds.add_new(0x60000102, "US", 0)
    ds.add_new(0x60003000, "OW", np.packbits(np.eye(4, dtype=np.uint8).ravel(), bitorder="little").tobytes())
    (line,) = render(images.saved(ds, tmp_path / "one.dcm"), "--window", "40", "400")
    wanted = np.zeros((8, 8), np.uint8)
    wanted[[2, 3, 4, 5], [1, 2, 3, 4]] = 255
    np.testing.assert_array_equal(images.png_pixels(Path(line["output"])), wanted)
    assert "overlay planes in white" in line["notes"]


def test_a_window_that_no_header_gave_is_told(render: Any, images: Any, tmp_path: Path) -> None:
    ds = images.ct(np.arange(100).reshape(10, 10), Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    (line,) = render(images.saved(ds, tmp_path / "one.dcm"))
    assert any("made from the pixels" in note for note in line["notes"])


@pytest.mark.parametrize(
    ("plane", "right", "down", "at", "axis"),
    [
        ("axial", (1, 0, 0), (0, 1, 0), 44.6, (0, 0, 1)),
        ("coronal", (1, 0, 0), (0, 0, -1), 9.3, (0, 1, 0)),
        ("sagittal", (0, 1, 0), (0, 0, -1), -7.2, (1, 0, 0)),
        ("oblique:1,0,0,0,0.8,0.6", (1, 0, 0), (0, 0.8, 0.6), 33.0, (0, -0.6, 0.8)),
    ],
)
def test_a_plane_through_a_ramp_shows_the_values_of_its_place(
    render: Any, images: Any, tmp_path: Path, plane: str, right: Any, down: Any, at: float, axis: Any
) -> None:
    images.ramp_series(tmp_path / "series")
    (line,) = render(tmp_path / "series", "--raw", "--plane", plane, "--at", at)
    values = np.load(line["output"])[0]
    assert line["spacing"] == [0.5, 0.5]
    real = np.isfinite(values)
    assert real.sum() > 100
    # a linear field is met exactly by linear interpolation: along the picture it rises by what the directions say
    field = np.array([3.0, 5.0, 7.0])
    rows, columns = np.nonzero(real)
    fitted = np.column_stack([columns, rows, np.ones(len(rows))])
    (per_column, per_row, start), *_rest = np.linalg.lstsq(fitted, values[real], rcond=None)
    assert per_column == pytest.approx(0.5 * field @ right, abs=0.01)
    assert per_row == pytest.approx(0.5 * field @ down, abs=0.01)
    # and where it stands along the axis follows from the value: the field has one value for each place
    height, width = values.shape
    middle = np.array([-10 + 0.5 * 7.5, 4 + 0.8 * 9.5, 30 + 1.5 * 11.5])
    wanted = middle + (at - middle @ axis) * np.array(axis, dtype=float)
    assert start + per_column * (width - 1) / 2 + per_row * (height - 1) / 2 == pytest.approx(field @ wanted, abs=0.5)


def test_planes_across_uneven_slices_keep_true_distances(render: Any, images: Any, tmp_path: Path) -> None:
    heights = [30.0, 31.0, 32.0, 34.5, 36.0, 37.0, 39.5, 40.5, 42.0, 43.0]
    images.ramp_series(tmp_path / "series", heights=heights)
    (line,) = render(tmp_path / "series", "--raw", "--plane", "coronal", "--at", "12")
    values = np.load(line["output"])[0]
    column = values[:, values.shape[1] // 2]
    column = column[np.isfinite(column)]
    # 7 HU a millimetre upwards, half a millimetre a row; within half a slice of the ends the end slice goes on
    steps = -np.diff(column[3:-3])
    assert len(steps) > 15
    assert steps == pytest.approx(3.5, abs=0.3)


def test_a_slab_is_the_mean_or_the_greatest_of_its_thickness(render: Any, images: Any, tmp_path: Path) -> None:
    images.ramp_series(tmp_path / "series", value_per_mm=(0, 0, 10))
    words = (tmp_path / "series", "--raw", "--plane", "axial", "--at", "45")
    thin, mean, most = (
        float(np.nanmean(np.load(render(*words, *more)[0]["output"])))
        for more in ((), ("--slab", "6"), ("--slab", "6", "--mode", "mip"))
    )
    assert thin == pytest.approx(450, abs=0.1)
    assert mean == pytest.approx(450, abs=0.1)
    # the samples of a slab of 6 mm stand for 1.5 mm each: the last one lies 2.25 mm above the plane
    assert 470 <= most <= 480


def test_a_plane_beside_the_volume_is_refused_with_its_reach(render: Any, images: Any, tmp_path: Path) -> None:
    images.ramp_series(tmp_path / "series")
    (line,) = render(tmp_path / "series", "--plane", "axial", "--at", "99")
    assert (line["status"], line["output"]) == ("refused", None)
    assert "from 30.00 to 64.50 mm" in line["message"]


def test_a_volume_beyond_the_memory_is_refused(
    render: Any, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.ramp_series(tmp_path / "series")
    monkeypatch.setattr("workstation.cli.rendering.machine_budget", lambda: 10_000)
    (line,) = render(tmp_path / "series", "--plane", "coronal")
    assert line["status"] == "refused"
    assert "memory" in line["message"]


def test_images_that_are_no_volume_are_refused_with_the_reason(render: Any, images: Any, tmp_path: Path) -> None:
    images.saved(images.ct(np.zeros((4, 4))), tmp_path / "one" / "a.dcm")
    (line,) = render(tmp_path / "one", "--plane", "coronal")
    assert line["status"] == "refused"
    assert "a single image" in line["message"]


def test_a_series_with_a_broken_slice_is_shown_and_says_so(render: Any, images: Any, tmp_path: Path) -> None:
    files = images.ramp_series(tmp_path / "series")
    files[3].write_bytes(files[3].read_bytes()[:300])
    broken, line = render(tmp_path / "series", "--plane", "coronal")
    assert (broken["status"], line["status"], line["frames"]) == ("unreadable", "ok", 23)
    assert Path(line["output"]).is_file()


def test_a_study_of_the_archive_is_rendered_by_its_uid(run: Run, images: Any, tiny: ModuleType, tmp_path: Path) -> None:
    passphrase, data = tmp_path / "passphrase.txt", tmp_path / "desk"
    passphrase.write_text("пароль архива\n", encoding="utf-8")
    series = tiny.ct_series(3)
    with Archive.open(data, secrets.open_key(data, lambda: "пароль архива", wrap="passphrase")) as archive:
        for one in series:
            archive.put(one)
    study = parse_instance(series[0]).study_uid
    done = run("--language", "en", "--data", data, "--passphrase-file", passphrase, "render", study, "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["path"].split("/")[0] for line in lines] == [study] * 3
    assert len(list(tmp_path.glob("000*.png"))) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("--at", "3"),
        ("--plane", "diagonal"),
        ("--plane", "oblique:1,0,0,1,0,0"),
        ("--plane", "axial", "--frame", "1"),
        ("--raw", "--window", "40", "400"),
        ("--window", "40", "0.5"),
        ("--window", "40", "400", "--voi", "x"),
        ("--frame", "0"),
        ("--size", "512"),
        ("--raw", "--size", "10x10"),
        ("--plane", "axial", "--slab", "-1"),
    ],
)
def test_options_that_contradict_are_wrong_usage(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.run(["--language", "en", "render", "x.dcm", *words])
    assert ended.value.code == 2
    assert "render: error:" in capsys.readouterr().err


def test_status_is_0_when_all_is_rendered_and_1_when_something_is_not(run: Run, images: Any, tmp_path: Path) -> None:
    images.saved(images.ct(np.zeros((4, 4))), tmp_path / "good.dcm")
    done = run("render", "good.dcm")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("good.dcm → ")
    both = run("render", "good.dcm", "absent.dcm")
    assert both.returncode == 1
    assert "absent.dcm: unreadable: The file can't be read: No such file or directory" in both.stdout
    assert both.stderr == ""


def test_help_is_russian_and_has_an_example(run: Run) -> None:
    done = run("--language", "ru", "render", "--help")
    assert done.returncode == 0
    assert "реконструкция каждого объёма" in done.stdout.replace("\n", " ")
    assert "Пример:" in done.stdout
