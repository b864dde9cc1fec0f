"""The band above the pictures: whose they are, what is asked, how complete they are, and until when."""

from collections import Counter

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from workstation.consultation.case import CaseContents, CaseRow
from workstation.consultation.claiming import RETURN_REASONS
from workstation.jobs import Progress
from workstation.language import _, ngettext
from workstation.ui import texts, theme


class CaseBand(QFrame):
    """One row; below it a red band when the patient of a prior is in doubt."""

    return_requested = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "panel")
        self._patient = QLabel(self)
        theme.set_role(self._patient, "heading")
        self._facts = QLabel(self)
        theme.set_role(self._facts, "muted")
        self._kind = QLabel(self)
        theme.set_role(self._kind, "chip")
        self._complete = QLabel(self)
        self._deadline = QLabel(self)
        self._back = QPushButton(_("Return…"), self)
        theme.set_role(self._back, "quiet")
        self._back.setToolTip(_("Give the case back with a reason"))
        menu = QMenu(self._back)
        for code, name in RETURN_REASONS.items():
            menu.addAction(_(name)).setData(code)
        menu.triggered.connect(lambda action: self.return_requested.emit(action.data(), action.text()))
        self._back.setMenu(menu)
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(self._patient)
        row.addWidget(self._facts)
        row.addWidget(self._kind)
        row.addStretch(1)
        row.addWidget(self._complete)
        row.addWidget(self._deadline)
        row.addWidget(self._back)
        self._doubt = QFrame(self)
        theme.set_role(self._doubt, "band-danger")
        self._doubt_text = QLabel(self._doubt)
        self._doubt_text.setTextFormat(Qt.TextFormat.PlainText)
        doubt_row = QHBoxLayout(self._doubt)
        doubt_row.setContentsMargins(12, 4, 12, 4)
        doubt_row.addWidget(self._doubt_text)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 6, 10, 6)
        column.addLayout(row)
        column.addWidget(self._doubt)
        self._doubt.hide()

    def show_case(self, case: CaseRow, contents: CaseContents | None) -> None:
        """Write the case; without contents its images are still on the way."""
        self._patient.setText(texts.person_name(case.patient.name))
        self._facts.setText(
            "  ·  ".join(
                part
                for part in (
                    texts.sex_and_age(case.patient.sex, case.age_at_study),
                    texts.short_date(case.patient.birth_date),
                    case.patient.patient_id,
                    texts.encoding_note(
                        contents.in_sight[0].texts_read_as if contents is not None and contents.in_sight else ""
                    ),
                )
                if part
            )
        )
        self._kind.setText(texts.worded(texts.KINDS, case.kind.value))
        complete = case.received >= case.expected
        images = sum(instance.number_of_frames for instance in contents.in_sight) if contents is not None else 0
        self._complete.setText(
            ngettext("{count} image", "{count} images", images).format(count=images)
            if complete
            else _("{received} of {expected} objects are here").format(received=case.received, expected=case.expected)
        )
        unread = len(contents.undecodable) if contents is not None else 0
        if unread:
            told = ngettext("{count} can't be decoded", "{count} can't be decoded", unread).format(count=unread)
            self._complete.setText(f"{self._complete.text()}  ·  {told}")
        self._complete.setToolTip("\n".join(_lacking(contents)) if contents is not None else "")
        theme.set_role(self._complete, "muted" if complete and not unread else "warning")
        countdown, urgency = texts.until(case.deadline)
        self._deadline.setText(
            _("due in {span}").format(span=countdown) if countdown and urgency != "overdue" else countdown
        )
        theme.set_role(self._deadline, {"soon": "warning", "overdue": "error"}.get(urgency, "muted"))
        doubts = _doubts(contents) if contents is not None else []
        self._doubt.setVisible(bool(doubts))
        self._doubt_text.setText("\n".join(doubts))

    def show_progress(self, progress: Progress) -> None:
        """How far the study is on its way."""
        self._complete.setText(progress.text or _("The images are on their way…"))
        theme.set_role(self._complete, "warning")

    @property
    def complete_shown(self) -> str:
        """How complete the study is, as it stands on the screen."""
        return self._complete.text()

    def set_returnable(self, possible: bool) -> None:
        self._back.setVisible(possible)


def _doubts(contents: CaseContents) -> list[str]:
    """Whose pictures these may be instead: those of the study first."""
    found = [
        _("The study of {date} may be of another person: {doubt}").format(
            date=texts.short_date(prior.header.study_date), doubt=prior.doubt
        )
        for prior in contents.priors
        if prior.doubt
    ]
    if contents.doubt:
        found.insert(
            0,
            _("The images of this case may be of another person than the order: {doubt}").format(doubt=contents.doubt),
        )
    return found


def _lacking(contents: CaseContents) -> list[str]:
    """What of the study is not here or makes no picture, series by series."""
    unread = Counter(one.series_uid for one in contents.undecodable)
    found = []
    for series in contents.ledger.series:
        if series.complete and not unread[series.series_uid]:
            continue
        said = [_("{received} of {expected}").format(received=series.received, expected=series.expected)]
        numbers = texts.ranges(gap.number for gap in series.gaps if gap.number is not None)
        if numbers:
            said.append(_("not here: {numbers}").format(numbers=numbers))
        said += dict.fromkeys(gap.reason for gap in series.gaps if gap.reason)
        if count := unread[series.series_uid]:
            said.append(ngettext("{count} can't be decoded", "{count} can't be decoded", count).format(count=count))
        name = " ".join(str(part) for part in (series.number, series.modality, series.description) if part)
        found.append(_("Series {name}: {said}").format(name=name, said=", ".join(said)))
    return found
