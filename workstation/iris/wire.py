"""One server as the rest of the program sees it: its DICOMweb services, and its worklist where it has one."""

from dataclasses import dataclass

from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import AccessTokens, IrisSession
from workstation.iris.workitems import Workitems
from workstation.settings import ServerProfile


@dataclass(frozen=True)
class Wire:
    """`workitems` is None in archive mode: the server is a plain archive, its study list is the worklist."""

    profile: ServerProfile
    dicomweb: DicomWeb
    workitems: Workitems | None

    @property
    def archive_mode(self) -> bool:
        return self.workitems is None


def connect(
    profile: ServerProfile, password: str, tokens: AccessTokens | None = None, certificate_password: str = ""
) -> Wire:
    """Sign in and learn what the server can (transaction T1).

    Raises LinkDown, SignInNeeded, ServerRefused, MalformedAnswer or WorkstationError.
    """
    session = IrisSession(profile, password, tokens, certificate_password)
    try:
        dicomweb = DicomWeb(session)
        dicomweb.check()
        workitems = Workitems(session)
        return Wire(profile, dicomweb, workitems if workitems.supported() else None)
    except BaseException:
        session.close()
        raise
