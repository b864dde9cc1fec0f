"""A CT of one ball of known size in air, straight or with a tilted gantry: headers as values, pixels as raw bytes."""

from dataclasses import dataclass

import numpy as np

from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.instance import Instance, PixelDescription
from workstation.dicom.lut import Window

INSIDE, OUTSIDE = 100, -800


@dataclass(frozen=True)
class BallSeries:
    """Instances, their bytes by SOP Instance UID, and the truth: centre and radius of the ball in LPS mm."""

    instances: list[Instance]
    data: dict[str, bytes]
    centre: tuple[float, float, float]
    radius: float


def ball_series(
    uid: str = "1.2.826.0.1.3680043.10.1",
    *,
    slices: int = 40,
    side: int = 96,
    pixel_mm: float = 1.0,
    step_mm: float = 2.0,
    tilt_degrees: float = 0.0,
    radius: float = 12.0,
    frame_of_reference_uid: str | None = None,
    origin: tuple[float, float, float] = (-40.0, -30.0, 100.0),
    patient_id: str = "P-1",
    study_date: str = "20260110",
    windows: tuple[Window, ...] = (),
    located: bool = True,
) -> BallSeries:
    """Slices of a table that moves along z; a tilt leans them about the x axis, which shears the stack."""
    angle = np.deg2rad(tilt_degrees)
    row, column = np.array([1.0, 0, 0]), np.array([0, np.cos(angle), np.sin(angle)])
    first = np.array(origin)
    middle = first + (row + column) * pixel_mm * (side - 1) / 2 + np.array([0, 0, step_mm * (slices - 1) / 2])
    steps = np.arange(side) * pixel_mm
    grid = steps[None, :, None] * row + steps[:, None, None] * column
    instances, data = [], {}
    for number in range(slices):
        position = first + np.array([0, 0, step_mm * number])
        away = np.linalg.norm(grid + position - middle, axis=2)
        part = np.clip(radius - away + 0.5, 0, 1)
        stored = np.round(OUTSIDE + part * (INSIDE - OUTSIDE) + 1024).astype("<u2")
        sop = f"{uid}.2.{number + 1}"
        data[sop] = stored.tobytes()
        geometry = FrameGeometry(
            position=tuple(float(value) for value in position) if located else None,
            orientation=tuple(float(value) for value in (*row, *column)) if located else None,
            pixel_spacing=(pixel_mm, pixel_mm) if located else None,
            slice_thickness=step_mm,
            intercept=-1024.0,
            rescale_type="HU",
            windows=windows,
        )
        instances.append(
            Instance(
                study_uid=f"{uid}.1",
                series_uid=f"{uid}.2",
                sop_instance_uid=sop,
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                modality="CT",
                patient=Patient("Ball^Test", patient_id, birth_date="19700101", sex="F"),
                study=StudyHeader(f"{uid}.1", study_date, description="Ball", modality="CT"),
                series_number=2,
                instance_number=number + 1,
                series_description="Ball 2 mm",
                image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
                rows=side,
                columns=side,
                number_of_frames=1,
                pixels=PixelDescription(1, "MONOCHROME2", 16, 12, 11, False),
                frame_offsets=(((0, len(data[sop])),),),
                frames=(geometry,),
                frame_of_reference_uid=f"{uid}.3" if frame_of_reference_uid is None else frame_of_reference_uid,
                units="HU",
            )
        )
    return BallSeries(instances, data, (float(middle[0]), float(middle[1]), float(middle[2])), radius)
