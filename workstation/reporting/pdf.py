"""The human copy of a conclusion: an A4 document, written once, that a PAdES signature then seals.

Everything on it comes from the `Conclusion`, so it says what the SR says. The same conclusion always gives the same
bytes. The file's metadata name the document, never the patient.
"""

from html import escape
from io import BytesIO
from itertools import groupby
from typing import Any

from workstation.dicom.concepts import CONCLUSIONS, FINDINGS, IMPRESSIONS, RECOMMENDATIONS
from workstation.dicom.content import Conclusion, KeyImage, Measurement, Section
from workstation.reporting.findings import quantity_text
from workstation.reporting.printed_words import age_text, moment_text, person_text, printed
from workstation.reporting.wording import date_text, remark_text, spacing_text

_ANSWERS = frozenset((IMPRESSIONS.value, CONCLUSIONS.value))
_OWN_PARAGRAPHS = _ANSWERS | {RECOMMENDATIONS.value}
_PER_ROW = 3


def render_pdf(conclusion: Conclusion, code: str = "") -> bytes:
    """The conclusion as PDF bytes, unsigned; `code` is that of the report's content, by which a print is matched."""
    from reportlab.platypus import SimpleDocTemplate

    from workstation.reporting import typesetting as page

    page.register_fonts()
    words = printed(conclusion.language)
    patient, study = conclusion.patient, conclusion.study
    marks = page.Marks(
        running=" · ".join(
            part
            for part in (
                person_text(patient.name, conclusion.language),
                patient.patient_id,
                date_text(study.study_date, conclusion.language),
            )
            if part
        ),
        uid=f"{words['code']} {code} · {conclusion.uids.pdf}" if code else conclusion.uids.pdf,
        page=words["page"],
        moment=conclusion.observed_at,
    )
    out = BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=(page.WIDTH, page.HEIGHT),
        leftMargin=page.LEFT - 6,  # reportlab's frame has a padding of 6 points
        rightMargin=page.RIGHT - 6,
        topMargin=page.TOP,
        bottomMargin=page.BOTTOM,
        title=words["document"],
        author=conclusion.observer.organisation,
        subject=conclusion.uids.pdf,
        creator="IRIS Workstation",
        lang=conclusion.language,
    )
    document.build(_Story(conclusion, code).flowables(), canvasmaker=page.page_canvas(marks))
    return out.getvalue()


class _Story:
    """The document from top to bottom."""

    def __init__(self, conclusion: Conclusion, code: str) -> None:
        from reportlab.platypus import KeepTogether, Paragraph, Spacer

        from workstation.reporting import typesetting

        self.conclusion, self.code = conclusion, code
        self.language = conclusion.language
        self.words = printed(conclusion.language)
        self.page = typesetting
        self.paragraph, self.spacer, self.together = Paragraph, Spacer, KeepTogether

    def flowables(self) -> list[Any]:
        sections = self.conclusion.sections
        last_finding = max((i for i, each in enumerate(sections) if each.heading.value == FINDINGS.value), default=-1)
        story = [*self._head(), *self._identity()]
        for index, section in enumerate(sections):
            story += self._section(section)
            if index == last_finding:
                story += [*self._pictures(), *self._measurements()]
        if last_finding < 0:
            story += [*self._pictures(), *self._measurements()]
        return [*story, *self._completeness(), self.together(self._signature())]

    def _head(self) -> list[Any]:
        conclusion, page = self.conclusion, self.page
        subject = conclusion.order.procedure_description or conclusion.study.description or conclusion.title.meaning
        organisation = page.style("organisation", fontName=page.BOLD, fontSize=9.2, leading=12, textColor=page.MUTED)
        kind = page.style("kind", fontName=page.BOLD, fontSize=9.2, leading=12, textColor=page.ACCENT)
        title = page.style("title", fontName=page.BOLD, fontSize=20, leading=25, spaceBefore=1)
        return [
            self.paragraph(escape(conclusion.observer.organisation), organisation),
            self.spacer(1, 12),
            self.paragraph(escape(self.words["document"]), kind),
            self.paragraph(escape(subject), title),
            page.Rule(7, 8, strong=True),
        ]

    def _identity(self) -> list[Any]:
        conclusion, page, words = self.conclusion, self.page, self.words
        patient, study = conclusion.patient, conclusion.study
        born = date_text(patient.birth_date, self.language)
        age = age_text(patient.birth_date, study.study_date, self.language)
        rows = [
            [
                (words["patient"], person_text(patient.name, self.language)),
                (words["born"], ", ".join(part for part in (born, age) if part)),
                (words["sex"], words.get(f"sex {patient.sex}", "")),
                (words["identifier"], patient.patient_id),
            ],
            [
                (words["referrer"], person_text(study.referring_physician, self.language)),
                (words["study date"], date_text(study.study_date, self.language)),
                (words["modality"], study.modality),
                (words["accession"], study.accession),
            ],
        ]
        return [self._grid(rows), page.Rule(8, 3)]

    def _grid(self, rows: list[list[tuple[str, str]]]) -> Any:
        from reportlab.platypus import Table

        page = self.page
        label = page.style("label", fontSize=7.4, leading=9.4, textColor=page.MUTED)
        value = page.style("value", fontSize=10, leading=13)
        strong = page.style("strong", fontName=page.BOLD, fontSize=10.6, leading=13)
        cells = [
            [
                [
                    self.paragraph(escape(name), label),
                    self.paragraph(escape(text) or "—", strong if (row, column) == (0, 0) else value),
                ]
                for column, (name, text) in enumerate(line)
            ]
            for row, line in enumerate(rows)
        ]
        widths = [part * page.TEXT_WIDTH for part in (0.36, 0.29, 0.15, 0.20)]
        return Table(cells, colWidths=widths, hAlign="LEFT", style=_flush(("TOPPADDING", (0, 1), (-1, -1), 7)))

    def _section(self, section: Section) -> list[Any]:
        page = self.page
        answer = section.heading.value in _ANSWERS
        size = {"fontSize": 12, "leading": 17} if answer else {}
        body = page.style("body", **page.BODY, **size)
        flowables: list[Any] = [page.Rule(9, 9, strong=True) if answer else self.spacer(1, 7)]
        heading = page.HangingHeading(escape(section.title), body.leading)
        paragraphs = [self.paragraph(text, body) for text in _paragraphs(section)]
        high = sum(each.wrap(page.TEXT_WIDTH, page.HEIGHT)[1] + body.spaceAfter for each in paragraphs)
        return [*flowables, heading, *paragraphs, self.spacer(1, max(heading.reach - high, 0))]

    def _pictures(self) -> list[Any]:
        keys = [key for key in self.conclusion.key_images if key.picture_png]
        if not keys:
            return []
        from reportlab.platypus import Table

        page = self.page
        gap = 4 * page.mm
        width = (page.TEXT_WIDTH - page.HANG - gap * (_PER_ROW - 1)) / _PER_ROW
        caption = page.style("caption", fontSize=8, leading=10.2, textColor=page.MUTED)
        flowables: list[Any] = [self.spacer(1, 8), page.HangingHeading(escape(self.words["key images"]), 12)]
        for start in range(0, len(keys), _PER_ROW):
            row: list[Any] = [
                [self._picture(key, width), self.spacer(1, 3), self.paragraph(escape(key.caption), caption)]
                for key in keys[start : start + _PER_ROW]
            ]
            row += [""] * (_PER_ROW - len(row))
            widths = [width + gap] * (_PER_ROW - 1) + [width]
            table = Table([["", *row]], colWidths=[page.HANG, *widths], hAlign="LEFT", style=_flush())
            flowables += [table, self.spacer(1, 6)]
        return flowables

    def _picture(self, key: KeyImage, width: float) -> Any:
        from reportlab.lib.utils import ImageReader
        from reportlab.platypus import Image

        columns, rows = ImageReader(BytesIO(key.picture_png)).getSize()
        # a tall picture, a chest film say, must not push its row off the page
        factor = min(width / columns, 1.25 * width / rows)
        return Image(BytesIO(key.picture_png), columns * factor, rows * factor, hAlign="LEFT")

    def _measurements(self) -> list[Any]:
        if not self.conclusion.measurements:
            return []
        from reportlab.platypus import Table

        page, words = self.page, self.words
        head = page.style("column", fontSize=7.6, leading=10, textColor=page.MUTED)
        cell = page.style("cell", fontSize=9, leading=11.8)
        rows = [[self.paragraph(words[name], head) for name in ("what", "value", "study", "spacing")]]
        for number, measurement in enumerate(self.conclusion.measurements, 1):
            rows.append([self.paragraph(text, cell) for text in self._measured(number, measurement)])
        width = page.TEXT_WIDTH - page.HANG
        table = Table(
            [["", *row] for row in rows],
            colWidths=[page.HANG, 0.26 * width, 0.27 * width, 0.17 * width, 0.30 * width],
            hAlign="LEFT",
            repeatRows=1,
            style=_flush(
                ("LINEBELOW", (1, 0), (-1, -1), 0.5, page.LINE),
                ("TOPPADDING", (1, 1), (-1, -1), 3),
                ("BOTTOMPADDING", (1, 0), (-1, -1), 4),
                ("RIGHTPADDING", (1, 0), (-1, -1), 5),
            ),
        )
        return [self.spacer(1, 8), page.HangingHeading(escape(words["measurements"]), 12), table]

    def _measured(self, number: int, measurement: Measurement) -> tuple[str, str, str, str]:
        label = measurement.label or f"{self.words['measurement']} {number}"
        numbers = "<br/>".join(escape(quantity_text(each, self.language)) for each in measurement.quantities)
        day = date_text(measurement.study_date or self.conclusion.study.study_date, self.language)
        spacing = spacing_text(measurement.spacing_source, self.language) or self.words["no scale"]
        remark = remark_text(measurement.remark, self.language)
        return escape(label), numbers, escape(day), escape(f"{spacing}; {remark}" if remark else spacing)

    def _completeness(self) -> list[Any]:
        page, conclusion = self.page, self.conclusion
        small = page.style(
            "small", fontSize=8.4, leading=11.6, textColor=page.MUTED, leftIndent=page.HANG, spaceAfter=2
        )
        lines = [conclusion.dose, conclusion.completeness]
        if conclusion.station_name:
            lines.append(f"{self.words['station']}: {conclusion.station_name}.")
        said = [self.paragraph(escape(line), small) for line in lines if line]
        heading = page.HangingHeading(escape(self.words["reading"]), small.leading)
        return [self.spacer(1, 10), heading, *said] if said else []

    def _signature(self) -> list[Any]:
        from reportlab.platypus import Table

        page, conclusion, words = self.page, self.conclusion, self.words
        small = page.style("signature", fontSize=7.8, leading=10.6, textColor=page.MUTED)
        name = page.style("signer", fontName=page.BOLD, fontSize=11.5, leading=15)
        plain = page.style("moment", fontSize=9, leading=12.4)
        left = [
            self.paragraph(words["signed by"], small),
            self.paragraph(escape(person_text(conclusion.observer.name, self.language)), name),
            self.paragraph(escape(conclusion.observer.organisation), plain),
        ]
        right = [
            self.paragraph(words["signed at"], small),
            self.paragraph(escape(moment_text(conclusion.observed_at, self.language)), plain),
            self.paragraph(words["verify"], small),
        ]
        if self.code:
            mark = page.style("code", fontName=page.BOLD, fontSize=9.4, leading=13, spaceBefore=3)
            left.append(self.paragraph(f"{escape(words['code'])} {self.code}", mark))
            right.append(self.paragraph(words["match"], small))
        table = Table(
            [[left, right]],
            colWidths=[0.5 * page.TEXT_WIDTH] * 2,
            hAlign="LEFT",
            style=[
                ("BOX", (0, 0), (-1, -1), 0.8, page.ACCENT),
                ("ROUNDEDCORNERS", [5, 5, 5, 5]),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                *((side, (0, 0), (-1, -1), 10) for side in ("LEFTPADDING", "RIGHTPADDING")),
                *((side, (0, 0), (-1, -1), 8) for side in ("TOPPADDING", "BOTTOMPADDING")),
            ],
        )
        return [self.spacer(1, 14), table]


def _paragraphs(section: Section) -> list[str]:
    """The lines of a section as paragraphs of reportlab's markup, run-in headings in bold."""
    alone = section.heading.value in _OWN_PARAGRAPHS
    number = 0
    numbered = []
    for statement in section.statements:
        number += bool(alone or statement.label)
        numbered.append((number, statement))
    paragraphs = []
    for _number, group in groupby(numbered, key=lambda pair: pair[0]):
        parts = []
        for _same, statement in group:
            text = escape(statement.text).replace("\n", "<br/>")
            label = f"{escape(statement.label)}."
            if statement.label and text.startswith(label):
                text = f"<b>{label}</b>{text[len(label) :]}"
            parts.append(text)
        paragraphs.append(" ".join(parts))
    return paragraphs


def _flush(*more: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """A table style without padding, so that text keeps to the columns of the page."""
    sides = ("LEFTPADDING", "RIGHTPADDING", "TOPPADDING", "BOTTOMPADDING")
    return [("VALIGN", (0, 0), (-1, -1), "TOP"), *((side, (0, 0), (-1, -1), 0) for side in sides), *more]
