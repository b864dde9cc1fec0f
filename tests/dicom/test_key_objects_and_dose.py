"""Key object selections, rejection notes and dose reports of others, built item by item after PS3.16."""

import pytest
from pydicom.dataset import Dataset

from tests.document_objects import RDSR, coded, image, item, key_objects, number, word, written
from workstation.dicom.dose import dose_of
from workstation.dicom.instance import Instance
from workstation.dicom.key_objects import Rejection, key_objects_of
from workstation.dicom.parsing import parse_instance
from workstation.dicom.sr_tree import read_tree


def test_a_key_object_selection_reads_as_title_words_and_references_in_order() -> None:
    words = item("TEXT", coded("113012", "Key Object Description"), TextValue="See the liver")
    selection = key_objects_of(
        read_tree(key_objects("113000", "Of Interest", words, image("2.25.9", 4), image("2.25.8")))
    )
    assert selection.title is not None
    assert (selection.title.meaning, selection.words) == ("Of Interest", ("See the liver",))
    assert [(place.image.sop_instance_uid, place.frames) for place in selection.places] == [
        ("2.25.9", (4,)),
        ("2.25.8", ()),
    ]


@pytest.mark.parametrize("code", ["113001", "113037", "113038", "113039"])
def test_a_rejection_note_names_what_it_takes_out_of_sight(code: str) -> None:
    instance = parse_instance(key_objects(code, "whatever it is called", image("2.25.9"), image("2.25.8")))
    assert instance.rejection == Rejection(code, ("2.25.9", "2.25.8"))
    assert Instance.from_json(instance.to_json()) == instance


def test_other_selections_and_single_frames_reject_nothing() -> None:
    assert parse_instance(key_objects("113000", "Of Interest", image("2.25.9"))).rejection is None
    framed = parse_instance(key_objects("113001", "Rejected for Quality Reasons", image("2.25.9", 2), image("2.25.8")))
    assert framed.rejection == Rejection("113001", ("2.25.8",))


def test_a_ct_dose_report_gives_index_and_product_of_each_irradiation_and_the_total() -> None:
    def acquisition(protocol: str, ctdi: str, dlp: str) -> Dataset:
        dose = item(
            "CONTAINER",
            coded("113829", "CT Dose"),
            number("113830", "Mean CTDIvol", ctdi, "mGy"),
            number("113838", "DLP", dlp, "mGy.cm"),
        )
        return item(
            "CONTAINER",
            coded("113819", "CT Acquisition"),
            item("TEXT", coded("125203", "Acquisition Protocol"), TextValue=protocol),
            word("123014", "Target Region", "Chest"),
            word("113820", "CT Acquisition Type", "Spiral Acquisition"),
            dose,
        )

    scout = item(
        "CONTAINER",
        coded("113819", "CT Acquisition"),
        word("113820", "CT Acquisition Type", "Constant Angle Acquisition"),
    )
    total = item(
        "CONTAINER",
        coded("113811", "CT Accumulated Dose Data"),
        number("113812", "Total Number of Irradiation Events", "3", "{events}"),
        number("113813", "CT Dose Length Product Total", "612.4", "mGy.cm"),
    )
    report = read_tree(
        written(
            item(
                "CONTAINER",
                coded("113701", "X-Ray Radiation Dose Report"),
                total,
                scout,
                acquisition("Native", "5.31", "201.20"),
                acquisition("Venous", "10.9", "411.2"),
            ),
            RDSR,
        )
    )
    dose = dose_of(report)
    assert dose is not None
    assert [code.value for code in dose.columns] == ["113830", "113838"]
    assert [row.protocol for row in dose.irradiations] == ["", "Native", "Venous"]
    assert [(row.region, row.kind) for row in dose.irradiations[1:]] == [("Chest", "Spiral Acquisition")] * 2
    assert [[one and one.value for one in row.numbers] for row in dose.irradiations] == [
        [None, None],
        ["5.31", "201.20"],
        ["10.9", "411.2"],
    ]
    assert [(one.value, one.unit and one.unit.value) for _plane, one in dose.totals] == [
        ("3", "{events}"),
        ("612.4", "mGy.cm"),
    ]


def test_an_angiography_dose_report_gives_products_and_reference_point_doses_of_each_plane() -> None:
    def plane(name: str, product: str, air_kerma: str) -> Dataset:
        return item(
            "CONTAINER",
            coded("113702", "Accumulated X-Ray Dose Data"),
            word("113764", "Acquisition Plane", name),
            number("113722", "Dose Area Product Total", product, "Gy.m2"),
            number("113725", "Dose (RP) Total", air_kerma, "Gy"),
        )

    event = item(
        "CONTAINER",
        coded("113706", "Irradiation Event X-Ray Data"),
        word("113721", "Irradiation Event Type", "Fluoroscopy"),
        number("122130", "Dose Area Product", "0.00012", "Gy.m2"),
        number("113738", "Dose (RP)", "0.0051", "Gy"),
    )
    root = item(
        "CONTAINER",
        coded("113701", "Report"),
        plane("Plane A", "0.0021", "0.31"),
        plane("Plane B", "0.001", "0.2"),
        event,
    )
    dose = dose_of(read_tree(written(root, RDSR)))
    assert dose is not None
    assert [(name, one.name.value, one.value) for name, one in dose.totals] == [
        ("Plane A", "113722", "0.0021"),
        ("Plane A", "113725", "0.31"),
        ("Plane B", "113722", "0.001"),
        ("Plane B", "113725", "0.2"),
    ]
    (row,) = dose.irradiations
    assert (row.kind, [one and one.value for one in row.numbers]) == ("Fluoroscopy", ["0.00012", "0.0051"])


def test_a_report_without_dose_has_no_table() -> None:
    assert dose_of(read_tree(key_objects("113000", "Of Interest"))) is None
