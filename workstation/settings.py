"""Settings: plain values in one TOML file of the user's configuration folder; no secrets in it."""

import json
import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workstation.durable import write_durably
from workstation.errors import DiskFull, WorkstationError
from workstation.language import LANGUAGES, _

_LONGEST_WAIT_S = 3600


@dataclass(frozen=True)
class ServerProfile:
    """One IRIS. URLs have no trailing slash; `workitems_url` empty means the DICOMweb root serves them.

    `transaction_uid_in_query` is for servers that want the Transaction UID there too (its spelling is the value).
    `text_encoding` is for a park that writes texts in, say, Windows-1251 whatever its objects declare.
    `oidc_issuer` makes signing in OpenID Connect's; the addresses below it are for an issuer that publishes none.
    `client_certificate_file` is a PEM file (its key may be in `client_key_file`) or PKCS#12.
    """

    name: str
    dicomweb_url: str
    workitems_url: str = ""
    user: str = ""
    aet: str = "IRISWS"
    ca_file: str = ""
    worklist_label: str = ""
    transaction_uid_in_query: str = ""
    text_encoding: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_scope: str = "openid offline_access"
    oidc_authorization_url: str = ""
    oidc_token_url: str = ""
    oidc_jwks_url: str = ""
    oidc_revocation_url: str = ""
    client_certificate_file: str = ""
    client_key_file: str = ""
    connect_timeout_s: float = 10.0
    stall_timeout_s: float = 30.0

    @property
    def workitems_root(self) -> str:
        return self.workitems_url or self.dicomweb_url

    @property
    def signs_in_by_browser(self) -> bool:
        """Whether its sign-in is OpenID Connect, in the browser, and not a password."""
        return bool(self.oidc_issuer)


@dataclass(frozen=True)
class Reader:
    """The person who signs: name as a DICOM PN, organisation, identification code in the organisation's scheme."""

    name: str = ""
    organisation: str = ""
    code: str = ""
    code_scheme: str = "99IRIS"


@dataclass(frozen=True)
class Settings:
    """All settings of one desk. Values are frozen: a change makes new Settings and saves them.

    `lock_minutes` without a touch lock the window (0: never); `shown_as` is the reader's name in the chooser.
    Fetched ahead are held cases and the next `prefetch_cases` with the pictures of their `prefetch_priors` most
    relevant priors, at `prefetch_limit_mb_s` MB/s at most (0: no limit), in `prefetch_hours` (as "20-7"; "": always).
    """

    data_dir: Path
    language: str = "ru"
    theme: str = "dark"
    servers: tuple[ServerProfile, ...] = ()
    reader: Reader = field(default_factory=Reader)
    identity_file: str = ""
    token_library: str = ""
    timestamp_url: str = ""
    timestamp_ca_file: str = ""
    archive_limit_gb: float = 100.0
    prefetch: bool = True
    prefetch_cases: int = 10
    prefetch_priors: int = 3
    prefetch_limit_mb_s: float = 0.0
    prefetch_hours: str = ""
    lock_minutes: float = 10.0
    shown_as: str = ""
    poll_seconds: float = 30.0
    audit_server: str = ""
    audit_ca_file: str = ""
    audit_certificate_file: str = ""

    @property
    def server(self) -> ServerProfile:
        """The server in use: the first."""
        if not self.servers:
            raise WorkstationError(
                _("No server is set up"), advice=_("Add one in the settings, or start the demonstration.")
            )
        return self.servers[0]

    def server_named(self, name: str) -> ServerProfile:
        """The profile of that name. Raises WorkstationError that names those there are."""
        found = next((server for server in self.servers if server.name == name), None)
        if found is None:
            known = ", ".join(server.name for server in self.servers) or "-"
            raise WorkstationError(
                _("There is no such server"), name, _("Servers of this desk: {names}.").format(names=known)
            )
        return found

    def using(self, name: str) -> "Settings":
        """The same, with the server of that name in use. Raises as `server_named`."""
        wanted = self.server_named(name)
        return replace(self, servers=(wanted, *(server for server in self.servers if server.name != name)))


def default_data_dir() -> Path:
    """The folder of the sealed archive, of this user on this machine; IRIS_WORKSTATION_DATA overrides it."""
    import platformdirs

    named = os.environ.get("IRIS_WORKSTATION_DATA")
    return Path(named) if named else Path(platformdirs.user_data_path("iris-workstation", appauthor=False))


def load(data_dir: Path) -> Settings:
    """Settings of the desk whose data lie in `data_dir`; the defaults where no file is yet.

    Raises WorkstationError that names the file and the key when the file can't be used.
    """
    path = data_dir / "settings.toml"
    settings = Settings(data_dir=data_dir)
    if not path.exists():
        return settings
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        known = {f.name for f in fields(Settings)} - {"data_dir"}
        values: dict[str, Any] = {key: raw[key] for key in raw if key in known}
        if "servers" in values:
            values["servers"] = checked_servers(ServerProfile(**server) for server in values["servers"])
        if "reader" in values:
            values["reader"] = Reader(**values["reader"])
        settings = replace(settings, **values)
        hours_of(settings.prefetch_hours)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WorkstationError(
            _("The settings can't be read"), f"{path.name}: {error}", _("Mend or remove the file.")
        ) from error
    if settings.language not in LANGUAGES:
        raise WorkstationError(_("The settings can't be read"), f"{path.name}: language", _("Mend or remove the file."))
    return settings


def checked_servers(profiles: Iterable[ServerProfile]) -> tuple[ServerProfile, ...]:
    """Profiles whose values can be used. Raises ValueError that says which value of which server can't, and why."""
    checked: dict[str, ServerProfile] = {}
    for profile in profiles:
        for key in fields(ServerProfile):
            _must_fit(profile, key.name)
        if profile.name in checked:
            raise ValueError(_("two servers are named {name}").format(name=profile.name))
        if profile.oidc_issuer and not profile.oidc_client_id:
            raise ValueError(_("{name}: {key} is missing").format(name=profile.name, key="oidc_client_id"))
        explicit = (profile.oidc_authorization_url, profile.oidc_token_url, profile.oidc_jwks_url)
        if any(explicit) and not all((*explicit, profile.oidc_issuer)):
            keys = "oidc_issuer, oidc_authorization_url, oidc_token_url, oidc_jwks_url"
            raise ValueError(_("{name}: these go together: {keys}").format(name=profile.name, keys=keys))
        checked[profile.name] = profile
    return tuple(checked.values())


def _must_fit(profile: ServerProfile, key: str) -> None:
    value = getattr(profile, key)
    problem = ""
    if key.endswith("_s"):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST_WAIT_S:
            problem = _("{name}: {key} is no number of seconds from 0 to {limit}")
    elif not isinstance(value, str):
        problem = _("{name}: {key} is no text")
    elif key in ("name", "dicomweb_url") and not value.strip():
        problem = _("{name}: {key} is missing")
    elif value and (key.endswith("_url") or key == "oidc_issuer") and not _is_web_address(value):
        problem = _("{name}: {key} is no web address; it looks like https://iris.example/dicom-web")
    elif key == "aet" and not re.fullmatch(r"[\x21-\x5b\x5d-\x7e]{1,16}", value):
        problem = _("{name}: {key} is no AE title: 1 to 16 letters, digits and signs, without spaces and \\")
    if problem:
        raise ValueError(problem.format(name=profile.name, key=key, limit=_LONGEST_WAIT_S))


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        # a password here would stand in the file, and in what programs say of addresses
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        return False


def hours_of(text: str) -> tuple[int, int] | None:
    """The hours of the day between which something may be done, as in "20-7"; None: always. Raises ValueError."""
    if not text.strip():
        return None
    begin, dash, end = text.partition("-")
    if not dash or not all(0 <= int(hour) <= 24 for hour in (begin, end)):
        raise ValueError("prefetch_hours")
    return int(begin), int(end)


def save(settings: Settings) -> None:
    """Write the settings durably.

    Raises DiskFull, or WorkstationError where nothing may be written; the settings are as they were then.
    """
    values = asdict(settings)
    del values["data_dir"]
    servers = values.pop("servers")
    reader = values.pop("reader")
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    lines += ["", "[reader]", *(f"{key} = {_toml(value)}" for key, value in reader.items())]
    for server in servers:
        lines += ["", "[[servers]]", *(f"{key} = {_toml(value)}" for key, value in server.items())]
    path = settings.data_dir / "settings.toml"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        write_durably(path, ("\n".join(lines) + "\n").encode())
    except DiskFull as error:
        advice = _("The settings are as they were. Free some room and try again.")
        raise DiskFull(error.title, path.name, advice) from error
    except OSError as error:
        raise WorkstationError(
            _("The settings can't be written"),
            f"{path.name}: {error.strerror}",
            _("Check the rights on the data folder."),
        ) from error


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    # JSON's escapes are TOML's too; TOML wants DEL escaped as well
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
