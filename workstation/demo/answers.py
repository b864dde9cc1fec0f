"""What all services of the embedded IRIS answer with: DICOM JSON, lists cut into pages, warnings, refusals."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from workstation.demo.faults import Faults
from workstation.demo.headers import Json
from workstation.demo.matching import Query
from workstation.demo.negotiation import wishes

DICOM_JSON = "application/dicom+json"
ROOT = "/dicom-web"


def base_url(request: Request) -> str:
    """The DICOMweb root as this client reaches it, without a slash at the end."""
    base = request.base_url
    host, port = request.scope.get("server") or ("", None)
    # some clients name the host without the port that they came to: an address made of that leads nowhere
    if host and port and base.port is None and ":" not in request.headers.get("host", ""):
        base = base.replace(port=port)
    return str(base).rstrip("/") + ROOT


def dicom_json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in DICOM JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, dict(headers or {}), media_type=DICOM_JSON)


def warning(request: Request, text: str) -> str:
    """The value of a Warning header as PS3.18 has them: code 299, the service, a quoted text."""
    return f'299 {request.url.netloc} "{text}"'


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that says no, with one line for a person."""
    return Response(text + "\n", status, dict(headers or {}), media_type="text/plain")


def unacceptable(request: Request) -> Response | None:
    """406 unless the client takes DICOM JSON."""
    taken = wishes(request)
    if any(wish.takes(kind) for wish in taken for kind in (DICOM_JSON, "application/json")):
        return None
    return refusal(406, "application/dicom+json is what there is")


def page_size(query: Query, faults: Faults) -> int:
    """How many results a page has: never more than the paging cap."""
    return min(faults.paging_cap, query.limit if query.limit is not None else faults.paging_cap)


def page(request: Request, query: Query, found: Sequence[Json], faults: Faults) -> Response:
    """The wanted window of a search's results."""
    window = found[query.offset : query.offset + page_size(query, faults)]
    return one_page(request, query, window, len(found), faults)


def one_page(request: Request, query: Query, window: Sequence[Json], count: int, faults: Faults) -> Response:
    """A window of `count` results, with a warning when more are left than the client asked to see."""
    headers = {}
    left = count - query.offset - len(window)
    if left > 0 and (query.limit is None or query.limit > page_size(query, faults)):
        headers["Warning"] = warning(request, f"There are {left} additional results that can be requested")
    if not window and faults.empty_search == 204:
        return Response(status_code=204)
    return dicom_json(window, 200, headers)
