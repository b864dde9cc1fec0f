"""The first report of a case, read heading by heading so that one's own can stand beside it."""

from dataclasses import dataclass

from workstation.archive.archive import Archive
from workstation.consultation.case import CaseRow
from workstation.consultation.contents import others_documents
from workstation.consultation.covering import uncovered
from workstation.errors import UnreadableObject
from workstation.reporting.comparison import Passage
from workstation.reporting.headings import heading_of


@dataclass(frozen=True)
class FirstReport:
    """What another reader wrote; `passages` is empty for a PDF, which is read among the documents. Dates `YYYYMMDD`."""

    title: str
    date: str
    author: str
    passages: tuple[Passage, ...]


def read_first_report(archive: Archive, case: CaseRow) -> FirstReport | None:
    """The first report that is here and not covered; structured ones before PDF. None where there is none."""
    # at first use: pydicom is the longest import of the start
    from workstation.dicom.documents import read_report
    from workstation.dicom.sr_tree import ContentLine, read_tree
    from workstation.dicom.uids import ENCAPSULATED_PDF

    def passages(lines: tuple[ContentLine, ...]) -> tuple[Passage, ...]:
        found: list[Passage] = []
        for line in lines:
            if line.depth == 1 and line.value_type == "CONTAINER" and line.name is not None:
                heading = line.name.value if line.name.scheme == "LN" else ""
                found.append(Passage(heading, line.name.meaning, ""))
            elif line.value_type == "TEXT" and line.name is not None and line.relationship != "HAS OBS CONTEXT":
                if line.depth == 1 or not found:
                    named = heading_of(line.name)
                    found.append(Passage(named.value, named.meaning, ""))
                last = found[-1]
                found[-1] = Passage(last.heading, last.title, f"{last.text}\n{line.value}".strip())
        return tuple(one for one in found if one.text)

    with archive.database.read() as cursor:
        study = uncovered(cursor, case.study_uid, archive.instances(study_uid=case.study_uid))
    for document in others_documents(archive, case, study):
        try:
            data = archive.get(document.sop_instance_uid)
            text = read_report(data)
            pdf = document.sop_class_uid == ENCAPSULATED_PDF
            return FirstReport(text.title, text.date, text.author, () if pdf else passages(read_tree(data).lines))
        except UnreadableObject:
            continue
    return None
