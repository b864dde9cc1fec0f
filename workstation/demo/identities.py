"""The demonstration's identities: a certificate authority and the reader who signs with a PKCS#12 file."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from workstation.signing.authority import Authority, ReaderSubject

READER = ReaderSubject(
    name="Смирнова^Анна^Викторовна",
    organisation="Референс-центр лучевой диагностики",
    code="77-0421",
)


@dataclass(frozen=True)
class DemoIdentities:
    """Where the files lie; the password is the first line of its file."""

    folder: Path
    reader: ReaderSubject = READER

    @property
    def authority_pem(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def reader_p12(self) -> Path:
        return self.folder / "reader.p12"

    @property
    def password_file(self) -> Path:
        return self.folder / "reader.password"

    @property
    def reader_json(self) -> Path:
        """Name, organisation and code of the reader, for programs that read settings."""
        return self.folder / "reader.json"

    @property
    def password(self) -> str:
        return self.password_file.read_text(encoding="utf-8").split("\n", 1)[0]


def ensure_identities(folder: Path) -> DemoIdentities:
    """The identities in `folder`, made when they aren't all there."""
    identities = DemoIdentities(folder)
    paths = (identities.authority_pem, identities.password_file, identities.reader_json, identities.reader_p12)
    if all(path.exists() for path in paths):
        return identities
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority.create("Учебный удостоверяющий центр IRIS", "IRIS Workstation")
    password = secrets.token_urlsafe(12)
    reader = {"name": READER.name, "organisation": READER.organisation, "code": READER.code}
    _write(identities.authority_pem, authority.pem)
    _write(identities.password_file, f"{password}\n".encode())
    _write(identities.reader_json, json.dumps(reader, ensure_ascii=False, indent=1).encode())
    # last: who finds it finds the rest too
    _write(identities.reader_p12, authority.issue(READER, password))
    return identities


def _write(path: Path, content: bytes) -> None:
    """For the owner's eyes, all of it or nothing."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    os.replace(draft, path)
