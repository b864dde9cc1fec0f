"""Objects that cost: frames that ruin their decoders are given up soon, and a deflated object is inflated once."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from tests.pixel_objects import image, smooth
from workstation.dicom import part10
from workstation.dicom.decoder_processes import DecoderLost
from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.viewing import loading
from workstation.viewing.loading import StackLoader
from workstation.viewing.stacks import ShownStack

FRAMES = 12


class AtOnce:
    """A lane that does its work when it is given."""

    def submit(self, _lane: Any, work: Any) -> None:
        work()


def cine(syntax: str) -> tuple[Instance, bytes, Any]:
    """Header, bytes as pydicom writes them, and the frames."""
    frames = np.stack([smooth(16, 16, 12) + np.uint16(k) for k in range(FRAMES)])
    ds = image(frames[0], frames.tobytes(), NumberOfFrames=FRAMES)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    stream = BytesIO()
    dcmwrite(stream, ds, enforce_file_format=True)
    return parse_instance(stream.getvalue()), stream.getvalue(), frames


def loaded(instance: Instance, data: bytes) -> StackLoader:
    (stack,) = build_stacks([instance])
    workers: Any = AtOnce()
    loader = StackLoader(ShownStack("", stack, instance.study), lambda _uid: data, workers, lambda work: work())
    loader.start()
    assert loader.finished
    return loader


def test_three_lost_decoders_are_enough_for_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    instance, data, _frames = cine(ExplicitVRLittleEndian)
    tried = []

    def hang(_instance: Instance, _data: bytes, frame: int) -> Any:
        tried.append(frame)
        raise DecoderLost("The picture can't be decoded", "the decoder took too long")

    monkeypatch.setattr(loading, "decode_frame", hang)
    reasons = sorted(loaded(instance, data).failures.values())
    assert len(tried) == 3
    given_up = "The picture can't be decoded: not tried: the decoder took too long, on several images of this object"
    assert reasons == 9 * [given_up] + 3 * ["The picture can't be decoded: the decoder took too long"]
    # asked for anew, it is tried anew
    loaded(instance, data)
    assert len(tried) == 6


def test_a_deflated_object_is_inflated_once_for_all_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    instance, data, frames = cine(DeflatedExplicitVRLittleEndian)
    inflations = []
    inflate = part10.inflate
    monkeypatch.setattr(part10, "inflate", lambda *given: inflations.append(1) or inflate(*given))
    loader = loaded(instance, data)
    assert len(inflations) == 1
    for k in range(FRAMES):
        sheet = loader.source(k)
        assert sheet is not None
        np.testing.assert_array_equal(sheet.array[loader.index(k)], frames[k])
