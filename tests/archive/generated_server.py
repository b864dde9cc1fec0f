"""A DICOMweb server that makes its objects while it sends them: studies of any size, nothing of them kept."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

STUDY = "1.2.826.0.1.3680043.10.1337.99"
BOUNDARY = "generated"


def uid(series: int, number: int) -> str:
    """The SOP Instance UID of a slice, as long for every slice."""
    return f"{STUDY}.1{series:04d}.1{number:06d}"


def pattern(side: int) -> bytes:
    """A CT slice as Part 10 bytes; its UIDs stand for those of every other."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, uid(0, 0)
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, uid(0, 0)
    image.StudyInstanceUID, image.SeriesInstanceUID = STUDY, f"{STUDY}.10000"
    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "Made^Up", "G-1", "19700101", "O"
    image.StudyDate, image.StudyTime, image.AccessionNumber, image.StudyID = "20260110", "101500", "A-1", "1"
    image.Modality, image.SeriesNumber, image.InstanceNumber = "CT", 1, 1
    image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [0.7, 0.7], 1
    image.Rows = image.Columns = side
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.PixelData = np.random.default_rng(1).integers(0, 4096, (side, side), np.uint16).tobytes()
    stream: Any = io.BytesIO()
    pydicom.dcmwrite(stream, image, enforce_file_format=True)
    return bytes(stream.getvalue())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    series_count, slices, data = 1, 1, b""

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        path, _mark, query = self.path.partition("?")
        parts = path.strip("/").split("/")
        if path.endswith("/studies"):
            self._json([_dataset("0020000D", STUDY, "UI")])
        elif path.endswith("/workitems") or len(parts) > 6:
            self.send_error(404)
        elif path.endswith("/series"):
            self._json(
                [
                    _dataset("0020000E", f"{STUDY}.1{number:04d}", "UI", **{"00080060": "CT", "00201209": self.slices})
                    for number in range(self.series_count)
                ]
                if "offset=0" in query or "offset" not in query
                else []
            )
        elif path.endswith("/instances"):
            wish = dict(pair.partition("=")[::2] for pair in query.split("&"))
            offset = int(wish.get("offset", "0"))
            end = min(offset + min(int(wish.get("limit", "100")), 100), self.slices)
            series = int(parts[-2].rpartition(".1")[2])
            self._json([_dataset("00080018", uid(series, number), "UI") for number in range(offset, end)])
        else:
            self._objects(int(parts[-1].rpartition(".1")[2]))

    def _json(self, content: list[Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _objects(self, series: int) -> None:
        head = f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", f'multipart/related; type="application/dicom"; boundary={BOUNDARY}')
        self.send_header("Content-Length", str(self.slices * (len(head) + len(self.data)) + len(tail)))
        self.end_headers()
        old = uid(0, 0).encode()
        # all UIDs are in the header; the pixels are the same each time
        front, pixels = self.data[:2048], memoryview(self.data)[2048:]
        for number in range(self.slices):
            mine = front.replace(old, uid(series, number).encode())
            mine = mine.replace(f"{STUDY}.10000".encode(), f"{STUDY}.1{series:04d}".encode())
            self.wfile.write(head + mine)
            self.wfile.write(pixels)
        self.wfile.write(tail)


def _dataset(tag: str, value: str, vr: str, **more: object) -> dict[str, Any]:
    made: dict[str, Any] = {tag: {"vr": vr, "Value": [value]}}
    for name, content in more.items():
        made[name] = {"vr": "IS" if isinstance(content, int) else "CS", "Value": [content]}
    return made


@contextmanager
def generated_server(series: int, slices: int, side: int = 512) -> Iterator[str]:
    """The address of a server with one study of so many series and slices; it keeps one slice in memory."""
    handler = type("Handler", (_Handler,), {"series_count": series, "slices": slices, "data": pattern(side)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/dicom-web"
        finally:
            server.shutdown()
            thread.join()
