"""Studies that come and go by files: import into the worklist, by a menu or dropped onto it, and export of a case."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from workstation.archive import parcel
from workstation.archive.importing import Imported, StudyCounts
from workstation.archive.media import sources
from workstation.consultation.carrying import AnonymousExport, AnonymousWish
from workstation.consultation.case import CaseContents, CaseRow
from workstation.consultation.desk import Desk
from workstation.errors import Cancelled, UnreadableObject, WorkstationError
from workstation.jobs import Cancellation, Lane, Report
from workstation.language import _, ngettext
from workstation.ui import texts, theme
from workstation.ui.background import Background
from workstation.ui.export_page import ExportPage, PassphrasePage
from workstation.ui.shell import Shell
from workstation.ui.worklist.page import WorklistPage

T = TypeVar("T")

_SAID = 3


@dataclass
class _Taken:
    """What an import came to: counts by study, and what could not be taken."""

    counts: dict[str, StudyCounts]
    refused: list[str]


class Exchange(QObject):
    """Puts its buttons on the worklist page; the status bar shows the work on a worker, and stops it."""

    def __init__(self, desk: Desk, background: Background, page: WorklistPage, shell: Shell) -> None:
        super().__init__(shell)
        self._desk = desk
        self._background = background
        self._page = page
        self._shell = shell
        self._export = QPushButton(_("Export…"), page)
        self._export.setToolTip(_("Seal the study for another workstation, or take its patient out for teaching"))
        self._export.setIcon(theme.icon("mdi6.export-variant"))
        theme.set_role(self._export, "quiet")
        self._export.clicked.connect(self.ask_export)
        page.panel.foot.addWidget(self._export)
        self._import = QPushButton(page)
        self._import.setIcon(theme.icon("mdi6.import"))
        self._import.setToolTip(_("Import studies from a disc, a folder, files or a sealed case; or drop them here"))
        self._import.setAccessibleName(_("Import"))
        menu = QMenu(self._import)
        menu.addAction(_("Folder or disc…"), self._choose_folder)
        menu.addAction(_("Files, ZIP archives, sealed cases…"), self._choose_files)
        self._import.setMenu(menu)
        self._import.setStyleSheet("QPushButton::menu-indicator { image: none; }")
        page.bar.insertWidget(page.bar.count() - 1, self._import)
        table = page.focusProxy()
        assert table is not None
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(lambda at: self._menu_of(table, at))
        page.setAcceptDrops(True)
        page.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Files and folders dropped onto the worklist are imported."""
        # a drag that comes in is a kind of drop to Qt
        if watched is self._page and isinstance(event, QDropEvent):
            paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
            if paths:
                event.acceptProposedAction()
                if event.type() == QEvent.Type.Drop:
                    self.take(paths)
                return True
        return super().eventFilter(watched, event)

    def take(self, paths: Sequence[Path]) -> None:
        """Import what lies there; a sealed case among it asks for its passphrase first."""

        def is_sealed() -> Path | None:
            return next((path for path in paths if _is_parcel(path)), None)

        def known(sealed: Path | None) -> None:
            if sealed is None:
                self._take(paths, "")
                return
            page = PassphrasePage(sealed.name)
            self._cover(page, page.declined)

            def given(passphrase: str) -> None:
                self._uncover(page)
                self._take(paths, passphrase)

            page.given.connect(given)

        self._background.run(Lane.INTERACTIVE, is_sealed, known)

    def ask_export(self) -> None:
        """Ask how the case under the cursor is to leave."""
        case = self._page.selected
        if case is None or not case.study_uid:
            return

        def show(contents: CaseContents) -> None:
            if not contents.study:
                self._shell.messages.show_note(_("Nothing of this study is here yet: open the case first."))
                return
            earlier = [prior.header.study_uid for prior in contents.priors if prior.instances and not prior.doubt]
            self._show_export(case, earlier)

        self._background.run(Lane.INTERACTIVE, lambda: self._desk.contents(case.case_uid), show)

    def _show_export(self, case: CaseRow, earlier: list[str]) -> None:
        study = f"{texts.person_name(case.patient.name)} · {case.modality} · {texts.short_date(case.study_date)}"
        page = ExportPage(study, len(earlier))
        self._cover(page, page.declined)

        def studies() -> list[str]:
            return [case.study_uid, *(earlier if page.earlier.isChecked() else [])]

        def seal(path: Path, passphrase: str) -> None:
            chosen = studies()
            self._run_export(
                page,
                lambda report, stop: self._desk.carrying.export_sealed(chosen, path, passphrase, report, stop),
                lambda count: _sealed_words(count, path),
            )

        def clean(path: Path, wish: AnonymousWish) -> None:
            chosen = studies()
            self._run_export(
                page,
                lambda report, stop: self._desk.carrying.export_anonymous(chosen, path, wish, report, stop),
                lambda made: _anonymous_words(made, path),
            )

        page.sealed.connect(seal)
        page.anonymous.connect(clean)

    def _run_export(
        self, page: ExportPage, work: Callable[[Report, Cancellation], T], words: Callable[[T], str]
    ) -> None:
        self._uncover(page)
        self._background.start(
            _("Exporting"), Lane.PREFETCH, work, lambda result: self._shell.messages.show_note(words(result))
        )

    def _take(self, paths: Sequence[Path], passphrase: str) -> None:
        taken = _Taken({}, [])

        def tell(one: Imported) -> None:
            if one.outcome == "unreadable":
                taken.refused.append(f"{Path(one.name).name}: {one.message}")
            elif one.outcome == "collision":
                said = _("other content is held under the same UID; the first is kept")
                taken.refused.append(f"{Path(one.name).name}: {said}")

        def work(report: Report, stop: Cancellation) -> _Taken:
            found = sources(paths, lambda: passphrase or _unasked())
            taken.counts = self._desk.carrying.take_in(found, tell, report, stop)
            return taken

        def done(result: _Taken) -> None:
            self._page.model.reload()
            self._shell.messages.show_note(_taken_words(result))

        def failed(error: WorkstationError) -> None:
            # what came before stays, and is on the list
            self._page.model.reload()
            if not isinstance(error, Cancelled):
                self._shell.messages.show_error(error)

        self._background.start(_("Importing"), Lane.PREFETCH, work, done, failed)

    def _menu_of(self, table: QWidget, at: QPoint) -> None:
        case = self._page.selected
        if case is None:
            return
        menu = QMenu(table)
        menu.addAction(_("Open case"), lambda: self._page.open_requested.emit(case.case_uid))
        menu.addAction(theme.icon("mdi6.export-variant"), _("Export…"), self.ask_export)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(table.mapToGlobal(at))

    def _choose_folder(self) -> None:
        found = QFileDialog.getExistingDirectory(self._page, _("Folder or disc with studies"))
        if found:
            self.take([Path(found)])

    def _choose_files(self) -> None:
        found, _kind = QFileDialog.getOpenFileNames(self._page, _("Files with studies"))
        if found:
            self.take([Path(name) for name in found])

    def _cover(self, page: ExportPage | PassphrasePage, declined: object) -> None:
        page.declined.connect(lambda: self._uncover(page))
        self._shell.cover(page)
        page.setFocus(Qt.FocusReason.OtherFocusReason)

    def _uncover(self, page: QWidget) -> None:
        self._shell.uncover(page)
        page.deleteLater()
        self._page.setFocus(Qt.FocusReason.OtherFocusReason)


def _is_parcel(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(parcel.MAGIC)) == parcel.MAGIC
    except OSError:
        # a folder, or what the import will say
        return False


def _unasked() -> str:
    raise UnreadableObject(_("The sealed case needs its passphrase"), advice=_("Import the file by itself."))


def _sealed_words(count: int, path: Path) -> str:
    said = ngettext("{count} object sealed", "{count} objects sealed", count).format(count=count)
    return f"{path.name}: {said}"


def _anonymous_words(made: AnonymousExport, path: Path) -> str:
    said = ngettext("{count} object without its patient", "{count} objects without their patient", made.objects)
    lines = [f"{path.name}: {said.format(count=made.objects)}", *(one.text() for one in made.left_out)]
    if made.faces:
        lines.append(_("A face could be made from slices of a head: faces are not removed."))
    return "\n".join(lines)


def _taken_words(taken: _Taken) -> str:
    new = sum(count.new for count in taken.counts.values())
    held = sum(count.held for count in taken.counts.values())
    if not taken.counts and not taken.refused:
        return _("No DICOM objects were found")
    said = ngettext("{count} object imported", "{count} objects imported", new).format(count=new)
    if held:
        said += ", " + ngettext("{count} was here", "{count} were here", held).format(count=held)
    more = len(taken.refused) - _SAID
    lines = [said, *taken.refused[:_SAID]]
    if more > 0:
        lines.append(ngettext("and {count} more like these", "and {count} more like these", more).format(count=more))
    return "\n".join(lines)
