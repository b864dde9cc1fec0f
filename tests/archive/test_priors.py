"""Priors: the same person, the most relevant first, doubt told."""

from types import ModuleType

import pytest

from workstation.archive import priors
from workstation.archive.archive import Archive
from workstation.archive.identity import alike, doubts
from workstation.archive.priors import find_priors
from workstation.dicom.content import Patient

IVANOV = Patient("Иванов^Иван^Иванович", "77-1", "EMIAS", "19600101", "M")


def found(fake: ModuleType, *entries: object, patient: Patient | None = None) -> list[priors.Prior]:
    return find_priors(
        fake.FakeStudies(*entries),
        patient or fake.PATIENT,
        "1.1",
        study_date="20260110",
        modality="CT",
        region="CHEST",
    )


def test_the_most_relevant_prior_comes_first_with_its_reason_in_words(fake: ModuleType) -> None:
    result = found(
        fake,
        fake.study("1.2", "20240101", ("MR",), "МРТ головного мозга"),
        fake.study("1.3", "20250110", ("CT", "SR"), "КТ ОГК"),
        fake.study("1.4", "20251201", ("DX",), "Рентгенография органов грудной клетки"),
        fake.study("1.5", "20200110", ("CT",), "CT chest"),
    )
    assert [prior.study.study_uid for prior in result] == ["1.3", "1.5", "1.4", "1.2"]
    assert result[0].reason == "same region, same modality, 12 months earlier, has a report"
    assert result[0].has_report
    assert result[1].reason == "same region, same modality, 6 years earlier"
    assert result[3].reason == "related modality, 2 years earlier"


def test_the_study_in_hand_later_ones_and_other_persons_are_no_priors(fake: ModuleType) -> None:
    other_issuer = Patient("X", fake.PATIENT.patient_id, "ELSEWHERE")
    longer_id = Patient("X", fake.PATIENT.patient_id + "2", "EMIAS")
    result = found(
        fake,
        fake.study("1.1", "20260110", ("CT",), ""),
        fake.study("1.2", "20260301", ("CT",), ""),
        fake.study("1.3", "20250301", ("CT",), "", other_issuer),
        fake.study("1.4", "20250301", ("CT",), "", longer_id),
        fake.study("1.5", "20250301", ("CT",), ""),
    )
    assert [prior.study.study_uid for prior in result] == ["1.5"]


def test_a_patient_without_an_id_has_no_priors(fake: ModuleType) -> None:
    source = fake.FakeStudies(fake.study("1.5", "20250301", ("CT",), ""))
    assert find_priors(source, Patient("X", ""), "1.1") == []
    assert source.filters == []


def test_reports_are_found_by_series_where_the_study_tells_no_modalities(fake: ModuleType) -> None:
    (prior,) = found(fake, fake.study("1.5", "20250301", (), ""))
    assert prior.has_report


def test_doubt_is_told_with_the_prior(fake: ModuleType) -> None:
    other = Patient("Сидорова^Анна", fake.PATIENT.patient_id, "EMIAS", "19550315", "M")
    (prior,) = found(fake, fake.study("1.5", "20250301", ("CT",), "", other))
    assert prior.doubt == "another birth date, another sex, another name"
    assert "1955" not in prior.doubt


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Иванов^Иван^Иванович", "IVANOV^IVAN"),
        ("Иванов^Иван^Иванович", "Ivanov^I^I"),
        ("Щербаков^Юрий", "Shcherbakov^Yuriy"),
        ("Щербаков^Юрий", "Scherbakov^Iurii"),
        ("Ёлкин^Пётр", "Елкин^Петр"),
        ("Хруленко^Анна", "Khrulenko Anna"),
        ("Александров^Алексей", "Alexandrov^Alexey"),
        ("Wang^XiaoDong=王^小東", "WANG^XIAODONG"),
        ("Müller^Jürgen", "MULLER^JURGEN"),
        ("", "Иванов^Иван"),
        ("Иванов^Иван", "Иван Иванов"),
    ],
)
def test_one_name_in_two_spellings_is_alike(one: str, other: str) -> None:
    assert alike(one, other)
    assert alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Иванов^Иван", "Петров^Иван"),
        ("Иванов^Иван", "Иванова^Анна"),
        ("Смирнова^Ольга", "Кузнецова^Ольга"),
        ("Ivanov^I", "Ivanov^Petr"),
    ],
)
def test_two_names_are_not_alike(one: str, other: str) -> None:
    assert not alike(one, other)


def test_a_missing_issuer_is_no_doubt_when_name_and_birth_date_agree() -> None:
    assert doubts(IVANOV, Patient("IVANOV^IVAN", "77-1", "", "19600101", "M")) == ()
    assert doubts(IVANOV, Patient("IVANOV^IVAN", "77-1", "", "", "")) == ("too little is stated to be sure",)
    assert doubts(IVANOV, Patient("", "77-1", "EMIAS", "", "")) == ()


def test_priors_are_kept_with_their_case(archive: Archive, fake: ModuleType) -> None:
    result = found(
        fake,
        fake.study("1.3", "20250110", ("CT", "SR"), "КТ ОГК"),
        fake.study("1.2", "20240101", ("MR",), "МРТ головного мозга"),
    )
    for kept in (result, result[:1]):
        with archive.database.transaction() as cursor:
            priors.remember(cursor, "case", kept)
        assert priors.remembered(archive.database, "case") == kept
    assert priors.remembered(archive.database, "another") == []
