"""The world's errors: what can go wrong outside the program, told so that a radiologist knows what to do.

Each carries a title (what happened), a detail (what and where) and an advice (what to do now). None of them loses
data, and none may hold a patient's name, identifier or report text. Our own mistakes are not among them: those
stay ordinary exceptions, are logged with a trace and shown once.
"""


class WorkstationError(Exception):
    """The world refused. `str()` is one clear line."""

    def __init__(self, title: str, detail: str = "", advice: str = "") -> None:
        super().__init__(title, detail, advice)
        self.title = title
        self.detail = detail
        self.advice = advice

    def __str__(self) -> str:
        head = f"{self.title}: {self.detail}" if self.detail else self.title
        return f"{head.rstrip('.')}. {self.advice}" if self.advice else head


class Cancelled(WorkstationError):
    """The user, or the end of the program, stopped the work."""


class LinkDown(WorkstationError):
    """No answer: no route, no TLS, a stalled read, a cut connection. Worth another try later."""


class SignInNeeded(WorkstationError):
    """The server wants another sign-in (401) or forbids this (403)."""


class ServerRefused(WorkstationError):
    """The server answered and said no; `status` is the HTTP status, `retry_after` its wish in seconds."""

    def __init__(
        self, title: str, detail: str = "", advice: str = "", *, status: int, retry_after: float | None = None
    ) -> None:
        super().__init__(title, detail, advice)
        self.status = status
        self.retry_after = retry_after


class MalformedAnswer(WorkstationError):
    """The server's answer breaks its own format: broken multipart, JSON that is none."""


class UnreadableObject(WorkstationError):
    """Bytes that are no DICOM object, or one whose picture can't be decoded."""


class Unsupported(UnreadableObject):
    """A sound object whose picture this program doesn't make: a video, a coding without a decoder, no picture."""


class NothingToShow(WorkstationError):
    """A study or series without any picture."""


class ArchiveLocked(WorkstationError):
    """The archive is there, its key is not: a wrong passphrase, or no keyring answers."""


class WrongPassphrase(ArchiveLocked):
    """A passphrase, desk passphrase or recovery key was typed that isn't this archive's."""


class ArchiveDamaged(WorkstationError):
    """An object of the archive fails its authentication or its hash."""


class DiskFull(WorkstationError):
    """The archive's disk has no room; nothing already stored is affected."""


class IdentityUnusable(WorkstationError):
    """A signing identity can't be opened or used: wrong password, no key, expired."""


class TemplateInvalid(WorkstationError):
    """A report template breaks the rules of MRRT or ours."""


class FormIncomplete(WorkstationError):
    """The conclusion can't be signed as it stands."""


class CaseUnavailable(WorkstationError):
    """The case can't be claimed, or is no longer ours."""
