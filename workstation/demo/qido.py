"""Search for studies, series and instances (QIDO-RS, PS3.18 §10.6)."""

import json
from collections.abc import Iterable, Iterator

from pydicom.datadict import dictionary_VR, tag_for_keyword
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workstation.demo.answers import base_url, page, refusal, unacceptable
from workstation.demo.faults import Faults
from workstation.demo.headers import BULK_PREFIX, Json
from workstation.demo.matching import BadQuery, Query, matches, parse_query
from workstation.demo.store import Store


def _tags(*keywords: str) -> frozenset[str]:
    return frozenset(f"{tag_for_keyword(keyword):08X}" for keyword in keywords)


# PS3.18 tables 10.6.3-3, -4 and -5: what is handed out without being asked for
STUDY_RETURNED = _tags(
    "SpecificCharacterSet", "StudyDate", "StudyTime", "AccessionNumber", "InstanceAvailability", "ModalitiesInStudy",
    "ReferringPhysicianName", "TimezoneOffsetFromUTC", "RetrieveURL", "PatientName", "PatientID", "IssuerOfPatientID",
    "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID", "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)  # fmt: skip
SERIES_RETURNED = _tags(
    "SpecificCharacterSet", "Modality", "TimezoneOffsetFromUTC", "SeriesDescription", "RetrieveURL",
    "SeriesInstanceUID", "SeriesNumber", "NumberOfSeriesRelatedInstances", "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime", "RequestAttributesSequence", "StudyInstanceUID",
)  # fmt: skip
INSTANCE_RETURNED = _tags(
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "InstanceAvailability", "TimezoneOffsetFromUTC",
    "RetrieveURL", "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames", "StudyInstanceUID",
    "SeriesInstanceUID", "AvailableTransferSyntaxUID",
)  # fmt: skip

# what belongs to the patient and study, and what to the series: a search of that level may name it
STUDY_LEVEL = STUDY_RETURNED | _tags(
    "StudyDescription", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy", "PatientAge", "PatientSize",
    "PatientWeight", "OtherPatientIDs", "OtherPatientIDsSequence", "IssuerOfPatientIDQualifiersSequence",
    "AdditionalPatientHistory", "AdmittingDiagnosesDescription", "PatientComments", "EthnicGroup", "Occupation",
    "IssuerOfAccessionNumberSequence", "InstitutionName", "SOPClassesInStudy", "ReferencedStudySequence",
    "PatientBirthTime", "StudyComments", "ProcedureCodeSequence",
)  # fmt: skip
SERIES_LEVEL = SERIES_RETURNED | _tags(
    "SeriesDate", "SeriesTime", "BodyPartExamined", "ProtocolName", "PerformingPhysicianName", "OperatorsName",
    "Manufacturer", "ManufacturerModelName", "StationName", "InstitutionName", "InstitutionalDepartmentName",
    "Laterality", "PatientPosition", "PerformedProcedureStepDescription", "PerformedProcedureStepID",
    "SeriesDescriptionCodeSequence", "FrameOfReferenceUID",
)  # fmt: skip


class Search:
    """The search service on a store."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def routes(self) -> list[Route]:
        """Every level, below its parents and without them."""
        return [
            Route("/studies", self.studies),
            Route("/series", self.series),
            Route("/studies/{study}/series", self.series),
            Route("/instances", self.instances),
            Route("/studies/{study}/instances", self.instances),
            Route("/studies/{study}/series/{series}/instances", self.instances),
        ]

    def studies(self, request: Request) -> Response:
        """GET /studies."""
        entries = (_limited(entry, STUDY_LEVEL) for entry in self._studies(request))
        return self._answer(request, entries, STUDY_RETURNED, STUDY_LEVEL)

    def series(self, request: Request) -> Response:
        """GET /series and /studies/{study}/series."""
        study = request.path_params.get("study")
        returned = SERIES_RETURNED if study else SERIES_RETURNED | STUDY_RETURNED
        return self._answer(request, self._series(request, study), returned, SERIES_LEVEL | STUDY_LEVEL)

    def instances(self, request: Request) -> Response:
        """GET /instances, /studies/{study}/instances and /studies/{study}/series/{series}/instances."""
        study, series = request.path_params.get("study"), request.path_params.get("series")
        returned = INSTANCE_RETURNED
        if not series:
            returned |= SERIES_RETURNED
        if not study:
            returned |= STUDY_RETURNED
        return self._answer(request, self._instances(request, study, series), returned, None)

    def _answer(
        self, request: Request, entries: Iterable[Json], returned: frozenset[str], level: frozenset[str] | None
    ) -> Response:
        refused = unacceptable(request)
        if refused is not None:
            return refused
        try:
            query = parse_query(request.query_params.multi_items(), ignored=("accept",))
            for condition in query.conditions:
                if level is not None and condition.path[0] not in level:
                    raise BadQuery(f"{condition.path[0]} is no attribute of this level")
            found = [_returned(entry, query, returned) for entry in entries if matches(query, entry)]
        except BadQuery as error:
            return refusal(400, str(error))
        return page(request, query, found, self._faults)

    def _studies(self, request: Request) -> Iterator[Json]:
        root = base_url(request)
        for header in self._store.study_headers():
            yield self._study_entry(header, root)

    def _study_entry(self, header: Json, root: str) -> Json:
        study = str(header["0020000D"]["Value"][0])
        counts = self._store.counts(study)
        modalities = {
            str(value)
            for series in self._store.series_headers(study)
            for value in series.get("00080060", {}).get("Value", ())
        }
        return header | {
            "00080056": {"vr": "CS", "Value": ["ONLINE"]},
            "00080061": {"vr": "CS", "Value": sorted(modalities)},
            "00081190": {"vr": "UR", "Value": [f"{root}/studies/{study}"]},
            "00201206": {"vr": "IS", "Value": [len(counts)]},
            "00201208": {"vr": "IS", "Value": [sum(count for _series, count in counts)]},
        }

    def _series(self, request: Request, study: str | None) -> Iterator[Json]:
        root = base_url(request)
        counts: dict[str, dict[str, int]] = {}
        studies: dict[str, Json] = {}
        for header in self._store.series_headers(study):
            of_study, series = str(header["0020000D"]["Value"][0]), str(header["0020000E"]["Value"][0])
            if of_study not in counts:
                counts[of_study] = dict(self._store.counts(of_study))
                studies[of_study] = self._study_entry(header, root)
            entry = _limited(header | studies[of_study] | header, SERIES_LEVEL | STUDY_LEVEL)
            yield entry | {
                "00081190": {"vr": "UR", "Value": [f"{root}/studies/{of_study}/series/{series}"]},
                "00201209": {"vr": "IS", "Value": [counts[of_study].get(series, 0)]},
            }

    def _instances(self, request: Request, study: str | None, series: str | None) -> Iterator[Json]:
        root = base_url(request)
        for instance, stored in self._store.headers(study, series):
            url = f"{root}/studies/{instance.study_uid}/series/{instance.series_uid}/instances/{instance.sop_uid}"
            header: Json = json.loads(stored.replace(BULK_PREFIX, f"{url}/bulkdata/"))
            yield header | {
                "00080056": {"vr": "CS", "Value": ["ONLINE"]},
                "00081190": {"vr": "UR", "Value": [url]},
            }


def _limited(entry: Json, level: frozenset[str]) -> Json:
    return {tag: element for tag, element in entry.items() if tag in level}


def _returned(entry: Json, query: Query, returned: frozenset[str]) -> Json:
    """The attributes to hand out; one that was asked for and is unknown comes without a value."""
    if query.include_all:
        chosen = {tag: element for tag, element in entry.items() if "BulkDataURI" not in element}
    else:
        chosen = _limited(entry, returned | query.tags)
    for tag in query.tags:
        chosen.setdefault(tag, {"vr": dictionary_VR(int(tag, 16))})
    return dict(sorted(chosen.items()))
