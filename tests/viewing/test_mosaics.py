"""Slices of a Siemens mosaic in the reading room: where they are, what is written about them, and what others point at.

nibabel says where the voxels of a mosaic stand; a ball is put there by its matrix, and looked for in reformats.
"""

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from tests.mosaics import dicomwrappers, file, lps_of_nibabel, mosaic, tiles_of
from tests.presentation_states import presentation
from workstation.dicom.content import Conclusion, ImageReference
from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.dicom.sr_tree import Place
from workstation.dicom.tid1500 import write_measurements
from workstation.imaging.plane import orthogonal
from workstation.imaging.reslice import reslice
from workstation.imaging.volume import Volume
from workstation.viewing import loading
from workstation.viewing.reading_session import ReadingSession

COUNT, ROWS, COLUMNS = 31, 44, 56
RADIUS = 9.0


@dataclass
class Study:
    instances: list[Instance]
    data: dict[str, bytes]


def affine_of(ds: Dataset) -> NDArray[np.float64]:
    """(column, row, tile) to LPS by nibabel."""
    return lps_of_nibabel(dicomwrappers.wrapper_from_data(pydicom.dcmread(io.BytesIO(file(ds)))))


def ball(sign: int) -> tuple[bytes, NDArray[np.float64]]:
    """A mosaic with a ball off its middle, and the ball's centre."""
    empty = np.zeros((COUNT, ROWS, COLUMNS), np.uint16)
    affine = affine_of(mosaic(empty, sign=sign))
    k, j, i = np.indices(empty.shape)
    points = (
        np.einsum("ab,bkji->akji", affine[:3, :3], np.stack([i, j, k]).astype(float)) + affine[:3, 3, None, None, None]
    )
    centre = (affine @ [20.3, 27.6, 11.4, 1.0])[:3]
    away = np.linalg.norm(points - centre[:, None, None, None], axis=0)
    # a soft edge, so that the centre of gravity is exact between voxels
    tiles = np.rint(1000 * np.clip(1 - away / (2 * RADIUS), 0, 1)).astype(np.uint16)
    return file(mosaic(tiles, sign=sign)), centre


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", ["axial", "coronal", "sagittal"])
def test_a_ball_in_a_tilted_mosaic_is_in_its_place_in_every_reformat(kind: Any, sign: int) -> None:
    data, centre = ball(sign)
    instance = parse_instance(data)
    (stack,) = build_stacks([instance])
    volume = Volume.of_stack(stack)
    for k, ref in enumerate(stack.frames):
        volume.put(stack.index_of(k), decode_frame(instance, data, ref.frame))
    plane = orthogonal(kind, volume, 160, 160, centre=tuple(centre), spacing_mm=0.5)
    cut = reslice(volume, plane)
    values = np.where(cut.inside, cut.values, 0).astype(float)
    y, x = np.indices(values.shape)
    found = plane.pixel_to_lps((values * x).sum() / values.sum(), (values * y).sum() / values.sum())
    assert np.linalg.norm(np.array(found) - centre) < 0.2
    assert values.max() > 850


@pytest.fixture
def stored() -> Dataset:
    return mosaic(tiles_of(7, 24, 20), sign=-1)


@pytest.fixture
def session(desk: Any, stored: Dataset) -> ReadingSession:
    data = file(stored)
    session: ReadingSession = desk.open(Study([parse_instance(data)], {"1.7.1": data}))
    desk.settle(session)
    return session


def sheet_of(ds: Dataset) -> NDArray[np.uint16]:
    return np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)


def test_a_mosaic_is_decoded_once_for_all_its_tiles(
    desk: Any, stored: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    true = loading.decode_mosaic
    monkeypatch.setattr(loading, "decode_mosaic", lambda *given: decoded.append(1) or true(*given))
    data = file(stored)
    session = desk.open(Study([parse_instance(data)], {"1.7.1": data}))
    desk.settle(session)
    (stack,) = session.case.stacks
    loader = session.case.loader(stack.key)
    assert loader.loaded_count == 7
    assert decoded == [1]
    for k in range(7):
        source = loader.source(k)
        assert source is not None
        tile = stack.stack.frames[k].frame
        assert np.array_equal(source.array[loader.index(k)], tiles_of(7, 24, 20)[tile])


@pytest.mark.parametrize("tile", range(7))
def test_what_is_measured_on_a_tile_is_written_in_pixels_of_the_stored_mosaic(
    session: ReadingSession, stored: Dataset, conclusion: Conclusion, tile: int
) -> None:
    (stack,) = session.case.stacks
    affine = affine_of(stored)
    ends = [(affine @ [column, row, tile, 1.0])[:3] for column, row in ((3, 5), (13, 15))]
    k = stack.nearest(tuple(ends[0]))
    assert stack.stack.frames[k].frame == tile

    length = session.annotations.draw(0, "length", tuple(tuple(map(float, end)) for end in ends))
    session.annotations.drop()
    spot = session.annotations.draw(0, "point", (tuple(map(float, ends[0])),))
    session.annotations.drop()
    assert length is not None
    assert spot is not None
    # millimetres by nibabel's matrix; the value is that of the stored pixel the coordinates are in
    assert length.quantities[0].value == pytest.approx(float(np.linalg.norm(ends[1] - ends[0])), abs=1e-3)
    column, row = spot.points_px[0]
    assert spot.quantities[0].value == sheet_of(stored)[int(row), int(column)] == tiles_of(7, 24, 20)[tile, 5, 3]
    written = pydicom.dcmread(io.BytesIO(write_measurements(replace(conclusion, measurements=(length.to_content(),)))))
    graphics = [item for item in written.iterall() if item.keyword == "GraphicData"]
    left, top = tile % 3 * 20, tile // 3 * 24
    assert list(graphics[0].value) == pytest.approx([left + 3.5, top + 5.5, left + 13.5, top + 15.5], abs=1e-3)
    references = [item for item in written.iterall() if item.keyword == "ReferencedSOPInstanceUID"]
    assert "1.7.1" in {item.value for item in references}
    assert not [item for item in written.iterall() if item.keyword == "ReferencedFrameNumber"]


@pytest.mark.parametrize("tile", [0, 4, 6])
def test_a_graphic_of_others_on_the_mosaic_is_on_the_tile_it_was_drawn_on(
    session: ReadingSession, stored: Dataset, tile: int
) -> None:
    left, top = tile % 3 * 20, tile // 3 * 24
    points = ((left + 0.0, top + 0.0), (left + 20.0, top + 12.5))
    place = Place(ImageReference("", "", "", "1.7.1"), (), "POLYLINE", points_px=points)
    found = session.case.finder().find(place)
    assert found is not None
    stack = session.case.stack(found.stack)
    assert stack is not None
    assert stack.stack.frames[found.index].frame == tile
    expected = [(affine_of(stored) @ [x, y, tile, 1.0])[:3] for x, y in ((-0.5, -0.5), (19.5, 12.0))]
    assert np.allclose(found.points, expected, atol=1e-3)


@pytest.mark.parametrize("points", [((5.0, 5.0), (35.0, 5.0)), ((45.0, 60.0), (46.0, 61.0)), ((-9.0, 1.0),)])
def test_a_graphic_across_tiles_or_on_none_leads_to_the_image_without_it(
    session: ReadingSession, points: tuple[tuple[float, float], ...]
) -> None:
    found = session.case.finder().find(Place(ImageReference("", "", "", "1.7.1"), (), "POLYLINE", points_px=points))
    assert found is not None
    assert found.points == ()


def test_a_reference_to_a_frame_that_the_stored_image_does_not_have_leads_nowhere(session: ReadingSession) -> None:
    finder = session.case.finder()
    assert finder.find(Place(ImageReference("", "", "", "1.7.1"), (2,))) is None
    assert finder.find(Place(ImageReference("", "", "", "1.7.1"), (1,))) is not None


def test_a_key_image_of_a_tile_names_the_mosaic(session: ReadingSession) -> None:
    (stack,) = session.case.stacks
    assert {stack.reference(k) for k in range(7)} == {stack.first.reference()}


def test_a_presentation_state_of_the_mosaic_is_told_and_not_put_on_its_slices(desk: Any, stored: Dataset) -> None:
    for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate"):
        setattr(stored, name, "")
    data = {"1.7.1": file(stored)}
    state = file(presentation(stored))
    instance = parse_instance(state)
    data[instance.sop_instance_uid] = state
    session = desk.open(Study([parse_instance(data["1.7.1"]), instance], data))
    desk.settle(session)
    (stack,) = session.case.stacks
    presentations = session.case.presentations
    for k in range(7):
        (offered,) = presentations.offered(stack, k)
        assert "whole mosaic" in offered.refusal
        assert presentations.in_force(instance.sop_instance_uid, stack, k) is None
