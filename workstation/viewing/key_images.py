"""Key images of an open case: which image, and the picture as the reader saw it."""

import base64
from typing import Any

from psygnal import Signal

from workstation.dicom.content import ImageReference, KeyImage
from workstation.dicom.lut import Window


class KeyImages:
    """In the order they were taken; a second picture of one image stands beside the first."""

    changed = Signal()

    def __init__(self) -> None:
        self._images: tuple[KeyImage, ...] = ()

    @property
    def images(self) -> tuple[KeyImage, ...]:
        return self._images

    def add(self, image: KeyImage) -> None:
        self._images = (*self._images, image)
        self.changed.emit()

    def remove(self, image: KeyImage) -> None:
        self._images = tuple(each for each in self._images if each is not image)
        self.changed.emit()

    def holds(self, reference: ImageReference) -> bool:
        return any(each.image == reference for each in self._images)

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {
                "image": vars(each.image),
                "picture_png": base64.b64encode(each.picture_png).decode("ascii"),
                "caption": each.caption,
                "window": None if each.window is None else vars(each.window),
            }
            for each in self._images
        ]

    def from_json(self, plain: list[dict[str, Any]]) -> None:
        """Take back what was kept. Raises KeyError, TypeError or ValueError for damaged input."""
        self._images = tuple(
            KeyImage(
                ImageReference(**each["image"]),
                base64.b64decode(each["picture_png"]),
                each.get("caption", ""),
                Window(**each["window"]) if each.get("window") else None,
            )
            for each in plain
        )
        self.changed.emit()
