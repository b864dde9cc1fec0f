"""Priors: the same person, the most relevant first, doubt told."""

from types import ModuleType

import pytest

from workstation.archive import priors
from workstation.archive.archive import Archive
from workstation.archive.identity import alike, doubts
from workstation.archive.priors import find_priors
from workstation.archive.relevance import regions_of, relevance
from workstation.consultation.prefetching import of_priors
from workstation.consultation.wanted import Kind
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


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("КТ ОГК", {"chest"}),
        ("CT CHEST W/O CONTRAST", {"chest"}),
        ("Рентгенография лёгких", {"chest"}),
        ("Флюорография легких", {"chest"}),
        ("CHESTABDPELVIS", {"chest", "abdomen", "pelvis"}),
        ("КТ ОГК и ОБП с контрастом", {"chest", "abdomen"}),
        ("УЗИ брюшной полости и почек", {"abdomen"}),
        ("МРТ ОМТ", {"pelvis"}),
        ("МРТ малого таза", {"pelvis"}),
        ("Рентгенография тазобедренных суставов", {"extremity"}),
        ("МРТ головного мозга", {"head"}),
        ("МРТ ГМ", {"head"}),
        ("BRAIN", {"head"}),
        ("МРТ спинного мозга", {"spine"}),
        ("МРТ шейного отдела позвоночника", {"spine"}),
        ("CSPINE", {"spine"}),
        ("Cervical spine MRI", {"spine"}),
        ("УЗИ шейных лимфоузлов", {"neck"}),
        ("ММГ скрининг", {"breast"}),
        ("Киста, контроль", set()),
        ("Рентгенография кисти", {"extremity"}),
        ("Рентгенография головки бедра", {"extremity"}),
        ("", set()),
    ],
)
def test_regions_are_told_by_words_of_both_languages(text: str, regions: set[str]) -> None:
    assert regions_of(text) == regions


@pytest.mark.parametrize(
    ("other", "score", "reason"),
    [
        # region 0.4, modality 0.3, recency 0.2 halved after two years, report 0.1
        (
            ("КТ ОГК", {"CT"}, "20260110", True),
            1.0,
            "same region, same modality, less than a month earlier, has a report",
        ),
        (("КТ ОГК", {"CT"}, "20240111", False), 0.8, "same region, same modality, 2 years earlier"),
        (("МРТ головного мозга", {"MR"}, "20240111", False), 0.25, "related modality, 2 years earlier"),
        (("Chest PA", {"DX"}, "20260110", False), 0.6, "same region, less than a month earlier"),
        (("", {"US"}, "", False), 0.0, "same patient"),
        (("", {"US"}, "", True), 0.1, "has a report"),
    ],
)
def test_the_score_is_the_sum_of_the_stated_weights(
    other: tuple[str, set[str], str, bool], score: float, reason: str
) -> None:
    description, modalities, day, has_report = other
    found = relevance(
        region="Органы грудной клетки",
        other_region=description,
        modality="CT",
        other_modalities=modalities,
        study_date="20260110",
        other_date=day,
        has_report=has_report,
    )
    assert found == (pytest.approx(score, abs=0.001), reason)


def test_studies_under_another_number_of_the_patient_are_found_under_its_issuer(fake: ModuleType) -> None:
    old, foreign = Patient(fake.PATIENT.name, "OLD-5", "LPU-7", "19550314", "F"), Patient("X^Y", "OLD-5", "LPU-9")

    class Numbered(fake.FakeStudies):  # type: ignore[misc, name-defined]
        def search_studies(self, filters: dict[str, str], limit: int | None = None) -> object:
            self.filters.append(filters)
            return iter([one for one in self.entries if one.patient.patient_id == filters["PatientID"]])

    source = Numbered(
        fake.study("1.2", "20240101", ("CT",), ""),
        fake.study("1.3", "20230101", ("CT",), "", old),
        fake.study("1.4", "20230101", ("CT",), "", foreign),
    )
    result = find_priors(source, fake.PATIENT, "1.1", other_ids=[("OLD-5", "LPU-7"), ("", "LPU-7")])
    assert {prior.study.study_uid: prior.doubt for prior in result} == {"1.2": "", "1.3": ""}
    assert [one["PatientID"] for one in source.filters] == [fake.PATIENT.patient_id, "OLD-5"]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Patient("IVANOV^IVAN", "77-1", "EMIAS", "19600101", "M"), ()),
        (Patient("Ivanov^I^I", "77-1", "EMIAS", "19600101", ""), ()),
        # one person with two cards: name and birth date say so
        (Patient("Ivanov^Ivan", "77-2", "EMIAS", "19600101", "M"), ()),
        (Patient("Ivanov^Ivan", "77-2", "EMIAS", "", "M"), ("another patient number",)),
        # numbers of two issuers can't be compared
        (Patient("Ivanov^Ivan", "A-9", "LPU-7", "19600101", "M"), ()),
        (Patient("Ivanov^Ivan", "77-1", "EMIAS", "19600102", "M"), ("another birth date",)),
        (Patient("Иванова^Анна", "77-1", "EMIAS", "19600101", "F"), ("another sex", "another name")),
        (Patient("Petrov^Petr", "77-2", "EMIAS", "19600101", "M"), ("another name", "another patient number")),
        (Patient("", "77-1", "", "", ""), ("too little is stated to be sure",)),
    ],
)
def test_the_guard_tells_what_speaks_against_one_person_in_words(other: Patient, told: tuple[str, ...]) -> None:
    assert doubts(IVANOV, other) == told


def test_pictures_come_for_the_most_relevant_priors_and_reports_for_the_rest(fake: ModuleType) -> None:
    result = found(
        fake,
        fake.study("1.2", "20240101", ("MR",), "МРТ головного мозга"),
        fake.study("1.3", "20250110", ("CT", "SR"), "КТ ОГК"),
        fake.study("1.5", "20200110", ("CT", "SR"), "CT chest"),
    )
    assert [prior.study.study_uid for prior in result] == ["1.3", "1.5", "1.2"]
    assert list(of_priors(result, 1)) == [(Kind.STUDY, "1.3"), (Kind.REPORTS, "1.5")]
