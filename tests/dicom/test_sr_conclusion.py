"""The conclusion as TID 2000: its order, its references, and what DCMTK and dicom3tools make of it."""

import io
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts as concepts_of_the_standard

from workstation.dicom import concepts
from workstation.dicom.content import Code, Conclusion, ImageReference, Section, Statement
from workstation.dicom.sr import complete_sections, write_conclusion


def read(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


def all_items(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", ()):
        yield child
        yield from all_items(child)


def name(item: Dataset) -> tuple[str, str]:
    code = item.ConceptNameCodeSequence[0]
    return code.CodeValue, code.CodingSchemeDesignator


@pytest.fixture(scope="module")
def written(conclusion: Conclusion) -> Dataset:
    return read(write_conclusion(conclusion))


def test_every_concept_has_the_value_that_the_standard_gives_its_meaning() -> None:
    ours = [value for value in vars(concepts).values() if isinstance(value, Code)]
    ours += [*concepts.SEXES.values()]
    # our own scheme, and the two that PS3.16 only points to, are in no table
    ours = [code for code in ours if code.scheme not in {"99IRIS", "ASTM-sigpurpose"}]
    known = {
        (value, scheme, meaning.lower())
        for scheme, by_keyword in concepts_of_the_standard.items()
        for by_value in by_keyword.values()
        for value, (meaning, _groups) in by_value.items()
    }
    assert [code for code in ours if (code.value, code.scheme, code.meaning.lower()) not in known] == []


def test_rows_come_in_the_order_of_the_template(written: Dataset) -> None:
    top = written.ContentSequence
    relationships = [item.RelationshipType for item in top]
    assert relationships == sorted(relationships, key=["HAS CONCEPT MOD", "HAS OBS CONTEXT", "CONTAINS"].index)
    assert name(top[0]) == ("121049", "DCM")
    assert top[0].ConceptCodeSequence[0].CodeValue == "ru"
    context = [name(item)[0] for item in top if item.RelationshipType == "HAS OBS CONTEXT"]
    observer, procedure, subject = context.index("121005"), context.index("121018"), context.index("121024")
    assert observer < procedure < subject
    assert written.ContentTemplateSequence[0].TemplateIdentifier == "2000"


def test_the_patient_stands_inside_the_tree(written: Dataset) -> None:
    told = {name(item)[0]: item for item in written.ContentSequence if item.RelationshipType == "HAS OBS CONTEXT"}
    assert str(told["121029"].PersonName) == "Иванова^Мария^Петровна"
    assert told["121030"].TextValue == "77-000123"
    assert told["121031"].Date == "19650214"
    assert told["121032"].ConceptCodeSequence[0].CodeValue == "F"


def test_under_a_heading_stand_only_what_tid_2002_allows(written: Dataset) -> None:
    headings = [item for item in written.ContentSequence if item.ValueType == "CONTAINER"]
    for heading in headings:
        assert name(heading)[1] == "LN"
        for item in heading.ContentSequence:
            assert (item.RelationshipType, item.ValueType) in {
                ("CONTAINS", "TEXT"),
                ("CONTAINS", "CODE"),
                ("CONTAINS", "IMAGE"),
            }
            for source in item.get("ContentSequence", ()):
                assert source.RelationshipType == "INFERRED FROM"
                assert source.ValueType in {"NUM", "IMAGE"}


def test_a_finding_is_inferred_from_its_numbers_on_its_images(written: Dataset, conclusion: Conclusion) -> None:
    finding = next(item for item in all_items(written) if str(item.get("TextValue", "")).startswith("В S6"))
    on_slice, on_reformat, image = finding.ContentSequence
    measured = on_slice.MeasuredValueSequence[0]
    assert measured.FloatingPointValue == 7.213456789012
    assert measured.MeasurementUnitsCodeSequence[0].CodeValue == "mm"
    path = on_slice.ContentSequence[0]
    assert (path.ValueType, path.GraphicType, list(path.GraphicData)) == (
        "SCOORD",
        "POLYLINE",
        [210.25, 301.5, 219.75, 304.125],
    )
    assert path.ContentSequence[0].RelationshipType == "SELECTED FROM"
    assert on_reformat.ContentSequence[0].ValueType == "IMAGE"
    assert name(image) == ("121080", "DCM")
    assert (
        image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        == conclusion.measurements[0].anchor.image.sop_instance_uid
    )


def test_numbers_of_one_measurement_share_the_graphic_under_the_first(written: Dataset) -> None:
    finding = next(item for item in all_items(written) if str(item.get("TextValue", "")).startswith("Плотность"))
    area, *others = (item for item in finding.ContentSequence if item.ValueType == "NUM")
    assert area.ContentSequence[0].GraphicType == "ELLIPSE"
    assert len(others) == 4
    assert not any("ContentSequence" in item for item in others)


def test_plain_sentences_of_a_paragraph_are_one_text(conclusion: Conclusion) -> None:
    image, code = conclusion.evidence[0], Code("87433001", "SCT", "Pulmonary emphysema")
    sentences = (
        Statement(concepts.FINDING, "Лёгкие. Расправлены.", label="Лёгкие"),
        Statement(concepts.FINDING, "Очагов нет."),
        Statement(concepts.FINDING, "Эмфизема.", code=code),
        Statement(concepts.FINDING, "Булл нет."),
        Statement(concepts.FINDING, "Буллы на снимке.", images=(image,)),
        Statement(concepts.FINDING, "Плевра. Не утолщена.", label="Плевра"),
        Statement(concepts.IMPRESSION, "Выпота нет."),
        Statement(concepts.IMPRESSION, "Пневмоторакса нет."),
    )
    section = Section(concepts.FINDINGS, "Описание", sentences)
    written = read(write_conclusion(replace(conclusion, sections=(section,), completeness="")))
    heading = next(item for item in written.ContentSequence if item.ValueType == "CONTAINER")
    assert [item.TextValue for item in heading.ContentSequence if item.ValueType == "TEXT"] == [
        "Лёгкие. Расправлены. Очагов нет.",
        "Эмфизема.",
        "Булл нет.",
        "Буллы на снимке.",
        "Плевра. Не утолщена.",
        "Выпота нет. Пневмоторакса нет.",
    ]


def listed(sequence: list[Dataset]) -> set[tuple[str, str, str]]:
    return {
        (study.StudyInstanceUID, series.SeriesInstanceUID, sop.ReferencedSOPInstanceUID)
        for study in sequence
        for series in study.ReferencedSeriesSequence
        for sop in series.ReferencedSOPSequence
    }


def test_evidence_lists_all_that_was_read_and_the_documents_that_go_with_it(
    written: Dataset, conclusion: Conclusion
) -> None:
    own = listed(written.CurrentRequestedProcedureEvidenceSequence)
    uids, study = conclusion.uids, conclusion.study.study_uid
    assert {(image.study_uid, image.series_uid, image.sop_instance_uid) for image in conclusion.evidence} < own
    assert {
        (study, uids.key_images_series, uids.key_images),
        (study, uids.measurements_series, uids.measurements),
        (study, uids.pdf_series, uids.pdf),
    } < own
    assert len(own) == 15
    assert listed(written.PertinentOtherEvidenceSequence) == {("2.25.3001", "2.25.3002", "2.25.3003")}
    rendering = written.ReferencedInstanceSequence[0]
    assert rendering.ReferencedSOPInstanceUID == uids.pdf
    assert rendering.PurposeOfReferenceCodeSequence[0].CodeValue == "121332"


def test_every_image_in_the_tree_is_among_the_evidence(conclusion: Conclusion) -> None:
    written = read(write_conclusion(replace(conclusion, evidence=conclusion.evidence[:1], other_evidence=())))
    evidence = listed(written.CurrentRequestedProcedureEvidenceSequence)
    evidence |= listed(written.PertinentOtherEvidenceSequence)
    in_tree = {
        sop.ReferencedSOPInstanceUID for item in all_items(written) for sop in item.get("ReferencedSOPSequence", ())
    }
    assert in_tree <= {uid for _study, _series, uid in evidence}


def test_it_is_complete_final_and_verified_by_the_observer(written: Dataset) -> None:
    assert (written.CompletionFlag, written.VerificationFlag, written.PreliminaryFlag) == (
        "COMPLETE",
        "VERIFIED",
        "FINAL",
    )
    verifier = written.VerifyingObserverSequence[0]
    assert str(verifier.VerifyingObserverName) == "Петрова^Анна^Сергеевна"
    assert verifier.VerifyingOrganization == "Референс-центр № 1"
    assert verifier.VerificationDateTime == "20250314164207+0300"
    assert verifier.VerifyingObserverIdentificationCodeSequence[0].CodeValue == "R-0815"
    assert written.TimezoneOffsetFromUTC == "+0300"
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert written.ReferencedRequestSequence[0].PlacerOrderNumberImagingServiceRequest == "PL-9"


def test_the_completeness_statement_is_said_once_among_the_procedure_descriptions(conclusion: Conclusion) -> None:
    sections = complete_sections(conclusion)
    assert [section.heading.value for section in sections][:3] == ["55752-0", "55111-9", "59776-5"]
    again = complete_sections(replace(conclusion, sections=sections))
    assert again == sections
    own = Section(concepts.CURRENT_PROCEDURE_DESCRIPTIONS, "", (Statement(concepts.PROCEDURE_DESCRIPTION, "Нативно."),))
    joined = complete_sections(replace(conclusion, sections=(own,)))
    assert [statement.text for statement in joined[0].statements] == ["Нативно.", conclusion.completeness]


def test_an_addendum_names_the_document_it_follows(conclusion: Conclusion) -> None:
    earlier = ImageReference(conclusion.study.study_uid, "2.25.61", "1.2.840.10008.5.1.4.1.1.88.22", "2.25.62")
    written = read(write_conclusion(replace(conclusion, predecessors=(earlier,))))
    assert listed(written.PredecessorDocumentsSequence) == {(conclusion.study.study_uid, "2.25.61", "2.25.62")}


def test_the_same_conclusion_gives_the_same_bytes(conclusion: Conclusion) -> None:
    assert write_conclusion(conclusion) == write_conclusion(conclusion)


def test_a_title_too_long_for_a_code_meaning_falls_back_to_the_standard_one(conclusion: Conclusion) -> None:
    title = Code("24627-2", "LN", "Компьютерная томография органов грудной клетки, протокол исследования")
    assert read(write_conclusion(replace(conclusion, title=title))).ConceptNameCodeSequence[0].CodeMeaning == (
        "CT Chest Report"
    )


def test_a_time_without_a_zone_is_refused(conclusion: Conclusion) -> None:
    naive = datetime(2025, 3, 14, 16, 42)  # noqa: DTZ001 - the point
    with pytest.raises(ValueError, match="timezone"):
        write_conclusion(replace(conclusion, observed_at=naive))


@pytest.mark.oracle
def test_dciodvfy_finds_no_error_and_dsrdump_shows_cyrillic(conclusion: Conclusion, tmp_path: Path) -> None:
    file = tmp_path / "conclusion.dcm"
    file.write_bytes(write_conclusion(conclusion))
    checked = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
    assert b"Error" not in checked.stderr + checked.stdout
    assert b"EnhancedSR" in checked.stderr + checked.stdout
    shown = subprocess.run(["dsrdump", "+Pl", file], capture_output=True, check=True).stdout.decode()
    for text in ("солидный очаг до 7,2 мм", "Иванова^Мария^Петровна", "Рекомендации", "изображений: 12 из 12"):
        assert text in shown
