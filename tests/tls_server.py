"""Authorities, certificates and a server that shows them: for the tests of what a certificate can be wrong in."""

import datetime
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Names = tuple[str, ...]


@dataclass(frozen=True)
class TestAuthority:
    """A root of its own; `file` is its PEM."""

    __test__ = False

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def issue(self, names: Names, begins: float = -1, ends: float = 100) -> tuple[Path, Path]:
        """Files of a certificate for hosts and addresses, and of its key; the days count from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        general = x509.SubjectAlternativeName([_general(name) for name in names])
        built = (
            _builder(names[0], self.certificate.subject, key, begins, ends)
            .add_extension(general, False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .sign(self.key, hashes.SHA256())
        )
        files = self.folder / f"{built.serial_number}.pem", self.folder / f"{built.serial_number}.key"
        files[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files


def new_authority(folder: Path, name: str) -> TestAuthority:
    """A self-signed root, valid for a year."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(name, subject, key, -400, 400)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    made = TestAuthority(folder, name, key, certificate)
    made.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return made


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: float, ends: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=begins))
        .not_valid_after(now + datetime.timedelta(days=ends))
    )


@contextmanager
def listening(answer: "Serve") -> Iterator[int]:
    """The port of a loopback listener whose connections are given to `answer`, one thread each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopping = threading.Event()

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.settimeout(10)
                answer(connection)

        def accept() -> None:
            while True:
                connection, _address = listener.accept()
                if stopping.is_set():
                    connection.close()
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopping.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join(10)


class Serve:
    """What is done with a connection."""

    def __call__(self, connection: socket.socket) -> None:
        raise NotImplementedError


class Secured(Serve):
    """TLS with a certificate, then the same HTTP answer to whatever is asked.

    `clients`: the authority whose certificates a client must show; `shown` are the subjects of those that came.
    """

    def __init__(
        self,
        files: tuple[Path, Path],
        answer: bytes,
        clients: Path | None = None,
        newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*files)
        self._context.maximum_version = newest
        if clients is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(clients)
        self._answer = answer
        self.asked: list[bytes] = []
        self.shown: list[object] = []

    def __call__(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True) as secured:
            if request := _request(secured):
                self.asked.append(request)
                self.shown.append((secured.getpeercert() or {}).get("subject"))
                secured.sendall(self._answer)


def _request(connection: socket.socket) -> bytes:
    """A whole HTTP request; b"" when none came."""
    received = b""
    while True:
        head, end, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if end and len(body) >= int(length.group(1) if length else 0):
            return received
        if not (piece := connection.recv(65536)):
            return b""
        received += piece


class Proxy(Serve):
    """An HTTP proxy: opens tunnels (RFC 9110, CONNECT), or refuses them with `status`."""

    def __init__(self, status: str = "200 OK") -> None:
        self.status = status
        self.asked: list[str] = []
        self.heads: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return
            head += piece
        line = head.decode("latin-1").partition("\r\n")[0]
        self.asked.append(line)
        self.heads.append(head.decode("latin-1"))
        connection.sendall(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        if not self.status.startswith("200"):
            return
        host, _colon, port = line.split()[1].rpartition(":")
        with socket.create_connection((host, int(port)), 10) as onward:
            back = threading.Thread(target=_pump, args=(onward, connection), daemon=True)
            back.start()
            _pump(connection, onward)
            back.join(10)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
