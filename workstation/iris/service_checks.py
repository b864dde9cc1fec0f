"""What a server does for a desk, asked for with the desk's own client: from its clock to its worklist.

A sign-in is first left out, once: so the clock is seen before any password is sent, and a server that lets everybody in
is noticed. Findings hold counts, times and HTTP statuses; nothing that a study says of a patient.
"""

import email.utils
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from workstation.dicom.parsing import parse_instance
from workstation.errors import LinkDown, MalformedAnswer, ServerRefused, SignInNeeded, WorkstationError
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.entries import StudyEntry
from workstation.iris.finding import Finding, State, failed
from workstation.iris.identity_checks import check_client_certificate, check_provider
from workstation.iris.link_checks import check_link, origins
from workstation.iris.oidc import Tokens
from workstation.iris.session import Answer, IrisSession
from workstation.iris.transport import proxy_wants_sign_in
from workstation.iris.workitems import Workitems
from workstation.language import _, number_text
from workstation.settings import ServerProfile

SERVICES = ("clock", "sign-in", "search", "retrieval", "storing", "worklist")
# beyond it deadlines are shown wrongly; beyond five minutes sign-ins and time stamps begin to be refused
CLOCK_WARNING_S = 60
CLOCK_FAILURE_S = 300


@dataclass(frozen=True)
class TrialObject:
    """An object to store and read back, which says of itself that it is a test."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    data: bytes


@dataclass(frozen=True)
class Credentials:
    """What is known to sign in with; None: nothing."""

    password: str | None = field(default=None, repr=False)
    tokens: Tokens | None = None
    certificate_password: str = field(default="", repr=False)


def examine(profile: ServerProfile, known: Credentials, trial: TrialObject | None = None) -> Iterator[Finding]:
    """Every check of a server, in the order of the layers; each finding when it is made.

    `trial` is stored and stays on the server; None leaves storing out.
    """
    try:
        places = origins(profile)
    except WorkstationError as error:
        yield failed("address", error)
        yield from _left_out(SERVICES)
        return
    whole = True
    if profile.client_certificate_file:
        certificate = check_client_certificate(profile, known.certificate_password)
        yield certificate
        if certificate.state is State.FAILED:
            yield from _left_out(SERVICES)
            return
    for origin in places:
        for finding in check_link(origin, profile, known.certificate_password):
            whole = whole and finding.state is not State.FAILED
            yield finding
    if not whole:
        yield from _left_out(SERVICES)
        return
    told = set()
    try:
        for finding in _check_services(profile, known, trial):
            told.add(finding.check)
            yield finding
    except WorkstationError as error:
        advice = error.advice or _("Look into the server's log, and check that DICOMweb is served at this address.")
        yield failed("answer", error, advice)
        yield from _left_out(tuple(check for check in SERVICES if check not in told))


def _left_out(checks: tuple[str, ...]) -> Iterator[Finding]:
    for check in checks:
        yield Finding(check, State.NOT_CHECKED, _("possible only when the failure above is mended"))


def _check_services(profile: ServerProfile, known: Credentials, trial: TrialObject | None) -> Iterator[Finding]:
    url = f"{profile.dicomweb_url.rstrip('/')}/studies?limit=1"
    with IrisSession(replace(profile, user=""), "", None, known.certificate_password) as stranger:
        asked = time.time()
        unsigned = stranger.ask(url)
        if unsigned.status == 407:
            raise proxy_wants_sign_in(unsigned.host)
        yield _clock(unsigned, (asked + time.time()) / 2)
    if profile.signs_in_by_browser:
        provider = check_provider(profile)
        yield provider
        if provider.state is State.FAILED:
            yield from _left_out(SERVICES[1:])
            return
    with IrisSession(profile, known.password or "", known.tokens, known.certificate_password) as session:
        if profile.signs_in_by_browser:
            sign_in = _sign_in_by_token(profile, known.tokens, session, url)
        else:
            sign_in = _sign_in(profile, known.password, unsigned, session, url)
        yield sign_in
        if sign_in.state is State.FAILED:
            yield from _left_out(SERVICES[2:])
            return
        yield from _check_dicomweb(DicomWeb(session), trial)
        yield _worklist(Workitems(session))


def _clock(answer: Answer, middle: float) -> Finding:
    """The server's clock against ours: its Date header (RFC 9110, whole seconds) against the middle of the request."""
    try:
        server = email.utils.parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (ValueError, TypeError):
        return Finding("clock", State.NOT_CHECKED, _("the server doesn't say its time"))
    # the header cuts off a fraction of a second
    ahead = server + 0.5 - middle
    if abs(ahead) < CLOCK_WARNING_S:
        return Finding("clock", State.OK, _("both clocks agree"))
    away = _duration(abs(ahead))
    found = _("the server's clock is {time} ahead") if ahead > 0 else _("the server's clock is {time} behind")
    return Finding(
        "clock",
        State.FAILED if abs(ahead) >= CLOCK_FAILURE_S else State.WARNING,
        found.format(time=away),
        _("See which of both clocks is wrong and have it set by a time server (NTP); check the time zone too."),
    )


def _duration(seconds: float) -> str:
    if (minutes := round(seconds / 60)) < 60:
        return _("{minutes} min").format(minutes=minutes)
    return _("{hours} h").format(hours=number_text(seconds / 3600, 1, trim=True))


def _sign_in(profile: ServerProfile, password: str | None, unsigned: Answer, session: IrisSession, url: str) -> Finding:
    if not profile.user:
        if unsigned.status in (401, 403):
            return Finding(
                "sign-in",
                State.FAILED,
                _("the server wants a sign-in, and no user is set (HTTP {status})").format(status=unsigned.status),
                _("Set the user of this server in the settings, or give --user and --password-file."),
            )
        return Finding("sign-in", State.OK, _("none is asked for"))
    if password is None:
        return Finding(
            "sign-in",
            State.FAILED,
            _("no password of {user} is known").format(user=profile.user),
            _("Give it by --password-file, or sign in once in the window."),
        )
    status = session.ask(url).status
    if status == 401:
        return Finding(
            "sign-in",
            State.FAILED,
            _("the server refuses {user} with this password (HTTP 401)").format(user=profile.user),
            _("Check the user name and the password, and that the server takes HTTP Basic sign-in."),
        )
    if status == 403:
        return Finding(
            "sign-in",
            State.FAILED,
            _("{user} is known, but may not search (HTTP 403)").format(user=profile.user),
            _("Have the server's administrator give this user the rights to search, retrieve and store."),
        )
    if unsigned.status < 300:
        return Finding(
            "sign-in",
            State.WARNING,
            _("the server answers without a sign-in too"),
            _("Have the server's administrator close it: whoever reaches it reads every study."),
        )
    return Finding("sign-in", State.OK, _("as {user}").format(user=profile.user))


def _sign_in_by_token(profile: ServerProfile, tokens: Tokens | None, session: IrisSession, url: str) -> Finding:
    advice = _("Sign in in the window, or by: iris-workstation sign-in --server {name}").format(name=profile.name)
    if tokens is None or not tokens.known:
        return Finding("sign-in", State.FAILED, _("nobody is signed in to this server"), advice)
    try:
        status = session.ask(url).status
    except SignInNeeded as error:
        return failed("sign-in", error, advice)
    if status in (401, 403):
        return Finding(
            "sign-in",
            State.FAILED,
            _("the server refuses a token that its sign-in server has just given (HTTP {status})").format(
                status=status
            ),
            _("Have the server's administrator check which issuer, audience and roles the server takes."),
        )
    return Finding("sign-in", State.OK, _("by a token of {issuer}").format(issuer=profile.oidc_issuer))


def _check_dicomweb(web: DicomWeb, trial: TrialObject | None) -> Iterator[Finding]:
    study: StudyEntry | None = None
    searched = True
    began = time.monotonic()
    try:
        study = next(web.search_studies({}, limit=1), None)
        found = _("answers") if study else _("answers; there is no study")
        yield Finding("search", State.OK, f"{found}, {_seconds(began)}")
    except WorkstationError as error:
        searched = False
        yield failed("search", error, _advice(error))
    if study is None:
        reason = _("there is no study to fetch") if searched else _("possible only when the failure above is mended")
        yield Finding("retrieval", State.NOT_CHECKED, reason)
    else:
        yield _retrieval(web, study.study_uid)
    yield _storing(web, trial)


def _retrieval(web: DicomWeb, study_uid: str) -> Finding:
    began = time.monotonic()
    try:
        for series in web.search_series(study_uid):
            for instance in web.search_instances(study_uid, series.series_uid):
                began = time.monotonic()
                data = web.retrieve_instance(study_uid, series.series_uid, instance.sop_instance_uid)
                if parse_instance(data).sop_instance_uid != instance.sop_instance_uid:
                    return Finding(
                        "retrieval",
                        State.FAILED,
                        _("the server hands out another object than was asked for"),
                        _("Report this to the server's maker: its index and its files disagree."),
                    )
                size = number_text(len(data) / 1e6, 2, trim=True)
                return Finding(
                    "retrieval", State.OK, _("one object, {size} MB").format(size=size) + f", {_seconds(began)}"
                )
    except WorkstationError as error:
        return failed("retrieval", error, _advice(error))
    return Finding("retrieval", State.NOT_CHECKED, _("the first study has no object"))


def _storing(web: DicomWeb, trial: TrialObject | None) -> Finding:
    if trial is None:
        return Finding("storing", State.NOT_CHECKED, _("only with --store: it leaves a test object on the server"))
    try:
        answer = web.store(trial.study_uid, [trial.data])
        if answer.failed:
            return Finding(
                "storing",
                State.FAILED,
                _("the server refuses the test object: {reason}").format(reason=answer.failed[0].text),
                _("Look into the server's log: it says which rule of its own the object breaks."),
            )
        back = web.retrieve_instance(trial.study_uid, trial.series_uid, trial.sop_instance_uid)
    except WorkstationError as error:
        return failed("storing", error, _advice(error))
    left = _("test object left there: patient IRIS-DOCTOR, study {uid}").format(uid=trial.study_uid)
    if back != trial.data:
        return Finding(
            "storing",
            State.FAILED,
            _("the object came back with other bytes") + f"; {left}",
            _("Switch off what changes objects on the server (coercion, transcoding): no signature survives it."),
        )
    return Finding("storing", State.OK, _("stored and read back unchanged") + f"; {left}")


def _worklist(workitems: Workitems) -> Finding:
    try:
        if workitems.supported():
            return Finding("worklist", State.OK, _("answers (UPS-RS)"))
    except WorkstationError as error:
        return failed("worklist", error, _advice(error))
    return Finding("worklist", State.OK, _("none, archive mode: the list of studies is the worklist"))


def _seconds(began: float) -> str:
    return _("{seconds} s").format(seconds=number_text(time.monotonic() - began, 1))


def _advice(error: WorkstationError) -> str:
    """What an administrator can do; "" where the error says it better."""
    status = error.status if isinstance(error, ServerRefused) else 0
    if status in (404, 405) or isinstance(error, MalformedAnswer):
        return _("Check the path of the address: it is the DICOMweb root, which often ends in /dicom-web.")
    if status == 429:
        return _("Try again later, or have the server's administrator raise this desk's limit of requests.")
    if status >= 500:
        return _("Look into the server's log: the fault is there.")
    if isinstance(error, LinkDown):
        return _("Try again; if it stays so, look into the server's log and at the firewall's limits of time.")
    return error.advice or _("Look into the server's log: it says why.")
