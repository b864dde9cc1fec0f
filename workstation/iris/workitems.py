"""The worklist (UPS-RS, PS3.18 chapter 11): finding consultations, claiming, completing and giving them back.

The Transaction UID is the key to a claimed item: whoever has it owns the item, so it is stored before it is sent.
Servers differ: a wrong one is 400 by the standard, 409 in dcm4chee; it goes in the body always, and in the query too
where the profile says how that server spells it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from workstation.dicom.content import Code
from workstation.errors import CaseUnavailable, ServerRefused
from workstation.iris.dicomweb import datasets_of
from workstation.iris.json_model import Dataset, element, text, to_body
from workstation.iris.paging import every_page
from workstation.iris.query import query_string
from workstation.iris.session import IrisSession, malformed
from workstation.iris.workitem import Outcome, Workitem, cancellation, performed_procedure, read_workitem, write_moment
from workstation.language import _

_JSON = "application/dicom+json"
# not the owner, or not in a state that allows it; the standard and dcm4chee differ in which
_NOT_YOURS = (400, 409)
_GONE = (404, 410)


class Workitems:
    """The worklist of one server. Methods raise what IrisSession raises, and MalformedAnswer."""

    def __init__(self, session: IrisSession) -> None:
        self._session = session
        self._root = session.profile.workitems_root.rstrip("/")
        self._retrieve_root = session.profile.dicomweb_url.rstrip("/")

    def supported(self) -> bool:
        """Whether the server has a worklist at all; a plain archive answers 404."""
        try:
            self._search([("limit", "1")])
        except ServerRefused as refused:
            if refused.status in (404, 405, 501):
                return False
            raise
        return True

    def server_time(self) -> datetime | None:
        """What the server's clock says; None when it doesn't tell."""
        told = self._session.get(f"{self._root}/workitems?limit=1").headers.get("Date", "")
        try:
            return parsedate_to_datetime(told).astimezone(UTC)
        except ValueError:
            return None

    def search(
        self, state: str = "", label: str = "", reader_code: str = "", changed_since: datetime | None = None
    ) -> Iterator[Workitem]:
        """Items in a state, of a queue, of an assigned reader, or changed since; page by page as they are taken."""
        filters = {
            "ScheduledProcedureStepModificationDateTime": f"{write_moment(changed_since)}-" if changed_since else "",
            "ProcedureStepState": state,
            "WorklistLabel": label,
            "ScheduledHumanPerformersSequence.HumanPerformerCodeSequence.CodeValue": reader_code,
        }
        pairs = [(name, value) for name, value in filters.items() if value]

        def fetch(size: int, offset: int) -> list[Dataset]:
            return self._search([*pairs, ("includefield", "all"), ("limit", str(size)), ("offset", str(offset))])

        for dataset in every_page(fetch, lambda dataset: text(dataset, "00080018")):
            yield read_workitem(dataset)

    def get(self, uid: str) -> Workitem:
        """One item; raises CaseUnavailable when the server has it no more."""
        try:
            found = datasets_of(self._session.get(f"{self._root}/workitems/{uid}"))
        except ServerRefused as refused:
            if refused.status in _GONE:
                raise _gone() from refused
            raise
        if len(found) != 1:
            raise malformed(f"{len(found)} data sets for one workitem", self._root)
        return read_workitem(found[0])

    def claim(self, uid: str, transaction_uid: str) -> None:
        """Take the item; when this returns, it is held under `transaction_uid`.

        After LinkDown it may be held or not: call again with the same UID, which then finds out. Raises
        CaseUnavailable when someone else has it.
        """
        try:
            self._change_state(uid, transaction_uid, "IN PROGRESS")
        except ServerRefused as refused:
            if refused.status in _GONE:
                raise _gone() from refused
            if refused.status not in _NOT_YOURS:
                raise
            if not self.probe(uid, transaction_uid):
                raise CaseUnavailable(
                    _("Someone else has taken this case"), advice=_("Refresh the worklist.")
                ) from refused

    def probe(self, uid: str, transaction_uid: str) -> bool:
        """Whether the item is in progress under `transaction_uid`: an update that only its owner may make."""
        try:
            self.update(uid, transaction_uid, {"00741002": element("SQ", {"00741004": element("DS", 0)})})
        except ServerRefused as refused:
            if refused.status in (*_NOT_YOURS, *_GONE):
                return False
            raise
        return True

    def update(self, uid: str, transaction_uid: str, content: Mapping[str, Any]) -> None:
        """Set elements (JSON Model) of an item that is held."""
        body = to_body({**content, "00081195": element("UI", transaction_uid)})
        self._session.send("POST", f"{self._root}/workitems/{uid}{self._query(transaction_uid)}", body, _JSON)

    def complete(self, uid: str, transaction_uid: str, outcome: Outcome) -> None:
        """Set the results, then COMPLETED; returns also when both are already so.

        Raises CaseUnavailable when the item is no longer ours or ended without our results.
        """
        try:
            self.update(uid, transaction_uid, performed_procedure(outcome, self._retrieve_root))
        except ServerRefused as refused:
            if refused.status in _GONE:
                raise _gone() from refused
            if refused.status not in _NOT_YOURS:
                raise
            self._must_hold(uid, outcome, refused)
        try:
            # repeated, it answers 200 with Warning 299
            self._change_state(uid, transaction_uid, "COMPLETED")
        except ServerRefused as refused:
            if refused.status not in _NOT_YOURS:
                raise
            self._must_hold(uid, outcome, refused)

    def cancel(self, uid: str, transaction_uid: str, reason: Code, explanation: str = "") -> None:
        """Give a held item back: CANCELED, which is final, with a coded reason; returns also when it already is."""
        try:
            self.update(uid, transaction_uid, cancellation(reason, explanation, datetime.now(UTC)))
            self._change_state(uid, transaction_uid, "CANCELED")
        except ServerRefused as refused:
            if refused.status in _GONE:
                raise _gone() from refused
            if refused.status not in _NOT_YOURS:
                raise
            if self.get(uid).state != "CANCELED":
                raise _lost() from refused

    def _must_hold(self, uid: str, outcome: Outcome, refused: ServerRefused) -> None:
        """Return when the item is completed with the outputs of `outcome`: an earlier try of ours got through."""
        item = self.get(uid)
        if item.state == "COMPLETED" and {one.sop_instance_uid for one in outcome.outputs} <= set(item.outputs):
            return
        if item.state == "IN PROGRESS":
            # either the wrong Transaction UID or content the server can't take: its own words say which
            raise refused
        raise _lost() from refused

    def _change_state(self, uid: str, transaction_uid: str, state: str) -> None:
        body = to_body({"00081195": element("UI", transaction_uid), "00741000": element("CS", state)})
        url = f"{self._root}/workitems/{uid}/state{self._query(transaction_uid)}"
        self._session.send("PUT", url, body, _JSON)

    def _query(self, transaction_uid: str) -> str:
        profile = self._session.profile
        pairs = [("requester", profile.aet)]
        if profile.transaction_uid_in_query:
            pairs.append((profile.transaction_uid_in_query, transaction_uid))
        return query_string(pairs)

    def _search(self, pairs: list[tuple[str, str]]) -> list[Dataset]:
        return datasets_of(self._session.get(f"{self._root}/workitems{query_string(pairs)}"))


def _gone() -> CaseUnavailable:
    return CaseUnavailable(_("The server has this case no more"), advice=_("Refresh the worklist."))


def _lost() -> CaseUnavailable:
    return CaseUnavailable(_("The case is no longer ours"), advice=_("The conclusion is kept; ask the sender."))
