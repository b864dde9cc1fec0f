"""What is shown beside pictures: a document in a viewport's place, and the list of segments.

One document is open at a time. A click on what it points at shows that image in another viewport, or in the same layout
made wider, with the document's own graphics over it.
"""

import logging
from typing import cast

from PySide6.QtCore import QObject, Qt

from workstation.dicom.sr_tree import Place
from workstation.errors import WorkstationError
from workstation.jobs import Lane, Workers
from workstation.language import _
from workstation.ui.viewer.document_text import Link
from workstation.ui.viewer.document_view import DocumentView
from workstation.ui.viewer.grid import Grid
from workstation.ui.viewer.layer_list import LayerList
from workstation.ui.viewer.pdf_view import Post
from workstation.viewing.documents import OpenedDocument, graphics_of, open_document
from workstation.viewing.marks import Mark, mark_of
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.viewport import PlaneKind

log = logging.getLogger(__name__)


class Beside(QObject):
    """Opens documents of a session and follows their references."""

    def __init__(self, grid: Grid, workers: Workers, post: Post, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._grid = grid
        self._workers = workers
        self._post = post
        self._session: ReadingSession | None = None
        self._opened: OpenedDocument | None = None
        self._chosen: Place | None = None
        self.view = DocumentView(workers, post, grid)
        self.view.hide()
        self.view.closed.connect(self.close)
        self.view.place_chosen.connect(self._follow)
        self.layers = LayerList()
        self.layers.closed.connect(self._layers_off)

    def set_session(self, session: ReadingSession | None) -> None:
        """Another case, or none: nothing of the last one stays in memory."""
        self.close()
        self._session = session
        self.layers.set_session(session)
        if session is not None:
            session.case.layers.changed.connect(self.layers.refresh)
            session.document_wanted.connect(self.open)
            session.views.layout_changed.connect(self._laid_out)

    def open(self, key: str) -> None:
        """Show a document in the place of the active viewport."""
        session = self._session
        document = None if session is None else session.case.document(key)
        if session is None or document is None:
            return
        self._forget()
        session.document = key
        self.view.announce(document, stranger=session.case.names_another(document.instance))
        self._grid.cover(session.views.active, self.view)
        fetch = session.case.fetch

        def show(opened: OpenedDocument | None, trouble: str) -> None:
            if self._session is not session or self.view.document is not document:
                return
            if opened is None:
                self.view.say(trouble)
                return
            self._opened = opened
            self.view.show_opened(opened, session.case)
            self._show_marks(None)

        def work() -> None:
            opened, trouble = None, ""
            try:
                opened = open_document(document, fetch(document.key))
            except WorkstationError as error:
                trouble = str(error)
            except Exception as error:  # noqa: BLE001 - told to the reader; its message may quote the document
                log.error("a document could not be read (%s)", type(error).__name__)
                trouble = _("This document can't be read")
            self._post(lambda: show(opened, trouble))

        self._workers.submit(Lane.INTERACTIVE, work)
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)
        session.documents_changed.emit()

    def look_again(self) -> None:
        """More of the case is here: what the open report points at may be too."""
        self._show_marks(self._chosen)

    def close(self) -> None:
        """Take the document away; its viewport comes back."""
        had = self.view.document is not None
        self._forget()
        self._grid.uncover()
        session = self._session
        if had and session is not None:
            session.document = ""
            session.documents_changed.emit()
            parent = self._grid.parentWidget()
            if parent is not None:
                parent.setFocus()

    def _forget(self) -> None:
        self._opened = None
        self.view.clear()
        if self._session is not None:
            self._session.marks.show(())

    def _layers_off(self) -> None:
        session = self._session
        if session is not None:
            for layer in session.case.layers.all:
                if layer.visible:
                    session.case.layers.show(layer, False)

    def _laid_out(self) -> None:
        """A layout without the document's place ends it."""
        session = self._session
        if session is not None and self.view.document is not None and self._grid.covered >= len(session.views):
            self._grid.cover(len(session.views) - 1, self.view)

    def _follow(self, link: object) -> None:
        """Show what a click points at, in a viewport that the document doesn't cover."""
        session, chosen = self._session, cast(Link, link)
        target = None if session is None else session.case.finder().find(chosen.place)
        stack = None if session is None or target is None else session.case.stack(target.stack)
        if session is not None and target is None:
            self._show_beside(session, chosen.place.image.sop_instance_uid)
        if session is None or target is None or stack is None:
            return
        views = session.views
        if views.layout == "mpr":
            session.reformats.show_stack()
        if views.maximised:
            views.toggle_maximised()
        if len(views) == 1:
            views.lay_out("1x2")
            self._grid.cover(1, self.view)
        covered = self._grid.covered
        number = next(
            (v.number for v in views.all if v.number != covered and v.state.stack == stack.key),
            next(v.number for v in views.all if v.number != covered),
        )
        if views[number].state.stack != stack.key or views[number].state.kind is not PlaneKind.STACK:
            views.place(number, stack)
        views.activate(number)
        session.move.go_to(number, target.index)
        self._show_marks(chosen.place)

    def _show_beside(self, session: ReadingSession, uid: str) -> None:
        """What a place means that is no image: a segmentation is switched on, a document opened."""
        layer = session.case.layers.layer(uid)
        if layer is not None:
            session.case.layers.show(layer, True)
        elif session.case.document(uid) is not None:
            self.open(uid)

    def _show_marks(self, chosen: Place | None) -> None:
        """All graphics of the open report, the chosen one bright."""
        session, opened = self._session, self._opened
        self._chosen = chosen
        if session is None or opened is None or opened.report is None:
            return
        finder = session.case.finder()
        marks: list[Mark] = []
        for index, label in graphics_of(opened.report):
            for place in opened.report.lines[index].places:
                target = finder.find(place)
                stack = None if target is None else session.case.stack(target.stack)
                if target is not None and stack is not None:
                    marks.append(mark_of(target, stack, label, place == chosen))
        session.marks.show(tuple(marks))
