"""What a desk shows of itself, looked at before it is shown: the client certificate, and the server that signs in."""

from datetime import UTC, datetime

from workstation.errors import WorkstationError
from workstation.iris.client_certificate import read
from workstation.iris.finding import Finding, State, failed
from workstation.iris.oidc import discover
from workstation.iris.transport import Transport
from workstation.language import _, ngettext
from workstation.settings import ServerProfile

EXPIRY_WARNING_DAYS = 30


def check_client_certificate(profile: ServerProfile, password: str) -> Finding:
    """Whether its files can be used, key and certificate are a pair, and today is within its dates."""
    try:
        certificate = read(profile, password).certificate
    except WorkstationError as error:
        return failed("client certificate", error)
    now, until = datetime.now(UTC), certificate.not_valid_after_utc
    subject = certificate.subject.rfc4514_string()[:200]
    issuer = certificate.issuer.rfc4514_string()[:200]
    renew = _("Have a new one issued, and name it in the settings.")
    if until < now:
        said = _("{subject} has expired on {day}").format(subject=subject, day=f"{until:%Y-%m-%d}")
        return Finding("client certificate", State.FAILED, said, renew)
    if certificate.not_valid_before_utc > now:
        day = f"{certificate.not_valid_before_utc:%Y-%m-%d}"
        said = _("{subject} is valid from {day} on").format(subject=subject, day=day)
        return Finding("client certificate", State.FAILED, said, _("Check the date of this computer."))
    days = (until - now).days
    if days < EXPIRY_WARNING_DAYS:
        said = ngettext("{subject} expires in {days} day", "{subject} expires in {days} days", days)
        return Finding("client certificate", State.WARNING, said.format(subject=subject, days=days), renew)
    said = _("{subject}, issued by {issuer}, until {day}; its key belongs to it")
    return Finding("client certificate", State.OK, said.format(subject=subject, issuer=issuer, day=f"{until:%Y-%m-%d}"))


def check_provider(profile: ServerProfile) -> Finding:
    """Whether the OpenID provider answers, describes itself and offers what a sign-in needs."""
    try:
        with Transport(profile, None) as transport:
            provider = discover(profile, transport)
    except WorkstationError as error:
        advice = error.advice or _("Start the sign-in server, or mend oidc_issuer of this server.")
        return failed("sign-in server", error, advice)
    if not provider.algorithms:
        return Finding(
            "sign-in server",
            State.FAILED,
            _("it signs by no method that this program takes"),
            _("Have its administrator sign ID tokens by RS256 or ES256."),
        )
    ends = _("signing out is offered") if provider.revocation else _("signing out is not offered")
    return Finding("sign-in server", State.OK, f"{provider.issuer}, {ends}")
