"""Direction cosines made exact: the axes of a slice in the patient.

Image Orientation (Patient) is written with few digits, so its two vectors are only about perpendicular and of about
unit length (PS3.3 C.7.6.2.1.1).
"""

import numpy as np
from numpy.typing import NDArray


def orthonormal(orientation: tuple[float, ...] | None) -> NDArray[np.float64] | None:
    """Row direction, column direction and normal as rows of a 3×3 array; None where the cosines are no right angle.

    Cosines rounded to few digits are straightened; more than 1 % from unit length or from perpendicular is refused.
    """
    if orientation is None:
        return None
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if abs(lengths[0] - 1) > 0.01 or abs(lengths[1] - 1) > 0.01 or abs(float(row @ column)) > 0.01:
        return None
    row = row / lengths[0]
    column = column - row * float(row @ column)
    column = column / np.linalg.norm(column)
    return np.stack([row, column, np.cross(row, column)])
