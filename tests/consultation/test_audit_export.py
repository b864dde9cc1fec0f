"""The audit chain at an audit server: valid by PS3.15 A.5, through TLS, nothing lost or doubled when a link breaks."""

import datetime
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import etree

from tests.fetched import fetched
from workstation.archive import audit
from workstation.consultation import audit_export
from workstation.consultation.audit_export import AuditExport
from workstation.consultation.audit_messages import Matter, Station, audit_message
from workstation.consultation.case import CaseFilter
from workstation.consultation.desk import Desk
from workstation.errors import LinkDown, WorkstationError
from workstation.iris.syslog import SyslogServer, message
from workstation.jobs import Cancellation
from workstation.settings import Settings

STATION = Station("IRISWS", "desk-1", "IRIS")

# RELAX NG of PS3.15 A.5.1, in XML, without the parts that are optional there and not used here
_CODE = """<attribute name="csd-code"/><attribute name="codeSystemName"/>
<optional><attribute name="displayName"/></optional><attribute name="originalText"/>"""
SCHEMA = f"""
<element name="AuditMessage" xmlns="http://relaxng.org/ns/structure/1.0"
         datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <element name="EventIdentification">
    <attribute name="EventActionCode"><choice>
      <value>C</value><value>R</value><value>U</value><value>D</value><value>E</value></choice></attribute>
    <attribute name="EventDateTime"><data type="dateTime"/></attribute>
    <attribute name="EventOutcomeIndicator"><choice>
      <value>0</value><value>4</value><value>8</value><value>12</value></choice></attribute>
    <element name="EventID">{_CODE}</element>
    <zeroOrMore><element name="EventTypeCode">{_CODE}</element></zeroOrMore>
    <optional><element name="EventOutcomeDescription"><text/></element></optional>
  </element>
  <oneOrMore><element name="ActiveParticipant">
    <attribute name="UserID"/>
    <optional><attribute name="AlternativeUserID"/></optional>
    <optional><attribute name="UserName"/></optional>
    <attribute name="UserIsRequestor"><data type="boolean"/></attribute>
    <optional><attribute name="NetworkAccessPointID"/></optional>
    <optional><attribute name="NetworkAccessPointTypeCode"><choice>
      <value>1</value><value>2</value><value>3</value><value>4</value><value>5</value></choice></attribute></optional>
    <zeroOrMore><element name="RoleIDCode">{_CODE}</element></zeroOrMore>
    <optional><element name="MediaIdentifier"><element name="MediaType">{_CODE}</element></element></optional>
  </element></oneOrMore>
  <element name="AuditSourceIdentification">
    <optional><attribute name="AuditEnterpriseSiteID"/></optional>
    <attribute name="AuditSourceID"/>
    <zeroOrMore><element name="AuditSourceTypeCode">{_CODE}</element></zeroOrMore>
  </element>
  <zeroOrMore><element name="ParticipantObjectIdentification">
    <attribute name="ParticipantObjectID"/>
    <optional><attribute name="ParticipantObjectTypeCode"><choice>
      <value>1</value><value>2</value><value>3</value><value>4</value></choice></attribute></optional>
    <optional><attribute name="ParticipantObjectTypeCodeRole">
      <data type="integer"><param name="minInclusive">1</param><param name="maxInclusive">26</param></data>
    </attribute></optional>
    <element name="ParticipantObjectIDTypeCode">{_CODE}</element>
    <choice>
      <element name="ParticipantObjectName"><data type="token"/></element>
      <element name="ParticipantObjectQuery"><data type="base64Binary"/></element>
    </choice>
    <zeroOrMore><element name="ParticipantObjectDetail">
      <attribute name="type"/><attribute name="value"><data type="base64Binary"/></attribute>
    </element></zeroOrMore>
    <zeroOrMore><element name="ParticipantObjectDescription">
      <zeroOrMore><element name="SOPClass">
        <optional><attribute name="UID"/></optional>
        <attribute name="NumberOfInstances"><data type="integer"/></attribute>
      </element></zeroOrMore>
      <optional><element name="Encrypted"><data type="boolean"/></element></optional>
      <optional><element name="Anonymized"><data type="boolean"/></element></optional>
    </element></zeroOrMore>
  </element></zeroOrMore>
</element>
"""


class Sink:
    """An audit server with a certificate of its own authority; it closes a connection once it has read it whole."""

    def __init__(self, folder: Path, *, asks_for_certificate: bool = False) -> None:
        self.ca_file = folder / "ca.pem"
        self._identity = self.identity = folder / "server.pem"
        self.received: list[bytes] = []
        self.cut_after: int | None = None
        _certificates(self.ca_file, self._identity)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self._identity)
        if asks_for_certificate:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(self.ca_file)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        # wakes the thread in accept
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    @property
    def server(self) -> SyslogServer:
        return SyslogServer("127.0.0.1", self.port, str(self.ca_file))

    def _serve(self) -> None:
        while True:
            try:
                plain, _address = self._listener.accept()
            except OSError:
                return
            with suppress(OSError), plain:
                plain.settimeout(5)
                with self._context.wrap_socket(plain, server_side=True) as channel:
                    self._read(channel)

    def _read(self, channel: ssl.SSLSocket) -> None:
        data = b""
        while part := channel.recv(65536):
            data += part
            if self.cut_after is not None and len(data) > self.cut_after:
                # a link that breaks: what was in it is gone
                return
        self.received += frames(data)
        with suppress(OSError):
            channel.unwrap()


def frames(data: bytes) -> list[bytes]:
    """Messages out of octet-counted frames (RFC 5425 4.3)."""
    found = []
    while data:
        length, data = data.split(b" ", 1)
        found.append(data[: int(length)])
        assert len(found[-1]) == int(length)
        data = data[int(length) :]
    return found


def _certificates(ca_file: Path, identity: Path) -> None:
    began = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    until = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Audit test root")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "audit")])

    def builder(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(until)
        )

    authority = (
        builder(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    own = (
        builder(name, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca_file.write_bytes(authority.public_bytes(pem))
    identity.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + own.public_bytes(pem)
    )


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    made = Sink(tmp_path)
    try:
        yield made
    finally:
        made.close()


def fill(archive: Any, count: int, event: str = "case claimed") -> None:
    for _number in range(count):
        with archive.database.transaction() as cursor:
            audit.record(cursor, "R-0815", event, "1.2.3")


def numbers(messages: list[bytes]) -> list[int]:
    return [int(re.search(rb'sequenceId="(\d+)"', one)[1]) for one in messages]  # type: ignore[index]


def test_what_was_kept_while_offline_arrives_once_and_in_order(bench: Any, sink: Sink) -> None:
    with bench.archive() as archive:
        export = AuditExport(archive.database, STATION)
        fill(archive, 3)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            closed = taken.getsockname()[1]
        with pytest.raises(LinkDown):
            export.send(SyslogServer("127.0.0.1", closed, str(sink.ca_file)), Cancellation())
        fill(archive, 2)
        assert export.send(sink.server, Cancellation()) == 5
    with bench.archive() as archive:
        export = AuditExport(archive.database, STATION)
        assert export.send(sink.server, Cancellation()) == 0
        fill(archive, 1)
        assert export.send(sink.server, Cancellation()) == 1
    assert numbers(sink.received) == [1, 2, 3, 4, 5, 6]


def test_a_desk_sends_to_the_server_of_its_settings(bench: Any, sink: Sink) -> None:
    settings = Settings(
        bench.folder, audit_server=f"syslog-tls://127.0.0.1:{sink.port}", audit_ca_file=str(sink.ca_file)
    )
    with bench.archive() as archive:
        fill(archive, 2)
        assert Desk(archive, None, settings).send_audit() == 2
    assert numbers(sink.received) == [1, 2]


def test_a_link_cut_in_the_middle_counts_as_nothing_sent(bench: Any, sink: Sink) -> None:
    with bench.archive() as archive:
        export = AuditExport(archive.database, STATION)
        fill(archive, 4)
        sink.cut_after = 1000
        with pytest.raises(LinkDown):
            export.send(sink.server, Cancellation())
        assert sink.received == []
        sink.cut_after = None
        assert export.send(sink.server, Cancellation()) == 4
    assert numbers(sink.received) == [1, 2, 3, 4]


def test_a_server_of_an_unknown_authority_gets_nothing(bench: Any, sink: Sink) -> None:
    with bench.archive() as archive:
        fill(archive, 1)
        unknown = SyslogServer("127.0.0.1", sink.port)
        with pytest.raises(WorkstationError, match="not trusted"):
            AuditExport(archive.database, STATION).send(unknown, Cancellation())
    assert sink.received == []


def test_a_delivered_case_is_told_as_the_standard_has_it(bench: Any, sink: Sink, tmp_path: Path) -> None:
    schema = etree.RelaxNG(etree.fromstring(SCHEMA))
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        assert desk.deliver() == 1
        for event in ("signed in", "sign-in failed", "archive locked", "conclusion refused", "study exported"):
            with archive.database.transaction() as cursor:
                subject = bench.case_uid if event.startswith("c") else ""
                audit.record(cursor, "R-0815", event, subject)
        case = desk.case(bench.case_uid)
        AuditExport(archive.database, STATION).send(sink.server, Cancellation())
        assert AuditExport(archive.database, STATION).write(tmp_path / "audit.log") == len(sink.received)
    assert (tmp_path / "audit.log").read_bytes().splitlines() == sink.received
    told = {}
    for one in sink.received:
        head, text = one.decode().split("\N{BYTE ORDER MARK}")
        assert re.fullmatch(
            r'<85>1 \d{4}-\d\d-\d\dT[\d:.]+\+00:00 desk-1 iris-workstation - DICOM\+RFC3881 \[meta sequenceId="\d+"\] ',
            head,
        )
        root = etree.fromstring(text)
        assert schema.validate(root), schema.error_log
        told[root.xpath("string(.//EventTypeCode[@codeSystemName='99IRIS']/@originalText)")] = root

    def codes(event: str) -> tuple[Any, Any, Any]:
        root = told[event]
        return (
            root.xpath("string(.//EventID/@csd-code)"),
            root.xpath("string(EventIdentification/@EventActionCode)"),
            root.xpath("string(EventIdentification/@EventOutcomeIndicator)"),
        )

    # PS3.15 A.5.3 and PS3.16 CID 400
    assert codes("case claimed") == ("110109", "U", "0")
    assert codes("case opened") == ("110103", "R", "0")
    assert codes("conclusion signed") == ("110103", "C", "0")
    assert codes("conclusion delivered") == ("110104", "C", "0")
    assert codes("conclusion refused") == ("110104", "C", "4")
    assert codes("study exported") == ("110106", "R", "0")
    assert codes("signed in") == ("110114", "E", "0")
    assert codes("sign-in failed") == ("110114", "E", "4")
    assert told["signed in"].xpath("string(.//EventTypeCode[@codeSystemName='DCM']/@csd-code)") == "110122"
    assert told["archive locked"].xpath("string(.//EventTypeCode[@codeSystemName='DCM']/@csd-code)") == "110123"
    patients = "ParticipantObjectIdentification[ParticipantObjectIDTypeCode/@csd-code='2']/@ParticipantObjectID"
    studies = "ParticipantObjectIdentification[ParticipantObjectIDTypeCode/@csd-code='110180']/@ParticipantObjectID"
    assert told["case opened"].xpath(patients) == [case.patient.patient_id]
    assert told["case opened"].xpath(studies) == [case.study_uid]
    assert told["case opened"].xpath("string(.//SOPClass/@NumberOfInstances)") == "6"
    assert told["conclusion delivered"].xpath("ActiveParticipant/RoleIDCode/@csd-code") == ["110153", "110152"]
    assert told["signed in"].xpath("ParticipantObjectIdentification") == []
    everything = b"".join(sink.received).decode()
    assert "Смирнова" not in everything
    assert case.patient.birth_date not in everything


def test_what_is_done_to_the_studies_kept_names_study_and_patient(bench: Any, tmp_path: Path) -> None:
    with bench.archive() as archive:
        desk: Desk = bench.open(archive)
        desk.refresh(Cancellation())
        (case,) = desk.page(CaseFilter(), 0, 10)
        fetched(desk, case.case_uid)
        (bench.folder / "archive" / "objects").rename(tmp_path / "lost")
        (bench.folder / "archive" / "objects").mkdir()
        mended, _stopped = desk.keeping.mend(desk.keeping.inspect())
        assert mended.sound
        desk.keeping.pin(case.study_uid)
        desk.keeping.pin(case.study_uid, False)
        desk.keeping.remove(case.study_uid)
        AuditExport(archive.database, STATION).write(tmp_path / "audit.log")
    told = {}
    for line in (tmp_path / "audit.log").read_text(encoding="utf-8").splitlines():
        root = etree.fromstring(line.split("\N{BYTE ORDER MARK}")[1])
        told[root.xpath("string(.//EventTypeCode[@codeSystemName='99IRIS']/@originalText)")] = root
    # PS3.15 A.5.3: an Application Activity is a start or a stop, and DCM has no numbers of one digit
    for event, code, action in (
        ("object fetched anew", "110103", "U"),
        ("study pinned", "110103", "U"),
        ("study unpinned", "110103", "U"),
        ("study removed", "110105", "D"),
    ):
        root = told[event]
        assert root.xpath("string(.//EventID/@csd-code)") == code
        assert root.xpath("string(EventIdentification/@EventActionCode)") == action
        objects = "ParticipantObjectIdentification[ParticipantObjectIDTypeCode/@csd-code='{}']/@ParticipantObjectID"
        studies = root.xpath(objects.format("110180"))
        if event != "object fetched anew":
            assert studies == [case.study_uid]
            assert root.xpath(objects.format("2")) == [case.patient.patient_id]
        else:
            assert len(studies) == 1
        assert root.xpath("string(.//AuditSourceTypeCode/@codeSystemName)") == "RFC-3881"


def test_a_file_that_can_not_be_written_leaves_no_part_of_it(bench: Any, tmp_path: Path) -> None:
    taken = tmp_path / "audit.log"
    taken.mkdir()
    with bench.archive() as archive:
        fill(archive, 1)
        with pytest.raises(WorkstationError, match="can't be written"):
            AuditExport(archive.database, STATION).write(taken)
    assert not taken.with_name("audit.log.part").exists()


@pytest.fixture
def strict_sink(tmp_path: Path) -> Iterator[Sink]:
    made = Sink(tmp_path, asks_for_certificate=True)
    try:
        yield made
    finally:
        made.close()


def test_a_server_that_asks_for_our_certificate_gets_it(bench: Any, strict_sink: Sink, tmp_path: Path) -> None:
    where = strict_sink.server
    with bench.archive() as archive:
        fill(archive, 2)
        export = AuditExport(archive.database, STATION)
        with pytest.raises(LinkDown):
            export.send(where, Cancellation())
        assert strict_sink.received == []
        (tmp_path / "broken.pem").write_text("none", encoding="ascii")
        broken = SyslogServer(where.host, where.port, where.ca_file, str(tmp_path / "broken.pem"))
        with pytest.raises(WorkstationError, match="can't be used"):
            export.send(broken, Cancellation())
        ours = SyslogServer(where.host, where.port, where.ca_file, str(strict_sink.identity))
        assert export.send(ours, Cancellation()) == 2
    assert numbers(strict_sink.received) == [1, 2]


def test_a_program_killed_before_it_notes_what_went_sends_it_again_by_the_same_numbers(
    bench: Any, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_values: object) -> None:
        raise Killed

    with bench.archive() as archive:
        fill(archive, 3)
        monkeypatch.setattr(audit_export, "_keep", kill)
        with pytest.raises(Killed):
            AuditExport(archive.database, STATION).send(sink.server, Cancellation())
    monkeypatch.undo()
    with bench.archive() as archive:
        assert AuditExport(archive.database, STATION).send(sink.server, Cancellation()) == 3
        assert AuditExport(archive.database, STATION).send(sink.server, Cancellation()) == 0
    assert numbers(sink.received) == [1, 2, 3, 1, 2, 3]
    assert sink.received[:3] == sink.received[3:]


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("desk-1", "desk-1"),
        # RFC 3492 7.1 (I)
        ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
        ("кабинет 5", "-"),
        ("", "-"),
        ("a" * 70, "-"),
    ],
)
def test_a_machine_name_is_written_in_ascii(host: str, written: str) -> None:
    made = message(datetime.datetime(2026, 1, 10, tzinfo=datetime.UTC), host, 1, "")
    assert made.decode().split(" ")[2] == written


def test_every_kind_of_event_is_valid_and_names_its_type(bench: Any, tmp_path: Path) -> None:
    schema = etree.RelaxNG(etree.fromstring(SCHEMA))
    # PS3.15 A.5.3, PS3.16 CID 400 to 403
    wanted = {
        "program started": ("110100", "E", "110120"),
        "program ended": ("110100", "E", "110121"),
        "signed in": ("110114", "E", "110122"),
        "signed out": ("110114", "E", "110123"),
        "archive unlocked": ("110114", "E", "110122"),
        "archive locked": ("110114", "E", "110123"),
        "unlock failed": ("110114", "E", "110122"),
        "passphrase changed": ("110113", "E", "110137"),
        "recovery key used": ("110113", "E", "110132"),
        "something new": ("110113", "E", "110132"),
        "case measured": ("110103", "R", ""),
        "case claimed": ("110109", "U", ""),
        "conclusion signed": ("110103", "C", ""),
        "study removed": ("110105", "D", ""),
        "study exported": ("110106", "R", ""),
        "study imported": ("110107", "C", ""),
        "study import begun": ("110107", "C", ""),
    }
    with bench.archive() as archive:
        desk = bench.open(archive)
        case = bench.ready(desk)
        first = entries_of(archive)
        for event in wanted:
            subject = {"c": case.case_uid, "s": case.study_uid}.get(event[0], "")
            if event.startswith(("signed", "something")):
                subject = ""
            with archive.database.transaction() as cursor:
                audit.record(cursor, "R-0815", event, subject, {"form": "anonymous"} if "export" in event else {})
        AuditExport(archive.database, STATION).write(tmp_path / "audit.log")
    told = (tmp_path / "audit.log").read_text(encoding="utf-8").splitlines()[first:]
    assert len(told) == len(wanted)
    for (event, codes), line in zip(wanted.items(), told, strict=True):
        root = etree.fromstring(line.split("\N{BYTE ORDER MARK}")[1])
        assert schema.validate(root), (event, schema.error_log)
        assert (
            root.xpath("string(.//EventID/@csd-code)"),
            root.xpath("string(EventIdentification/@EventActionCode)"),
            root.xpath("string(.//EventTypeCode[@codeSystemName='DCM']/@csd-code)"),
        ) == codes
        if event == "study exported":
            assert root.xpath("string(.//Anonymized)") == "true"
            assert root.xpath("string(.//SOPClass/@NumberOfInstances)") == "6"


def entries_of(archive: Any) -> int:
    with archive.database.read() as cursor:
        return len(audit.entries(cursor))


def test_an_identifier_with_control_characters_is_still_xml(bench: Any) -> None:
    with bench.archive() as archive:
        fill(archive, 1)
        with archive.database.read() as cursor:
            (entry,) = audit.entries(cursor)
    text = audit_message(entry, Matter("1.2", "1.3", '77\x1b-\x001<&"', ()), STATION)
    patient = etree.fromstring(text).xpath("string(.//*[@ParticipantObjectTypeCode='1']/@ParticipantObjectID)")
    assert patient == '77\N{REPLACEMENT CHARACTER}-\N{REPLACEMENT CHARACTER}1<&"'
