"""The receipt of a delivered conclusion: who sent what, when, what the server said of each object and what it holds.

Made in the transaction that calls the package delivered, from values that were stored before. It carries the head of
the audit chain, whose last entry carries the receipt's own hash: either kept elsewhere shows a change of the other.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from workstation.archive import audit
from workstation.archive.database import Cursor
from workstation.errors import WorkstationError
from workstation.language import N_, _, number_text

DELIVERED = "conclusion delivered"
"""The event whose entry vouches for a receipt."""

ROLES = {
    "key_images": N_("Key images"),
    "presentation": N_("Graphics"),
    "measurements": N_("Measurements"),
    "pdf": N_("PDF"),
    "manifest": N_("List of images read"),
    "conclusion": N_("Conclusion"),
}


@dataclass(frozen=True)
class DeliveredObject:
    """One object: `answer` is the server's word on storing it, `read_back_at` when the same bytes came back."""

    role: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    size: int
    sha256: str
    answer: str
    read_back_at: str


@dataclass(frozen=True)
class Receipt:
    """Times are ISO 8601 in UTC, hashes hexadecimal; `workitem` is "" when none was completed. No patient data.

    `timestamped`: an authority's timestamp stands beside the signature; else its moment is the signer's own word.
    """

    package_uid: str
    case_uid: str
    study_uid: str
    title: str
    signer: str
    signed_at: str
    delivered_at: str
    delivered_by: str
    server: str
    server_url: str
    workitem: str
    objects: tuple[DeliveredObject, ...]
    audit_entry: int = 0
    audit_head: str = ""
    timestamped: bool = False

    @property
    def head(self) -> audit.Head:
        """The head of the audit chain when the receipt was made."""
        return self.audit_entry, bytes.fromhex(self.audit_head)

    @property
    def digest(self) -> str:
        """SHA-256 of the receipt without its head, as the audit entry tells it."""
        values = asdict(replace(self, audit_entry=0, audit_head=""))
        if not self.timestamped:
            # receipts of versions that knew no timestamps keep their hash
            del values["timestamped"]
        return hashlib.sha256(json.dumps(values, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return asdict(self)

    def text(self) -> str:
        """As a page to read, to copy and to print."""
        completed = self.workitem or _("none: the images were read without an order, or it was lost")
        stamp = (
            _("with the signature") if self.timestamped else _("none: the moment is by the clock of the workstation")
        )
        lines = [
            _("Receipt of a delivered conclusion"),
            "",
            *_aligned(
                (
                    (_("Conclusion"), self.title),
                    (_("Case"), self.case_uid),
                    (_("Study"), self.study_uid),
                    (_("Signed"), f"{self.signed_at}  {self.signer}"),
                    (_("Timestamp"), stamp),
                    (_("Delivered"), f"{self.delivered_at}  {self.delivered_by}"),
                    (_("Server"), f"{self.server}  {self.server_url}"),
                    (_("Workitem completed"), completed),
                )
            ),
        ]
        for one in self.objects:
            lines += [
                "",
                _(ROLES[one.role]) if one.role in ROLES else one.role,
                *_aligned(
                    (
                        ("SOP Instance UID", one.sop_instance_uid),
                        ("SOP Class UID", one.sop_class_uid),
                        (_("Bytes"), number_text(one.size, 0)),
                        ("SHA-256", one.sha256),
                        (_("The server's answer"), one.answer or _("none was noted")),
                        (_("Read back, the same"), one.read_back_at),
                    ),
                    "  ",
                ),
            ]
        lines += ["", *_aligned(((_("Audit entry"), str(self.audit_entry)), (_("Its hash"), self.audit_head)))]
        return "\n".join(lines)


def keep_receipt(cursor: Cursor, package_uid: str, who: str, *, server: str, server_url: str, workitem: str) -> Receipt:
    """Make the receipt of a package that was just delivered, enter it into the audit chain, and keep it.

    Inside the caller's transaction.
    """
    row = cursor.execute("SELECT * FROM packages WHERE package_uid = ?", (package_uid,)).fetchone()
    objects = cursor.execute(
        "SELECT * FROM package_objects WHERE package_uid = ? ORDER BY ordinal", (package_uid,)
    ).fetchall()
    receipt = Receipt(
        package_uid=package_uid,
        case_uid=row["case_uid"],
        study_uid=row["study_uid"],
        title=row["title"],
        signer=row["signer"],
        signed_at=row["signed_at"],
        delivered_at=row["delivered_at"],
        delivered_by=who,
        server=server,
        server_url=server_url,
        workitem=workitem,
        timestamped=json.loads(row["content_json"]).get("timestamped", False),
        objects=tuple(
            DeliveredObject(
                role=one["role"],
                series_uid=one["series_uid"],
                sop_class_uid=one["sop_class_uid"],
                sop_instance_uid=one["sop_uid"],
                size=one["size"],
                sha256=bytes(one["sha256"]).hex(),
                answer=one["answer"],
                read_back_at=one["verified_at"],
            )
            for one in objects
        ),
    )
    audit.record(cursor, who, DELIVERED, row["case_uid"], {"package": package_uid, "receipt": receipt.digest})
    entry, digest = audit.head(cursor)
    receipt = replace(receipt, audit_entry=entry, audit_head=digest.hex())
    cursor.execute(
        "UPDATE packages SET receipt_json = ? WHERE package_uid = ?",
        (json.dumps(receipt.to_json(), ensure_ascii=False), package_uid),
    )
    return receipt


def receipts(cursor: Cursor, case_uid: str = "") -> list[Receipt]:
    """The receipts kept, of one case or of all, the newest first."""
    rows = cursor.execute(
        """SELECT receipt_json FROM packages WHERE state = 'delivered' AND (? = '' OR case_uid = ?)
        ORDER BY delivered_at DESC""",
        (case_uid, case_uid),
    ).fetchall()
    return [receipt for row in rows if (receipt := receipt_kept(row["receipt_json"]))]


def receipt_kept(text: str) -> Receipt | None:
    """The receipt in a package's row; None where none was made, or by a version that entered none into the chain."""
    values = json.loads(text)
    return receipt_of(values) if "audit_head" in values else None


def receipt_of(values: Mapping[str, Any]) -> Receipt:
    """A receipt from its JSON object. Raises WorkstationError when it is none."""
    try:
        objects = tuple(DeliveredObject(**one) for one in values["objects"])
        receipt = Receipt(**{**values, "objects": objects})
        datetime.fromisoformat(receipt.delivered_at)
        if len(receipt.head[1]) != hashlib.sha256().digest_size or receipt.audit_entry < 1:
            raise ValueError
    except (TypeError, ValueError, KeyError) as error:
        raise WorkstationError(_("This is no receipt of a delivery")) from error
    return receipt


def unvouched(entries: Sequence[audit.Entry], kept: Sequence[Receipt]) -> list[Receipt]:
    """Those of the receipts whose hash the audit chain doesn't carry where they say."""
    by_number = {entry.sequence: entry for entry in entries}
    return [
        receipt
        for receipt in kept
        if (entry := by_number.get(receipt.audit_entry)) is None
        or (entry.event, entry.detail.get("receipt")) != (DELIVERED, receipt.digest)
    ]


def _aligned(pairs: Sequence[tuple[str, str]], indent: str = "") -> list[str]:
    width = max(len(name) for name, _value in pairs)
    return [f"{indent}{name:{width}}  {value}" for name, value in pairs]
