"""The embedded IRIS as a bare HTTP client sees it: media types, origins, methods and parameters as PS3.18 has them."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from PIL import Image

from workstation.demo.server import EmbeddedIris

PLACE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
DICOM = "multipart/related; type="
VIEWER = "http://localhost:3000"


@pytest.fixture
def stored(client: Any, make_object: Callable[..., bytes]) -> bytes:
    """One slice of 64 × 64 with a ramp from left to right, 0 … 2047 HU."""
    ramp = np.tile((np.arange(64) * 32).astype("<i2"), (64, 1))
    data = make_object(SOPInstanceUID="1.2.3.1.1", Rows=64, PixelData=ramp.tobytes(), RescaleIntercept=0)
    assert client.store([data]).status_code == 200
    return data


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, "multipart/related"),
        ("", 200, "multipart/related"),
        ('multipart/related; type="application/dicom"', 200, "multipart/related"),
        ("multipart/related; type=application/dicom", 200, "multipart/related"),
        ('multipart/related;type="application/dicom";transfer-syntax=*', 200, "multipart/related"),
        ('MULTIPART/Related; TYPE="Application/DICOM"', 200, "multipart/related"),
        ("multipart/related", 200, "multipart/related"),
        ("application/dicom", 200, "application/dicom"),
        ("application/dicom;q=0.9, multipart/related;type=application/dicom;q=0.1", 200, "application/dicom"),
        ("application/dicom;q=0.1, multipart/related;type=application/dicom;q=0.9", 200, "multipart/related"),
        ("text/html, */*;q=0.1", 200, "multipart/related"),
        ("text/html", 406, "text/plain"),
        ("application/dicom;q=0", 406, "text/plain"),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90', 406, "text/plain"),
        ("multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.1", 200, "multipart/related"),
    ],
)
def test_an_object_comes_in_the_media_type_that_the_client_prefers(
    client: Any, stored: bytes, accept: str, status: int, kind: str
) -> None:
    answer = client.get(PLACE, accept=accept)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (status, kind)
    if status == 200:
        assert stored in answer.content


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/dicom+json", 200), ("application/json", 200), ("*/*", 200), ("application/*", 200), ("", 200),
        ("application/dicom+json;q=0.5, application/dicom+xml", 200), ("application/dicom+json; charset=utf-8", 200),
        ("application/dicom+xml", 406), ('multipart/related; type="application/dicom+xml"', 406), ("text/html", 406),
        ("application/dicom+json;q=0", 406), ("text/jsonish", 406),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/studies", PLACE + "/metadata", "/workitems"])
def test_json_comes_to_whoever_takes_it(client: Any, stored: bytes, path: str, accept: str, status: int) -> None:
    answer = client.get(path, accept=accept)
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["Content-Type"].startswith("application/dicom+json")
        assert isinstance(answer.json(), list)


def test_the_media_type_may_be_asked_for_in_the_address(client: Any, stored: bytes) -> None:
    assert client.get(PLACE + "?accept=application/dicom", accept="text/html").content == stored
    assert client.get("/studies?accept=text/html").status_code == 406


def test_a_head_request_tells_length_and_type_without_a_body(client: Any, iris: EmbeddedIris, stored: bytes) -> None:
    head = client.http.head(iris.url + PLACE, headers={"Accept": "application/dicom"}, timeout=10)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(stored)), b"")
    assert client.http.head(iris.url + "/studies", timeout=10).headers["Content-Type"] == "application/dicom+json"
    # the connection is still good for the next request
    assert client.get("/studies").status_code == 200


def test_what_a_place_can_do_is_told(client: Any, iris: EmbeddedIris) -> None:
    for path, methods in (
        ("/studies", {"GET", "HEAD", "POST", "OPTIONS"}),
        (PLACE, {"GET", "HEAD", "OPTIONS"}),
        ("/workitems/1.2/state", {"PUT", "OPTIONS"}),
    ):
        answer = client.http.options(iris.url + path, timeout=10)
        assert answer.status_code == 200
        assert {method.strip() for method in answer.headers["Allow"].split(",")} == methods
    assert client.http.options(iris.url + "/nowhere", timeout=10).status_code == 404
    refused = client.http.delete(iris.url + "/studies", timeout=10)
    assert refused.status_code == 405
    assert "GET" in refused.headers["Allow"]


def test_a_viewer_of_another_origin_may_ask_and_read_what_it_needs(iris: EmbeddedIris, client: Any) -> None:
    ask = {
        "Origin": VIEWER,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, accept",
    }
    # a browser sends its question without a sign-in
    answer = requests.options(iris.url + PLACE, headers=ask, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == VIEWER
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
    told = client.get("/studies", headers={"Origin": VIEWER})
    assert told.headers["Access-Control-Allow-Origin"] == VIEWER
    exposed = told.headers["Access-Control-Expose-Headers"].lower()
    assert all(name in exposed for name in ("warning", "location", "retry-after"))
    assert "origin" in told.headers["Vary"].lower()
    # also a refusal must be readable, or the viewer can't ask for a password
    assert requests.get(iris.url + "/studies", headers={"Origin": VIEWER}, timeout=10).headers[
        "Access-Control-Allow-Origin"
    ] == VIEWER  # fmt: skip


def test_a_page_from_the_internet_may_not_ask(iris: EmbeddedIris, client: Any) -> None:
    for origin in ("https://example.org", "http://localhost.example.org", "null"):
        told = client.get("/studies", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in told.headers


def picture(answer: requests.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_picture_obeys_window_viewport_and_quality(client: Any, stored: bytes) -> None:
    # PS3.3 C.11.2.1.2: below c - 0.5 - (w - 1) / 2 black, above c - 0.5 + (w - 1) / 2 white
    shown = picture(client.get(PLACE + "/rendered?window=1024,1025,LINEAR", accept="image/png"))
    columns = np.arange(64) * 32
    expected = np.clip(((columns - 1023.5) / 1024 + 0.5) * 255, 0, 255)
    assert np.abs(shown[10].astype(float) - expected).max() <= 1
    exact = picture(client.get(PLACE + "/rendered?window=1024,1024,LINEAR_EXACT", accept="image/png"))
    assert np.abs(exact[10].astype(float) - np.clip(((columns - 1024) / 1024 + 0.5) * 255, 0, 255)).max() <= 1
    sigmoid = picture(client.get(PLACE + "/rendered?window=1024,512,SIGMOID", accept="image/png"))
    assert np.abs(sigmoid[10].astype(float) - 255 / (1 + np.exp(-4 * (columns - 1024) / 512))).max() <= 1
    small = picture(client.get(PLACE + "/rendered?viewport=16,32&window=1024,2048,LINEAR", accept="image/png"))
    assert small.shape == (16, 16)
    # the right half alone: columns 32 … 63
    half = picture(
        client.get(PLACE + "/rendered?viewport=32,64,32,0,32,64&window=1024,2049,LINEAR", accept="image/png")
    )
    assert half.shape == (64, 32)
    assert abs(int(half[0, 0]) - 128) <= 2
    sizes = [
        len(client.get(PLACE + f"/rendered?quality={quality}", accept="image/jpeg").content) for quality in (5, 95)
    ]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    "wish",
    [
        "window=abc", "window=1,2,CUBIC", "window=1", "window=1,0,LINEAR", "viewport=0,5", "viewport=1,2,3",
        "quality=0", "quality=101", "quality=high", "viewport=16,16,60,0,10,10",
    ],
)  # fmt: skip
def test_a_picture_that_can_not_be_made_as_wished_is_refused(client: Any, stored: bytes, wish: str) -> None:
    assert client.get(PLACE + f"/rendered?{wish}", accept="image/png").status_code == 400


def test_a_picture_comes_as_png_or_jpeg_by_preference_and_as_nothing_else(client: Any, stored: bytes) -> None:
    for accept, kind in (
        ("image/png;q=0.5, image/jpeg", "image/jpeg"), ("image/png", "image/png"), ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"), ("image/webp, image/png", "image/png"),
    ):  # fmt: skip
        assert client.get(PLACE + "/rendered", accept=accept).headers["Content-Type"] == kind
    assert client.get(PLACE + "/rendered", accept="image/webp").status_code == 406


def test_a_search_pages_and_says_what_is_left(
    client: Any, make_object: Callable[..., bytes], iris: EmbeddedIris
) -> None:
    client.store([make_object(InstanceNumber=number) for number in range(1, 6)])
    iris.faults.paging_cap = 3
    first = client.get("/instances?limit=100")
    assert len(first.json()) == 3
    assert first.headers["Warning"].startswith("299 ")
    assert "2 additional results" in first.headers["Warning"]
    rest = client.get("/instances?limit=100&offset=3")
    assert len(rest.json()) == 2
    assert "Warning" not in rest.headers
    assert "Warning" not in client.get("/instances?limit=2").headers
    assert client.get("/instances?offset=50").json() == []
    for wrong in ("limit=-1", "offset=x", "limit=", "NoSuchAttribute=1", "includefield=NoSuchAttribute"):
        assert client.get(f"/instances?{wrong}").status_code == 400, wrong


def test_fields_are_included_by_name_tag_list_and_all(client: Any, stored: bytes) -> None:
    bare = client.get("/studies").json()[0]
    assert "00081030" not in bare
    for wish in (
        "includefield=StudyDescription", "includefield=00081030", "includefield=PatientAge,StudyDescription",
        "includefield=PatientAge&includefield=StudyDescription", "includefield=all",
    ):  # fmt: skip
        assert client.get(f"/studies?{wish}").json()[0]["00081030"]["Value"] == ["КТ органов грудной клетки"]


def test_transcoded_objects_are_the_same_image(client: Any, make_object: Callable[..., bytes]) -> None:
    from pydicom.uid import RLELossless

    plain = pydicom.dcmread(io.BytesIO(make_object(SOPInstanceUID="1.2.3.1.1")))
    pixels = plain.pixel_array.copy()
    plain.compress(RLELossless, generate_instance_uid=False)
    stream: Any = io.BytesIO()
    plain.save_as(stream)
    assert client.store([stream.getvalue()]).status_code == 200
    wanted = client.get(PLACE, accept="application/dicom; transfer-syntax=1.2.840.10008.1.2.1")
    found = pydicom.dcmread(io.BytesIO(wanted.content))
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert np.array_equal(found.pixel_array, pixels)
    assert client.get(PLACE, accept="application/dicom; transfer-syntax=*").content == stream.getvalue()
    frame = client.get(PLACE + "/frames/1", accept="multipart/related; type=image/dicom-rle")
    assert 'type="image/dicom-rle"' in frame.headers["Content-Type"]
    assert client.get(PLACE + "/frames/1", accept="multipart/related; type=image/jp2").status_code == 406
