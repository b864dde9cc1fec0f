"""DICOMweb as a client: searching (QIDO-RS), retrieving (WADO-RS) and storing (STOW-RS), PS3.18 chapter 10."""

from collections.abc import Iterator, Mapping, Sequence

from workstation.iris.entries import (
    INSTANCE_FIELDS,
    SERIES_FIELDS,
    STUDY_FIELDS,
    InstanceEntry,
    SeriesEntry,
    StudyEntry,
    instance_entry,
    series_entry,
    study_entry,
)
from workstation.iris.json_model import Dataset, parse_datasets, text
from workstation.iris.multipart import boundary_of, read_parts
from workstation.iris.paging import every_page
from workstation.iris.query import query_string
from workstation.iris.session import Answer, IrisSession, malformed, refusal
from workstation.iris.store import MultipartBody, StoreAnswer, store_answer
from workstation.jobs import Cancellation

# without transfer-syntax=* a server may transcode, and the bytes are no longer those that were signed
ACCEPT_INSTANCES = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class DicomWeb:
    """The DICOMweb services of one server. All methods raise what IrisSession raises, and MalformedAnswer."""

    def __init__(self, session: IrisSession) -> None:
        self._session = session
        self._root = session.profile.dicomweb_url.rstrip("/")

    def check(self) -> None:
        """Ask for one study: the address, the sign-in and the link are right when this returns."""
        self._search("studies", [("limit", "1")])

    def search_studies(self, filters: Mapping[str, str], limit: int | None = None) -> Iterator[StudyEntry]:
        """Studies that match all `filters` (keyword or tag → value), page by page as they are taken."""
        for dataset in self._pages("studies", filters, STUDY_FIELDS, "0020000D", limit):
            yield study_entry(dataset)

    def search_series(self, study_uid: str) -> Iterator[SeriesEntry]:
        """All series of a study."""
        for dataset in self._pages(f"studies/{study_uid}/series", {}, SERIES_FIELDS, "0020000E"):
            yield series_entry(dataset, study_uid)

    def search_instances(self, study_uid: str, series_uid: str) -> Iterator[InstanceEntry]:
        """All instances of a series."""
        path = f"studies/{study_uid}/series/{series_uid}/instances"
        for dataset in self._pages(path, {}, INSTANCE_FIELDS, "00080018"):
            yield instance_entry(dataset, study_uid, series_uid)

    def retrieve_series(
        self, study_uid: str, series_uid: str, cancellation: Cancellation | None = None
    ) -> Iterator[bytes]:
        """Part 10 bytes of the instances of a series, one at a time, as the server has them.

        One streaming request. What arrived whole is handed out before LinkDown or MalformedAnswer is raised. Cancelling
        ends the transfer at once, also one that stalls.
        """
        return self._retrieve(f"studies/{study_uid}/series/{series_uid}", cancellation)

    def retrieve_instance(
        self, study_uid: str, series_uid: str, sop_instance_uid: str, cancellation: Cancellation | None = None
    ) -> bytes:
        """Part 10 bytes of one instance, as the server has them; ServerRefused 404 when it has none."""
        path = f"studies/{study_uid}/series/{series_uid}/instances/{sop_instance_uid}"
        found = list(self._retrieve(path, cancellation))
        if len(found) != 1:
            raise malformed(f"{len(found)} parts for one instance", self._root)
        return found[0]

    def store(self, study_uid: str, objects: Sequence[bytes]) -> StoreAnswer:
        """Send Part 10 objects of one study in one request, in this order.

        Answers whenever the server lists instances, whatever its status; raises ServerRefused when it says no without
        a list. Neither proves that the bytes are there: read back.
        """
        body = MultipartBody(objects)
        answer = self._session.send(
            "POST", f"{self._root}/studies/{study_uid}", body, body.content_type, expected=(400, 409)
        )
        try:
            listed = store_answer(answer.status, parse_datasets(answer.body))
        except ValueError:
            listed = None
        if listed:
            return listed
        if answer.status >= 300:
            raise refusal(answer, answer.host)
        return StoreAnswer(answer.status, (), ())

    def _retrieve(self, path: str, cancellation: Cancellation | None) -> Iterator[bytes]:
        cancellation = cancellation or Cancellation()
        with self._session.stream(f"{self._root}/{path}", ACCEPT_INSTANCES) as answer:
            bodies = _instances(answer, cancellation)
            while True:
                with cancellation.calling(answer.abort):
                    try:
                        body = next(bodies, None)
                    except Exception:
                        # a connection ended under a waiting read shows in many ways
                        cancellation.check()
                        raise
                if body is None:
                    return
                yield body
                cancellation.check()

    def _pages(
        self, path: str, filters: Mapping[str, str], fields: Sequence[str], key: str, limit: int | None = None
    ) -> Iterator[Dataset]:
        def fetch(size: int, offset: int) -> list[Dataset]:
            pairs = [*filters.items(), *(("includefield", name) for name in fields)]
            return self._search(path, [*pairs, ("limit", str(size)), ("offset", str(offset))])

        return every_page(fetch, lambda dataset: text(dataset, key), limit)

    def _search(self, path: str, pairs: Sequence[tuple[str, str]]) -> list[Dataset]:
        answer = self._session.get(f"{self._root}/{path}{query_string(pairs)}")
        return datasets_of(answer)


def datasets_of(answer: Answer) -> list[Dataset]:
    """The data sets of a search answer; an empty search is 204, or an empty array."""
    try:
        return parse_datasets(answer.body)
    except ValueError as error:
        raise malformed("JSON", answer.host) from error


def _instances(answer: Answer, cancellation: Cancellation) -> Iterator[bytes]:
    def read(size: int) -> bytes:
        cancellation.check()
        return answer.read(size)

    if answer.media_type == "application/dicom":
        answer.read_all()
        yield answer.body
        return
    if not answer.media_type.startswith("multipart/"):
        raise malformed(f"{answer.media_type or 'no content type'} instead of multipart", answer.host)
    for part in read_parts(read, boundary_of(answer.content_type)):
        if part.headers.get("content-type", "application/dicom").partition(";")[0].strip() != "application/dicom":
            raise malformed("a part that is no instance", answer.host)
        yield part.body
