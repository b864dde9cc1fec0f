"""The step before signing: exactly what will be signed, whose it is, and with which identity."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from workstation.consultation.case import CaseRow
from workstation.consultation.package import Prepared
from workstation.errors import WorkstationError
from workstation.jobs import Lane, Progress
from workstation.language import _
from workstation.reporting.pages import PagePicture, picture_pages
from workstation.ui import texts, theme
from workstation.ui.background import Background
from workstation.ui.reading.identity_chooser import IdentityChooser

WIDEST_PAGE = 900
MARGIN = 24
SIDE_WIDTH = 380


class SigningView(QWidget):
    """Shows the PDF page by page.

    `confirmed` carries the identity's path or address and its secret, `withdrawn` goes back.
    """

    confirmed = Signal(str, str)
    withdrawn = Signal()

    def __init__(self, background: Background, identity: str, library: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._chooser = IdentityChooser(background, identity, library, self)
        self._chooser.entered.connect(self._confirm)
        self._shown: Prepared | None = None
        self._pages = QVBoxLayout()
        self._pages.setContentsMargins(MARGIN, 20, MARGIN, 20)
        self._pages.setSpacing(16)
        self._pages.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        paper = QWidget(self)
        paper.setLayout(self._pages)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._scroll.setWidget(paper)
        self._scroll.setAccessibleName(_("The document that will be signed"))
        side = QFrame(self)
        theme.set_role(side, "panel")
        side.setFixedWidth(SIDE_WIDTH)
        side.setLayout(self._side())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._scroll, 1)
        row.addWidget(side)
        self.setFocusProxy(self._chooser)

    def _side(self) -> QVBoxLayout:
        self._patient = self._label("title")
        self._patient_facts = self._label("muted")
        self._document = self._label("")
        self._completeness = self._label("")
        self._coming = self._label("warning")
        self._signer = self._label("")
        self._error = self._label("error")
        self._sign = QPushButton(_("Sign and send"), self)
        theme.set_role(self._sign, "primary")
        self._sign.clicked.connect(self._confirm)
        back = QPushButton(_("Back to the report"), self)
        back.clicked.connect(self.withdrawn)

        column = QVBoxLayout()
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(6)
        column.addWidget(self._label("muted", _("You are signing for")))
        column.addWidget(self._patient)
        column.addWidget(self._patient_facts)
        column.addSpacing(14)
        column.addWidget(self._label("muted", _("Document")))
        column.addWidget(self._document)
        column.addSpacing(8)
        column.addWidget(self._completeness)
        column.addWidget(self._coming)
        column.addSpacing(14)
        column.addWidget(self._label("muted", _("Signed by")))
        column.addWidget(self._signer)
        column.addSpacing(14)
        column.addWidget(self._label("muted", _("Identity")))
        column.addWidget(self._chooser)
        column.addWidget(self._error)
        column.addStretch(1)
        column.addWidget(self._sign)
        column.addWidget(back)
        return column

    def _label(self, role: str, text: str = "") -> QLabel:
        label = QLabel(text, self)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        if role:
            theme.set_role(label, role)
        return label

    def show_prepared(self, case: CaseRow, prepared: Prepared) -> None:
        """Show the document of a case; nothing is signed yet."""
        conclusion = prepared.conclusion
        self._shown = prepared
        self._patient.setText(texts.person_name(conclusion.patient.name))
        born = texts.short_date(conclusion.patient.birth_date)
        self._patient_facts.setText(
            "  ·  ".join(part for part in (texts.worded(texts.SEXES, conclusion.patient.sex), born,
                                           conclusion.patient.patient_id) if part)
        )  # fmt: skip
        self._document.setText(
            "\n".join(
                part
                for part in (
                    texts.worded(texts.KINDS, case.kind.value),
                    f"{conclusion.study.description}  {texts.short_date(conclusion.study.study_date)}",
                )
                if part
            )
        )
        self._completeness.setText(conclusion.completeness)
        self._coming.hide()
        self._signer.setText(
            "\n".join(
                part for part in (texts.person_name(conclusion.observer.name), conclusion.observer.organisation) if part
            )
        )
        self._chooser.take_secret()
        self._chooser.look(conclusion.observer.name)
        self.show_error(None)
        self.set_busy(False)
        self._clear_pages()

        def draw(pages: tuple[PagePicture, ...]) -> None:
            if self._shown is prepared:
                self._draw(pages)

        width = min(WIDEST_PAGE, max(self.width() - SIDE_WIDTH - 2 * MARGIN - 16, 320))
        self._background.run(Lane.INTERACTIVE, lambda: picture_pages(prepared.pdf, width), draw, self.show_error)

    def show_coming(self, progress: Progress) -> None:
        """Images of the study are still on their way: the document rests on those that were here when it was made."""
        self._say(
            _("Images of this study are still coming: {received} of {expected} are here. ").format(
                received=progress.done, expected=progress.total
            )
            + _("The conclusion rests on those named above. You can go back and wait for the others. ")
            + _("Earlier studies are looked for after that: check what the report says of them.")
        )

    def show_arrived(self) -> None:
        """What was on its way has come, or will not: the document is older."""
        self._say(_("More images have come since this document was made. Go back to read them and make it anew."))

    def _say(self, text: str) -> None:
        self._coming.setText(text)
        self._coming.show()

    @property
    def completeness_shown(self) -> str:
        """On how many images the document rests, as it stands on the screen."""
        return self._completeness.text()

    @property
    def coming_shown(self) -> str:
        """What is said of images that came later or still come; "" when nothing is."""
        return "" if self._coming.isHidden() else self._coming.text()

    def show_error(self, error: WorkstationError | None) -> None:
        """Say in place why it was not signed; the password is asked for again."""
        self._error.setText("" if error is None else str(error))
        self._error.setVisible(error is not None)
        self.set_busy(False)
        if error is not None:
            self._chooser.ask_again()

    @property
    def error_shown(self) -> str:
        """Why it was not signed, as it stands on the screen; "" when nothing is."""
        return self._error.text()

    @property
    def pages_shown(self) -> int:
        """How many pages of the document can be read."""
        return self._pages.count()

    def set_busy(self, busy: bool) -> None:
        """While the signature is made nothing can be pressed twice."""
        self._sign.setEnabled(not busy)
        self._sign.setText(_("Signing…") if busy else _("Sign and send"))

    def _clear_pages(self) -> None:
        while self._pages.count():
            item = self._pages.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()

    def _draw(self, pages: tuple[PagePicture, ...]) -> None:
        self._clear_pages()
        for page in pages:
            image = QImage(page.rgb, page.width, page.height, 3 * page.width, QImage.Format.Format_RGB888)
            sheet = QLabel(self)
            sheet.setPixmap(QPixmap.fromImage(image))
            sheet.setFixedSize(page.width, page.height)
            self._pages.addWidget(sheet)

    def _confirm(self) -> None:
        if not self._sign.isEnabled() or self._shown is None:
            return
        if not self._chooser.identity:
            self.show_error(
                WorkstationError(
                    _("No identity is chosen"), advice=_("Choose your PKCS#12 file, or put in your token.")
                )
            )
            return
        self.set_busy(True)
        self.confirmed.emit(self._chooser.identity, self._chooser.take_secret())
