"""The workitem service (UPS-RS, PS3.18 §11) in front of the procedure steps."""

import json
from datetime import datetime

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import generate_uid
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workstation.demo.answers import base_url, dicom_json, one_page, page_size, refusal, unacceptable, warning
from workstation.demo.elements import first, tag
from workstation.demo.faults import Faults, drain
from workstation.demo.headers import Json
from workstation.demo.matching import BadQuery, Query, bounds, matches, parse_moment, parse_query
from workstation.demo.multipart import parse_media_type
from workstation.demo.procedure_steps import Outcome, ProcedureSteps, State, Wanted

# stands for the DICOMweb root in stored workitems, whose address changes from start to start
ADDRESS = "iris-root:"

# what a search hands out without being asked for more
RETURNED = frozenset(
    f"{tag_for_keyword(keyword):08X}"
    for keyword in (
        "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "ProcedureStepState", "ProcedureStepLabel",
        "WorklistLabel", "ScheduledProcedureStepPriority", "ScheduledProcedureStepModificationDateTime",
        "ScheduledProcedureStepStartDateTime", "ExpectedCompletionDateTime", "ScheduledWorkitemCodeSequence",
        "ScheduledHumanPerformersSequence", "InputReadinessState", "StudyInstanceUID", "PatientName", "PatientID",
        "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    )
)  # fmt: skip

# the query's name for the Transaction UID changed over the years
TRANSACTION_NAMES = ("transaction-uid", "transaction", "transactionuid", "TransactionUID", "00081195")


class _NotADataset(ValueError):
    pass


class Worklist:
    """The workitem service on a set of procedure steps."""

    def __init__(self, steps: ProcedureSteps, faults: Faults) -> None:
        self._steps = steps
        self._faults = faults

    def routes(self) -> list[Route]:
        """Search, create, retrieve, update, change state, request cancellation; old spellings of paths too."""
        return [
            Route("/workitems", self.search),
            Route("/workitems", self.create, methods=["POST"]),
            Route("/workitems/{workitem}", self.retrieve),
            Route("/workitems/{workitem}", self.update, methods=["POST"]),
            Route("/workitems/{workitem}/state", self.change_state, methods=["PUT"]),
            Route("/workitems/{workitem}/state/{requester}", self.change_state, methods=["PUT"]),
            Route("/workitems/{workitem}/cancelrequest", self.request_cancel, methods=["POST"]),
            Route("/workitems/{workitem}/cancelrequest/{requester}", self.request_cancel, methods=["POST"]),
        ]

    def search(self, request: Request) -> Response:
        """GET /workitems (§11.9)."""
        refused = unacceptable(request)
        if refused is not None:
            return refused
        try:
            query = parse_query(request.query_params.multi_items(), ignored=("accept", "requester"))
            wanted = _indexed(query, frozenset(self._faults.lost))
            if wanted is not None:
                texts, count = self._steps.found(wanted, query.offset, page_size(query, self._faults))
                window = [_returned(_addressed(text, request), query) for text in texts]
                return one_page(request, query, window, count, self._faults)
            found = [
                step.dataset
                for step in self._steps.all()
                if step.uid not in self._faults.lost and matches(query, step.dataset)
            ]
        except BadQuery as error:
            return refusal(400, str(error))
        window = [
            _returned(_addressed(json.dumps(dataset, ensure_ascii=False), request), query)
            for dataset in found[query.offset : query.offset + page_size(query, self._faults)]
        ]
        return one_page(request, query, window, len(found), self._faults)

    def retrieve(self, request: Request) -> Response:
        """GET /workitems/{workitem} (§11.5); the Transaction UID stays here."""
        refused = unacceptable(request)
        if refused is not None:
            return refused
        step = None if self._lost(request) else self._steps.get(request.path_params["workitem"])
        if step is None:
            return _outcome(request, Outcome.NOT_FOUND)
        return dicom_json([_addressed(json.dumps(step.dataset, ensure_ascii=False), request)])

    async def create(self, request: Request) -> Response:
        """POST /workitems?workitem={uid} (§11.4)."""
        try:
            dataset = await _payload(request)
        except _NotADataset as error:
            return refusal(_status(error), str(error))
        named = request.query_params.get("workitem") or request.query_params.get("AffectedSOPInstanceUID")
        uid = named or request.url.query if request.url.query.replace(".", "").isdigit() else named
        uid = uid or first(dataset, "SOPInstanceUID") or generate_uid()
        outcome = await run_in_threadpool(self._steps.create, str(uid), dataset)
        if outcome is not Outcome.DONE:
            return _outcome(request, outcome)
        place = f"{base_url(request)}/workitems/{uid}"
        return Response(status_code=201, headers={"Location": place, "Content-Location": place})

    async def update(self, request: Request) -> Response:
        """POST /workitems/{workitem} (§11.6), the Transaction UID in the query or the dataset."""
        try:
            dataset = await _payload(request)
        except _NotADataset as error:
            return refusal(_status(error), str(error))
        if self._lost(request):
            return _outcome(request, Outcome.NOT_FOUND)
        spoken = {str(value) for value in (first(dataset, "TransactionUID"), _transaction(request)) if value}
        if len(spoken) > 1:
            return _outcome(request, Outcome.WRONG_TRANSACTION)
        transaction_uid = next(iter(spoken), "")
        uid = request.path_params["workitem"]
        return _outcome(request, await run_in_threadpool(self._steps.update, uid, transaction_uid, dataset))

    async def change_state(self, request: Request) -> Response:
        """PUT /workitems/{workitem}/state?requester={aet} (§11.7)."""
        try:
            dataset = await _payload(request)
            wanted = State(first(dataset, "ProcedureStepState"))
        except _NotADataset as error:
            return refusal(_status(error), str(error))
        except ValueError:
            return _outcome(request, Outcome.NOT_VALID)
        if not _requester_fits(request):
            return refusal(400, "the requester is no AE title")
        if self._lost(request):
            return _outcome(request, Outcome.NOT_FOUND)
        spoken = str(first(dataset, "TransactionUID") or _transaction(request) or "")
        uid = request.path_params["workitem"]
        return _outcome(request, await run_in_threadpool(self._steps.change_state, uid, spoken, wanted))

    async def request_cancel(self, request: Request) -> Response:
        """POST /workitems/{workitem}/cancelrequest?requester={aet} (§11.8)."""
        try:
            reason = await _payload(request, empty={})
        except _NotADataset as error:
            return refusal(_status(error), str(error))
        if not _requester_fits(request):
            return refusal(400, "the requester is no AE title")
        if self._lost(request):
            return _outcome(request, Outcome.NOT_FOUND)
        outcome = await run_in_threadpool(self._steps.request_cancel, request.path_params["workitem"], reason)
        return Response(status_code=202) if outcome is Outcome.DONE else _outcome(request, outcome)

    def _lost(self, request: Request) -> bool:
        return request.path_params["workitem"] in self._faults.lost


def _outcome(request: Request, outcome: Outcome) -> Response:
    headers = {"Warning": warning(request, outcome.text)} if outcome.text else {}
    if outcome.status >= 400:
        return refusal(outcome.status, outcome.text, headers)
    return Response(status_code=outcome.status, headers=headers)


def _status(error: _NotADataset) -> int:
    return 415 if error.args[1:] else 400


async def _payload(request: Request, empty: Json | None = None) -> Json:
    """The one dataset of a request's body. Raises _NotADataset."""
    media_type, _parameters = parse_media_type(request.headers.get("content-type", ""))
    if media_type not in ("application/dicom+json", "application/json") and empty is None:
        await drain(request.receive)
        raise _NotADataset("application/dicom+json is what is understood", "media type")
    body = await request.body()
    if not body and empty is not None:
        return empty
    try:
        content = json.loads(body)
    except ValueError as error:
        raise _NotADataset("the body is no JSON") from error
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if not isinstance(content, dict) or not all(_is_element(name, element) for name, element in content.items()):
        raise _NotADataset("the body is no single dataset in DICOM JSON")
    return content


def _is_element(name: str, element: object) -> bool:
    return (
        len(name) == 8
        and all(digit in "0123456789ABCDEF" for digit in name)
        and isinstance(element, dict)
        and isinstance(element.get("vr"), str)
        and isinstance(element.get("Value", []), list)
    )


def _transaction(request: Request) -> str | None:
    return next((request.query_params[name] for name in TRANSACTION_NAMES if name in request.query_params), None)


def _requester_fits(request: Request) -> bool:
    requester = request.path_params.get("requester") or request.query_params.get("requester", "")
    return len(requester) <= 16 and requester.isascii()


def _indexed(query: Query, without: frozenset[str]) -> Wanted | None:
    """The search as indexes answer it; None when it asks for more than they know."""
    state = label = ""
    since: datetime | None = None
    until: datetime | None = None
    for condition in query.conditions:
        keyword, value = condition.path, condition.value
        if value in ("", "*"):
            continue
        if keyword == (tag("ProcedureStepState"),) and not _is_pattern(value) and not state:
            state = value
        elif keyword == (tag("WorklistLabel"),) and not _is_pattern(value) and not label:
            label = value
        elif keyword == (tag("ScheduledProcedureStepModificationDateTime"),) and since is until is None:
            low, high = bounds(value, "DT")
            since = parse_moment(low)[0] if low else None
            until = parse_moment(high)[1] if high else None
        else:
            return None
    return Wanted(state, label, since, until, without)


def _is_pattern(value: str) -> bool:
    return "*" in value or "?" in value


def _addressed(text: str, request: Request) -> Json:
    addressed: Json = json.loads(text.replace(ADDRESS, base_url(request)))
    return addressed


def _returned(dataset: Json, query: Query) -> Json:
    if query.include_all:
        return dataset
    chosen = {name: element for name, element in dataset.items() if name in RETURNED | query.tags}
    for name in query.tags - {tag("TransactionUID")}:
        chosen.setdefault(name, {"vr": dictionary_VR(int(name, 16))})
    return dict(sorted(chosen.items()))
