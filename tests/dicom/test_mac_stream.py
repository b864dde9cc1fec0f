"""The MAC stream, judged by the bytes that DCMTK's `dcmsign` hashes."""

import io
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from workstation.dicom.content import Conclusion
from workstation.dicom.document_header import encode
from workstation.dicom.mac import mac_stream, signable
from workstation.dicom.pdf import write_pdf
from workstation.dicom.signatures import read_signatures
from workstation.dicom.sr import write_conclusion
from workstation.signing.authority import Authority
from workstation.signing.dicom_signature import verify_document

WRITINGS = {"explicit": "+te", "implicit": "+ti", "big endian": "+tb", "undefined lengths": "-e"}


@pytest.fixture(scope="module")
def pem(identity_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Key and certificate of the reader as dcmsign wants them."""
    folder = tmp_path_factory.mktemp("pem")
    key, certificate, _others = pkcs12.load_key_and_certificates(identity_file.read_bytes(), "пароль".encode())
    assert key is not None
    assert certificate is not None
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return folder / "key.pem", folder / "certificate.pem"


def dcmsign(pem: tuple[Path, Path], data: bytes, folder: Path, *options: str) -> tuple[bytes, bytes]:
    """The file signed by dcmsign, and the stream it hashed."""
    source, target, dump = folder / "in.dcm", folder / "out.dcm", folder / "dump.bin"
    source.write_bytes(data)
    command = ["dcmsign", "-q", "+s", *pem, "+m2", "-pw", "+d", dump, *options, source, target]
    subprocess.run(command, capture_output=True, check=True)
    return target.read_bytes(), dump.read_bytes()


@pytest.mark.oracle
@pytest.mark.parametrize("writing", WRITINGS)
def test_the_stream_is_bit_identical_to_dcmsign_in_every_encoding(
    conclusion: Conclusion, pem: tuple[Path, Path], tmp_path: Path, writing: str, authority: Authority
) -> None:
    signed, dump = dcmsign(pem, write_conclusion(conclusion), tmp_path, "+sp", "5", WRITINGS[writing])
    (found,) = read_signatures(signed)
    assert found.payload == dump
    assert verify_document(signed, [authority.certificate]).valid


@pytest.mark.oracle
def test_binary_values_and_chosen_elements_are_streamed_as_dcmsign_does(
    conclusion: Conclusion, pem: tuple[Path, Path], tmp_path: Path
) -> None:
    data = write_pdf(conclusion, b"%PDF-1.7 odd")
    signed, dump = dcmsign(pem, data, tmp_path, "-t", "0042,0011", "-t", "SOPInstanceUID", "-t", "StudyDate")
    (found,) = read_signatures(signed)
    assert found.payload == dump
    assert found.covered == ("EncapsulatedDocument", "SOPInstanceUID", "StudyDate")


@pytest.mark.oracle
def test_private_and_unknown_elements_are_left_out_as_dcmsign_does(pem: tuple[Path, Path], tmp_path: Path) -> None:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.5"
    ds.PatientName = "Test^One"
    ds.Rows, ds.SliceThickness = 12, "2.50"
    ds.ImageComments = "odd"
    ds.add_new(0x00290010, "LO", "MAKER 1")
    ds.add_new(0x00291001, "UN", b"\1\2\3\4")
    inner = Dataset()
    inner.add_new(0x00290010, "LO", "MAKER 1")
    inner.add_new(0x00291002, "UN", b"\1\2")
    clean = Dataset()
    clean.CodeValue = "1"
    ds.AnatomicRegionSequence = [clean, inner]
    ds.DerivationCodeSequence = [clean, Dataset()]
    data = encode(ds)
    signed, dump = dcmsign(pem, data, tmp_path)
    (found,) = read_signatures(signed)
    assert found.payload == dump
    tags = signable(dcmread(io.BytesIO(data)))
    assert Tag("DerivationCodeSequence") in tags
    assert Tag("AnatomicRegionSequence") not in tags


def test_sequences_carry_no_length_and_end_with_a_delimiter() -> None:
    """PS3.15 C.1.1, by hand."""
    code = Dataset()
    code.CodeValue = "5"
    ds = Dataset()
    ds.ConceptNameCodeSequence = [code]
    item = Dataset()
    item.MACIDNumber = 1
    item.Signature = b"\1\2"
    assert mac_stream(ds, [0x0040A043], item) == bytes.fromhex(
        "4000 43a0 5351 0000  feff 00e0  0800 0001 5348 0200 3520  feff dde0  0004 0500 5553 0200 0100"
    )
