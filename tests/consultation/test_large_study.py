"""A study of hundreds of images with a prior: signed so that DCMTK can check it, delivered with its manifest."""

import hashlib
import io
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from pydicom import dcmread
from pydicom.tag import Tag

from workstation.consultation.package import Prepared, SignedPackage, sign
from workstation.dicom import concepts
from workstation.dicom.content import Conclusion, Section, Statement
from workstation.dicom.uids import new_document_uids, new_uid
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.reporting.pdf import render_pdf
from workstation.signing.authority import Authority
from workstation.signing.identity import Identity
from workstation.signing.verification import verify

UNSIGNED = {Tag("CertificateOfSigner"), Tag("Signature")}
LONG = {b"OB", b"OD", b"OF", b"OL", b"OW", b"UC", b"UN", b"UR", b"UT"}
NO_LENGTH = 0xFFFFFFFF
IN_STUDY, IN_PRIOR = 600, 100


def large(conclusion: Conclusion) -> Conclusion:
    image, prior = conclusion.evidence[4], conclusion.other_evidence[0]
    return replace(
        conclusion,
        uids=new_document_uids(),
        evidence=(
            *conclusion.evidence,
            *(replace(image, sop_instance_uid=new_uid()) for _ in range(IN_STUDY - len(conclusion.evidence))),
        ),
        other_evidence=(prior, *(replace(prior, sop_instance_uid=new_uid()) for _ in range(IN_PRIOR - 1))),
        completeness=f"Прочитано изображений: {IN_STUDY} из {IN_STUDY}.",
    )


def wordy(conclusion: Conclusion) -> Conclusion:
    text = Section(concepts.FINDINGS, "Описание", (Statement(concepts.FINDING, "Очаг без динамики. " * 600),))
    return replace(conclusion, uids=new_document_uids(), sections=(*conclusion.sections, text))


def packed(conclusion: Conclusion, identity: Identity) -> SignedPackage:
    return sign(Prepared(conclusion, render_pdf(conclusion)), identity)


@pytest.fixture(scope="module")
def package(conclusion: Conclusion, identity: Identity) -> SignedPackage:
    return packed(large(conclusion), identity)


@pytest.fixture(scope="module")
def root(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("root") / "ca.pem"
    file.write_bytes(authority.pem)
    return file


def dcmsign(data: bytes, root: Path, folder: Path) -> int:
    file = folder / "document.dcm"
    file.write_bytes(data)
    command = ["dcmsign", "-q", "--verify", "+rs", "+cf", root, file]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_the_manifest_goes_before_the_conclusion_and_lists_all_that_was_read(
    package: SignedPackage, authority: Authority
) -> None:
    assert [one.kind for one in package.objects] == ["key_images", "measurements", "pdf", "manifest", "conclusion"]
    assert len({one.series_uid for one in package.objects}) == 5
    manifest, last = package.objects[-2:]
    assert verify(manifest.data, [authority.certificate]).valid
    assert verify(last.data, [authority.certificate]).valid
    images = [item for item in dcmread(io.BytesIO(manifest.data)).ContentSequence if item.ValueType == "IMAGE"]
    assert len({item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in images}) == IN_STUDY
    evidence = [
        sop.ReferencedSOPInstanceUID
        for study in dcmread(io.BytesIO(last.data)).CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for sop in series.ReferencedSOPSequence
    ]
    assert manifest.sop_instance_uid in evidence


def test_a_changed_manifest_is_found_out(package: SignedPackage, authority: Authority) -> None:
    data = package.objects[-2].data
    image = b"2.25.20007"
    assert data.count(image) == 2
    assert not verify(data.replace(image, b"2.25.20107"), [authority.certificate]).valid


@pytest.mark.oracle
def test_dcmsign_accepts_the_conclusion_and_finds_one_changed_byte(
    package: SignedPackage, root: Path, tmp_path: Path
) -> None:
    data = package.objects[-1].data
    assert dcmsign(data, root, tmp_path) == 0
    place = data.index("600 из 600".encode())
    flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    assert dcmsign(flipped, root, tmp_path) == 101


@pytest.mark.oracle
@pytest.mark.parametrize("what", ["manifest", "conclusion too long for dcmsign"])
def test_a_signature_that_dcmsign_cannot_check_holds_by_the_bytes_of_the_file(
    package: SignedPackage, conclusion: Conclusion, identity: Identity, authority: Authority, tmp_path: Path, what: str
) -> None:
    objects = package.objects if what == "manifest" else packed(wordy(conclusion), identity).objects
    data = objects[-2 if what == "manifest" else -1].data
    assert verify(data, [authority.certificate]).valid
    source, target = tmp_path / "in.dcm", tmp_path / "out.dcm"
    source.write_bytes(data)
    # DCMTK writes it with undefined lengths: without these and item delimiters that is the stream of PS3.15 C.1.1
    subprocess.run(["dcmconv", "-e", "+te", source, target], capture_output=True, check=True)
    written = target.read_bytes()
    start = written.index(b"\x08\x00\x05\x00CS")
    streams = dict(elements(io.BytesIO(written[start:])))
    header = dcmread(io.BytesIO(data))
    parameters, signature = header.MACParametersSequence[0], header.DigitalSignaturesSequence[0]
    payload = b"".join(streams[int(tag)] for tag in sorted(parameters.DataElementsSigned))
    assert len(payload) > 16_384
    payload += streams[Tag("DigitalSignaturesSequence")][12:-4]
    key = x509.load_der_x509_certificate(signature.CertificateOfSigner).public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(signature.Signature, payload, PKCS1v15(), SHA256())


def elements(file: io.BytesIO) -> Iterator[tuple[int, bytes]]:
    """(tag, its stream as signed) of each element up to the end or a delimiter; read as plain bytes."""
    while head := file.read(8):
        group, element, vr, length = struct.unpack("<HH2sH", head)
        if group == 0xFFFE:
            return
        if vr == b"SQ":
            (size,) = struct.unpack("<I", file.read(4))
            inner = sequence(file) if size == NO_LENGTH else sequence(io.BytesIO(file.read(size)))
            yield group << 16 | element, head + inner + b"\xfe\xff\xdd\xe0"
            continue
        if vr in LONG:
            head += file.read(4)
            (length,) = struct.unpack("<I", head[-4:])
        value = file.read(length)
        if (tag := group << 16 | element) not in UNSIGNED:
            yield tag, head + value


def sequence(file: io.BytesIO) -> bytes:
    parts = []
    while (head := file.read(8)) and head[:4] == b"\xfe\xff\x00\xe0":
        (size,) = struct.unpack("<I", head[4:])
        inner = file if size == NO_LENGTH else io.BytesIO(file.read(size))
        parts.append(head[:4] + b"".join(part for _tag, part in elements(inner)))
    return b"".join(parts)


def test_a_large_study_is_delivered_with_its_manifest(bench: Any, tiny: ModuleType, authority: Authority) -> None:
    study_uid = dcmread(io.BytesIO(bench.study[0])).StudyInstanceUID
    # the bench's own patience, one second, is for tests of a link that stalls
    with IrisSession(replace(bench.profile, stall_timeout_s=60.0), bench.password) as session:
        DicomWeb(session).store(study_uid, tiny.ct_series(180, study_uid=study_uid, side=2))
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        assert desk.deliver() == 1
        (row,) = desk.outbox()
        assert [role for role, _uid, _sha256 in row.objects] == ["pdf", "manifest", "conclusion"]
        web = bench.connect().dicomweb
        for one in desk.documents(bench.case_uid):
            data = web.retrieve_instance(one.study_uid, one.series_uid, one.sop_instance_uid)
            assert hashlib.sha256(data).digest() == one.sha256
            assert one.confirmed
        (manifest,) = [one.data for one in desk.documents(bench.case_uid) if one.role == "manifest"]
    assert verify(manifest, [authority.certificate]).valid
    listed = [item for item in dcmread(io.BytesIO(manifest)).ContentSequence if item.ValueType == "IMAGE"]
    assert len(listed) == 186
