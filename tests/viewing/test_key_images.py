"""Key images of an open case are kept with the window they were seen in."""

from tests.sample_conclusion import sample_conclusion
from workstation.dicom.content import KeyImage
from workstation.dicom.lut import Window
from workstation.viewing.key_images import KeyImages


def test_a_kept_key_image_comes_back_with_its_window() -> None:
    image = sample_conclusion().key_images[0].image
    kept = (
        KeyImage(image, b"\x89PNG", "Очаг", Window(-600.0, 1500.0, "SIGMOID", "LUNG")),
        KeyImage(image, b"\x89PNG"),
    )
    first, second = KeyImages(), KeyImages()
    for one in kept:
        first.add(one)
    second.from_json(first.to_json())
    assert second.images == kept


def test_a_draft_of_an_older_version_has_key_images_without_a_window() -> None:
    older = KeyImages()
    older.add(KeyImage(sample_conclusion().key_images[0].image, b"\x89PNG", "Очаг"))
    plain = [{name: value for name, value in one.items() if name != "window"} for one in older.to_json()]
    read = KeyImages()
    read.from_json(plain)
    assert read.images == older.images
