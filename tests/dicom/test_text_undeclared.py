"""Texts under an absent or false Specific Character Set: read as meant where that is sure, and never otherwise."""

import io
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_charset_files

from workstation.archive.identity import doubts
from workstation.dicom.parsing import parse_instance
from workstation.dicom.part10 import open_part10
from workstation.dicom.undeclared_text import encoding_meant, known_encoding

SR = "1.2.840.10008.5.1.4.1.1.88.11"
# the commonest surnames, and the short and the odd ones
SURNAMES = """
    Иванова Смирнов Кузнецова Попов Васильева Петров Соколова Михайлов Новикова Фёдоров Морозова Волков Алексеева
    Лебедев Семёнова Егоров Павлова Козлов Степанова Николаев Орлова Андреев Макарова Никитин Захарова Зайцев
    Соловьёва Борисов Яковлева Григорьев Романова Воробьёв Сергеева Кузьмин Фролова Александров Дмитриева Королёв
    Гусева Киселёв Ильина Максимов Полякова Сорокин Виноградова Ковалёв Белова Медведев Антонова Тарасов Жукова
    Баранов Филиппова Комаров Давыдова Беляев Герасимова Богданов Осипова Сидоров Матвеева Титов Маркова Миронов
    Щербаков Юдина Ющенко Шухов Хрущёв Чайковская Трутнев Цветаева Русских Сытых Струц Петрухин Стрельцов Щукин
    Ким Цой Пак Хан Юн Ли Эм Чих Худых
""".split()  # noqa: SIM905 - a list of names reads better as lines
# what ISO 8859-1 was made for
LATIN = (
    "Müller^Jürgen", "Groß^Hänßler", "Gonçalves^João", "Ångström^Åsa", "Ó Briain^Seán", "Öztürk^Özgür", "Éluard^Zoé",
    "Äneas^Rüdiger", "ÄÖÜäöüß", "Ñuñez^Íñigo", "Þórðarson^Æsa", "MÜLLER^JÜRGEN", "ÅÄÖ^ÅÄÖ", "Øyvåg^Øyå", "ÀÉÈ^ÎÔÛ",
    "Straße 5 µm²", "45°±2°", "Übermaß Größe ÖÄÜ",
)  # fmt: skip


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return group.to_bytes(2, "little") + number.to_bytes(2, "little") + vr + len(value).to_bytes(2, "little") + value


def object_of(label: str | None, name: bytes, description: bytes = b"") -> bytes:
    """An object without a picture whose texts are these bytes under this label."""
    body = element(8, 5, b"CS", label.encode()) if label is not None else b""
    body += element(8, 0x16, b"UI", SR.encode()) + element(8, 0x18, b"UI", b"1.2.3")
    body += element(8, 0x1030, b"LO", description) + element(0x10, 0x10, b"PN", name)
    body += element(0x10, 0x20, b"LO", b"17") + element(0x10, 0x30, b"DA", b"19700101")
    meta = element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    return bytes(128) + b"DICM" + meta + body


@pytest.mark.golden(15)
@pytest.mark.parametrize("label", ["ISO_IR 144", "ISO_IR 100", "ISO_IR 6", "", None])
@pytest.mark.parametrize("codec", ["cp1251", "koi8_r", "cp866", "utf_8"])
@pytest.mark.parametrize("name", ["Иванова^Анна^Петровна", "ЩЁГОЛЕВ^ПЁТР^ЮРЬЕВИЧ", "Иванова"])
def test_a_name_under_a_false_label_is_read_as_meant_and_said_so(label: str | None, codec: str, name: str) -> None:
    instance = parse_instance(object_of(label, name.encode(codec)))
    assert instance.patient.name == name
    assert instance.texts_read_as == codec


@pytest.mark.golden(15)
@pytest.mark.parametrize("label", ["ISO_IR 144", "ISO_IR 192"])
def test_a_true_label_is_never_doubted(label: str) -> None:
    codec = {"ISO_IR 144": "iso8859_5", "ISO_IR 192": "utf_8"}[label]
    for surname in SURNAMES:
        for form in (surname, surname.upper(), surname.lower(), f"{surname}^Анна^Юрьевна", f"{surname.upper()}^ПЁТР"):
            instance = parse_instance(object_of(label, form.encode(codec)))
            assert (instance.patient.name, instance.texts_read_as) == (form, "")


@pytest.mark.parametrize("label", ["ISO_IR 100", None])
@pytest.mark.parametrize("name", LATIN)
def test_a_latin_name_is_never_taken_for_a_russian_one(label: str | None, name: str) -> None:
    instance = parse_instance(object_of(label, name.encode("latin-1")))
    assert (instance.patient.name, instance.texts_read_as) == (name, "")


@pytest.mark.parametrize("label", ["ISO_IR 144", "ISO_IR 100", None])
def test_other_writing_under_a_false_label_is_not_taken_for_russian(label: str | None) -> None:
    for codec, names in (
        ("gb18030", ("王小东", "李伟", "张丽华", "刘德华", "陈光明", "欧阳修^正德")),
        ("euc_kr", ("김희중", "최현주", "이영희^박지성", "홍길동")),
        ("shift_jis", ("山田^太郎", "ﾔﾏﾀﾞ^ﾀﾛｳ")),
        ("iso8859_7", ("Διονυσιος", "Παπαδόπουλος^Γεώργιος", "ΠΑΠΑΔΟΠΟΥΛΟΣ")),
        ("iso8859_8", ("שרון^דבורה",)),
        ("iso8859_2", ("Łukasiewicz^Żaneta", "Dvořák^Jiří")),
        ("iso8859_9", ("Gökçe^Şükrü", "İĞDIR^ŞÜKRÜ")),
    ):
        for name in names:
            assert parse_instance(object_of(label, name.encode(codec))).texts_read_as == "", name


def test_whole_names_in_windows_1251_are_nearly_all_recognised_and_none_is_misread() -> None:
    recognised = 0
    for surname in SURNAMES:
        name = f"{surname}^Анна^Юрьевна"
        read = parse_instance(object_of("ISO_IR 144", name.encode("cp1251"))).patient.name
        assert read in (name, name.encode("cp1251").decode("iso8859_5"))
        recognised += read == name
    assert recognised >= 0.95 * len(SURNAMES)


def test_what_is_too_little_to_be_sure_stays_as_declared() -> None:
    instance = parse_instance(object_of("ISO_IR 144", "Юн".encode("cp1251")))
    assert (instance.patient.name, instance.texts_read_as) == ("Юн".encode("cp1251").decode("iso8859_5"), "")


def test_the_description_helps_to_understand_a_short_name() -> None:
    data = object_of("ISO_IR 144", "Юн".encode("cp1251"), "КТ органов грудной клетки".encode("cp1251"))
    instance = parse_instance(data)
    assert (instance.patient.name, instance.study.description) == ("Юн", "КТ органов грудной клетки")


@pytest.mark.parametrize("label", ["ISO_IR 144", "ISO_IR 100", None])
def test_a_source_known_for_its_encoding_needs_less_evidence(label: str | None) -> None:
    wild = known = 0
    for surname in SURNAMES:
        data = object_of(label, surname.encode("cp1251"))
        wild += parse_instance(data).patient.name == surname
        known += parse_instance(data, text_encoding="cp1251").patient.name == surname
    assert known >= 0.93 * len(SURNAMES)
    assert known > wild


def test_a_source_known_for_its_encoding_keeps_what_is_declared_truly() -> None:
    for surname in SURNAMES:
        instance = parse_instance(object_of("ISO_IR 144", surname.encode("iso8859_5")), text_encoding="cp1251")
        assert (instance.patient.name, instance.texts_read_as) == (surname, "")
    for name in LATIN[:6]:
        instance = parse_instance(object_of("ISO_IR 100", name.encode("latin-1")), text_encoding="cp1251")
        assert instance.patient.name == name


def test_encodings_are_known_by_what_people_call_them() -> None:
    assert [known_encoding(name) for name in ("windows-1251", "CP1251", "KOI8-R", "cp866", "utf-8", "ISO-8859-5")] == [
        "cp1251", "cp1251", "koi8_r", "cp866", "utf_8", "iso8859_5",
    ]  # fmt: skip
    for other in ("latin-1", "made up"):
        with pytest.raises(LookupError):
            known_encoding(other)


def test_the_bytes_themselves_stay_as_they_came() -> None:
    name = "Иванова^Анна".encode("cp1251")
    data = object_of("ISO_IR 144", name)
    before = bytes(data)
    assert open_part10(data).header.raw(0x00100010) == name
    assert data == before


def test_one_person_under_a_true_and_a_false_label_is_one_person() -> None:
    true = parse_instance(object_of("ISO_IR 192", "Иванова^Анна^Петровна".encode())).patient
    false = parse_instance(object_of("ISO_IR 144", "ИВАНОВА^АННА^ПЕТРОВНА".encode("cp1251"))).patient
    other = parse_instance(object_of("ISO_IR 144", "Смирнова^Ольга^Юрьевна".encode("cp1251"))).patient
    assert not any("name" in doubt for doubt in doubts(true, false))
    assert any("name" in doubt for doubt in doubts(true, other))


def test_an_item_that_declares_its_own_set_is_taken_at_its_word() -> None:
    ds = pydicom.Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SR, "1.2.3"
    item, plain = pydicom.Dataset(), pydicom.Dataset()
    item.add_new(0x00080005, "CS", "ISO_IR 192")
    item.add_new(0x00400007, "LO", "Грудь")
    plain.add_new(0x00321060, "LO", b"")
    ds.RequestAttributesSequence = [item, plain]
    ds.add_new(0x00100010, "PN", "")
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, ds, implicit_vr=False, little_endian=True)
    body = stream.getvalue().replace(
        b"\x10\x00\x10\x00PN\x00\x00", element(0x10, 0x10, b"PN", "Петрова".encode("cp1251"))
    )
    header = open_part10(body).header
    assert header.text(0x00100010) == "Петрова"
    assert next(header.items(0x00400275)).text(0x00400007) == "Грудь"


# PS3.5 annexes H, I, J, K and pydicom's own notes give what these must read
READ = {
    "chrArab.dcm": "قباني^لنزار", "chrFren.dcm": "Buc^Jérôme", "chrGerm.dcm": "Äneas^Rüdiger",
    "chrGreek.dcm": "Διονυσιος", "chrHbrw.dcm": "שרון^דבורה", "chrRuss.dcm": "Люкceмбypг",
    "chrH31.dcm": "Yamada^Tarou=山田^太郎=やまだ^たろう", "chrH32.dcm": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "chrI2.dcm": "Hong^Gildong=洪^吉洞=홍^길동", "chrX1.dcm": "Wang^XiaoDong=王^小東=",
    "chrX2.dcm": "Wang^XiaoDong=王^小东=",
    "chrFrenMulti.dcm": "Buc^Jérôme", "chrKoreanMulti.dcm": "김희중",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(READ))
def test_the_standards_own_examples_of_other_sets_read_as_printed(name: str) -> None:
    (path,) = [path for path in get_charset_files("*.dcm") if path.endswith(name)]
    header = open_part10(Path(path).read_bytes()).header
    assert header.text(0x00100010) == READ[name]
    assert header.encoding_meant == ""


def test_an_escape_sequence_holds_up_to_the_next_group_component_or_value() -> None:
    to_cyrillic = b"\x1b-L"
    name = (
        b"Ivanova^Anna=" + to_cyrillic + "Иванова".encode("iso8859_5") + b"^" + to_cyrillic + "Анна".encode("iso8859_5")
    )
    instance = parse_instance(object_of("\\ISO 2022 IR 144", name))
    assert instance.patient.name == "Ivanova^Anna=Иванова^Анна"


def test_a_forgotten_escape_sequence_means_the_only_set_that_has_such_letters() -> None:
    instance = parse_instance(object_of("\\ISO 2022 IR 144", "Иванова^Анна".encode("iso8859_5")))
    assert instance.patient.name == "Иванова^Анна"


def test_texts_with_escape_sequences_are_never_doubted() -> None:
    assert encoding_meant([b"\x1b-L" + "Иванова^Анна".encode("cp1251")], ("iso8859", "iso_ir_144")) == ""
