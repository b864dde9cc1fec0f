"""What the outbox says of a package: its state, how long it waits, what the reader may decide."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from workstation.consultation.deciding import Deciding
from workstation.consultation.outbox import OutboxRow
from workstation.consultation.package_states import ACTIVE, OVER
from workstation.language import N_, _
from workstation.ui import texts

STATES = {
    "queued": N_("Waiting to be sent"),
    "sending": N_("Being sent"),
    "stored": N_("Stored, not checked yet"),
    "confirmed": N_("Read back and verified"),
    "delivered": N_("Delivered"),
    "refused": N_("Refused"),
    "paused": N_("Paused: sign in"),
    "held": N_("Kept back: decide"),
    "kept": N_("Kept here, not sent"),
    "replaced": N_("To be written anew"),
}

_BY_ITSELF = N_("It goes by itself as soon as it can. There is nothing to do.")
_MEANINGS: dict[str, str] = {
    **dict.fromkeys(map(str, ACTIVE), _BY_ITSELF),
    "delivered": N_("Read back from the server byte by byte, its signature verified."),
    "paused": N_("Sign in, and it goes on by itself."),
    "refused": N_("The signed documents are safe here. Tell whoever runs the server what it says, then choose."),
    "kept": N_("It stays here as a signed record, and isn't sent by itself."),
    "replaced": N_("Another conclusion takes its place. These documents stay here as a record."),
    "lost": N_(
        "The order was withdrawn, or given to someone else, before the conclusion was delivered. Ask the sender, then"
        " choose."
    ),
    "newer_report": N_(
        "Someone else's verified report is on the study; an addendum to it can't be written here. Read it, then choose."
    ),
}

_ORDER_OPEN = N_(
    "It stays here as a signed record, and isn't sent by itself. The order is still open in your name at the server:"
    " tell whoever gave it, or send the conclusion after all."
)


@dataclass(frozen=True)
class Choice:
    """One thing the reader may decide; `reopens`: the case is to be written again."""

    label: str
    deed: Callable[[Deciding, str], None]
    reopens: bool = False


_KEEP = Choice(N_("Keep it here"), Deciding.keep)
_CHOICES: dict[str, tuple[Choice, ...]] = {
    "refused": (
        Choice(N_("Send again"), Deciding.send_again),
        Choice(N_("Write and sign anew"), Deciding.write_anew, reopens=True),
        _KEEP,
    ),
    "lost": (Choice(N_("Send as an unsolicited opinion"), Deciding.send_again), _KEEP),
    "newer_report": (Choice(N_("Send beside it"), Deciding.send_again), _KEEP),
    "kept": (Choice(N_("Send after all"), Deciding.send_again),),
}


def meaning(row: OutboxRow) -> str:
    """What the state means for the reader, and what to do."""
    if row.state == "kept" and row.order_open:
        return _(_ORDER_OPEN)
    return _(_MEANINGS[row.held_for or row.state])


def choices(row: OutboxRow) -> tuple[Choice, ...]:
    """What the reader may decide, the likeliest first; nothing on what goes by itself or is over."""
    return _CHOICES.get(row.held_for or row.state, ())


def age(row: OutboxRow, now: datetime | None = None) -> str:
    """How long a package waits since it was signed; nothing once it is over."""
    return "" if row.state in OVER else texts.span((now or datetime.now(UTC)) - row.signed_at)


def next_try(row: OutboxRow, now: datetime | None = None) -> str:
    """When it is tried again, or for whom it waits."""
    if row.state in ("refused", "held"):
        return _("your decision")
    if row.state == "paused":
        return _("after sign-in")
    if row.state not in ACTIVE or row.due_at is None:
        return ""
    left = row.due_at - (now or datetime.now(UTC))
    if left <= timedelta(0):
        return _("now")
    if left < timedelta(minutes=1):
        return _("in {seconds} s").format(seconds=int(left.total_seconds()) + 1)
    return _("in {span}").format(span=texts.span(left))
