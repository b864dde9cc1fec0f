"""The viewer as one widget: toolbar, strip of series, grid of viewports; opens a case and tells what the reader did.

Mouse: left is the tool in hand (window at first), right drag zooms, middle drag (or Shift and left) pans, the wheel
scrolls and with Ctrl zooms, a double click shows one viewport alone. Keys are those of `viewing.commands`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from workstation.dicom.content import KeyImage
from workstation.dicom.instance import Instance
from workstation.jobs import Workers
from workstation.language import _
from workstation.ui import theme
from workstation.ui.texts import short_date
from workstation.ui.viewer import wording
from workstation.ui.viewer.beside import Beside
from workstation.ui.viewer.calibration import ask_length
from workstation.ui.viewer.canvas import Canvas
from workstation.ui.viewer.grid import Grid
from workstation.ui.viewer.keys import command_of
from workstation.ui.viewer.main_thread import MainThread
from workstation.ui.viewer.strip import Strip
from workstation.ui.viewer.thumbnail_making import ThumbnailMaking
from workstation.ui.viewer.toolbar import Toolbar
from workstation.viewing.appearance_notes import presentation_in_force
from workstation.viewing.commands import BY_ID
from workstation.viewing.growth import Awaiting, Grown, Growth
from workstation.viewing.open_case import OpenCase, PriorStudy
from workstation.viewing.reading_session import ReadingSession

log = logging.getLogger(__name__)

# how long the view rests before it is kept
_KEEP_AFTER_MS = 400
# how soon what has come is offered again after the reader's hand was busy
_HAND_MS = 50
# how often the arrival of images is painted
_PROGRESS_MS = 80


class ViewerPanel(QWidget):
    """Shows one case at a time.

    `painted` names a viewport and the request that is now on its screen: see `is_settled`. Measurements and key images
    are told with each change, the view once it has come to rest.
    """

    painted = Signal(int, int)
    measurement_selected = Signal(str)
    measurements_changed = Signal(tuple)
    key_images_changed = Signal(tuple)
    view_changed = Signal(dict)
    insert_into_report = Signal(object)
    case_opened = Signal()

    def __init__(self, workers: Workers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workers = workers
        self._thread = MainThread(self)
        self.session: ReadingSession | None = None
        self.toolbar = Toolbar(self)
        self.strip = Strip(self)
        self._thumbnails = ThumbnailMaking(self.strip, workers)
        self.grid = Grid(self)
        self.beside = Beside(self.grid, workers, lambda work: self._thread.post(work), self)
        self._band = QFrame(self)
        theme.set_role(self._band, "band-danger")
        self._band_text = QLabel(self._band)
        self._band_text.setWordWrap(True)
        QVBoxLayout(self._band).addWidget(self._band_text)
        self._band.hide()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_KEEP_AFTER_MS)
        self._rest.timeout.connect(self._keep_view)
        self._arrivals: set[str] = set()
        self._arrival = QTimer(self)
        self._arrival.setSingleShot(True)
        self._arrival.setInterval(_PROGRESS_MS)
        self._arrival.timeout.connect(self._show_arrivals)
        self._lay_out()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.toolbar.run.connect(self.run)
        self.strip.chosen.connect(self._place_here)
        self.strip.document_chosen.connect(self.beside.open)
        self.strip.layer_chosen.connect(self._toggle_layer)
        self.strip.rejected_wanted.connect(self._show_rejected)
        self.grid.stack_dropped.connect(self._place)
        self.grid.painted.connect(self.painted)

    def _lay_out(self) -> None:
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.strip)
        middle.addWidget(self.beside.layers)
        middle.addWidget(self.grid, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.toolbar)
        column.addWidget(self._band)
        column.addLayout(middle, 1)

    # the case

    def open_case(
        self,
        study: Sequence[Instance],
        priors: Sequence[PriorStudy],
        fetch: Callable[[str], bytes],
        measurements_json: Mapping[str, Any] | None = None,
        key_images_json: Sequence[Mapping[str, Any]] | None = None,
        view_json: Mapping[str, Any] | None = None,
        awaited: Awaiting | None = None,
    ) -> None:
        """Show a study and its priors, with what was kept of an earlier reading; what is damaged of that is left out.

        `fetch` gives the Part 10 bytes of an instance and is called on workers. `awaited`: the series that still come;
        None where nothing more will.
        """
        self.close_case()
        self._thread = MainThread(self)
        case = OpenCase(study, priors, fetch, self._workers, self._thread.post, awaited=awaited)
        session = ReadingSession(case, self._workers, self._thread.post)
        session.coming = awaited is not None
        self.session = session
        self._restore(session, measurements_json, key_images_json)
        self._connect(session)
        self.strip.set_session(session)
        self.toolbar.set_session(session)
        self.grid.set_session(session)
        self.beside.set_session(session)
        session.annotations.find_places()
        if not (view_json and session.restore(view_json)):
            session.hang()
        self._show_strangers(case)
        self._show_state()
        self._thumbnails.make(session, self._thread.post)
        self._tell_measurements()
        self._tell_key_images()
        self.setFocus()
        self.case_opened.emit()

    def add_priors(self, priors: Sequence[PriorStudy]) -> None:
        """Offer earlier studies that came after the case was opened; nothing the reader arranged is moved."""
        session = self.session
        if session is None:
            return
        session.add_priors(priors)
        self.strip.set_session(session)
        self._show_strangers(session.case)
        self._show_state()
        self._thumbnails.make(session, self._thread.post)

    def growth(self) -> Growth | None:
        """What a worker needs to make what has come a part of the case, without what has come; None without a case."""
        return None if self.session is None else self.session.case.growth((), {})

    def grow(self, grown: Grown, done: Callable[[bool], object], *, coming: bool) -> None:
        """Offer what a worker made of what has come, as soon as the reader's hand is free; the reader's place stays.

        `done` hears whether it was taken: where the case is another by now, it is to be made anew. It is not called
        when the case was closed meanwhile.
        """
        session = self.session
        if session is None:
            return
        if any(canvas.busy for canvas in self.canvases):
            again = partial(self._grow_later, session, grown, done, coming)
            QTimer.singleShot(_HAND_MS, self, again)
            return
        taken = session.grow(grown)
        if taken:
            session.coming = coming
            self.strip.set_session(session)
            self.beside.look_again()
            self._show_strangers(session.case)
            self._show_state()
            self._thumbnails.make(session, self._thread.post)
            self._repaint_all()
        done(taken)

    def _grow_later(self, session: ReadingSession, grown: Grown, done: Callable[[bool], object], coming: bool) -> None:
        if session is self.session:
            self.grow(grown, done, coming=coming)

    def _toggle_layer(self, key: str) -> None:
        """Switch a segmentation on or off."""
        layers = None if self.session is None else self.session.case.layers
        layer = None if layers is None else layers.layer(key)
        if layers is not None and layer is not None:
            layers.show(layer, not layer.visible)

    def _show_rejected(self) -> None:
        """Offer what notes of rejection hide."""
        session = self.session
        if session is not None:
            session.case.show_rejected()
            self.strip.set_session(session)
            self._show_state()
            self._thumbnails.make(session, self._thread.post)

    def _show_strangers(self, case: OpenCase) -> None:
        self._band_text.setText(
            _("The earlier study of {dates} names another patient: check who it belongs to.").format(
                dates=", ".join(short_date(header.study_date) for header in case.strangers)
            )
        )
        self._band.setVisible(bool(case.strangers))

    def _restore(
        self,
        session: ReadingSession,
        measurements: Mapping[str, Any] | None,
        key_images: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        try:
            session.store.from_json(dict(measurements or {}))
        except (KeyError, TypeError, ValueError):
            log.warning("kept measurements could not be read")
        try:
            session.key_images.from_json([dict(each) for each in key_images or ()])
        except (KeyError, TypeError, ValueError):
            log.warning("kept key images could not be read")

    def _connect(self, session: ReadingSession) -> None:
        views, store = session.views, session.store
        views.state_changed.connect(self._state_changed)
        views.picture_ready.connect(self._repaint)
        views.layout_changed.connect(self._layout_changed)
        views.active_changed.connect(self._active_changed)
        views.progress_changed.connect(self._progressed)
        views.kept_changed.connect(lambda: self._rest.start())
        store.shown.connect(self._repaint_all)
        store.changed.connect(self._tell_measurements)
        store.selection_changed.connect(self.measurement_selected.emit)
        store.shown.connect(self.toolbar.refresh)
        session.annotations.sketch_changed.connect(self._repaint_all)
        session.key_images.changed.connect(self._tell_key_images)
        session.documents_changed.connect(self._show_state)
        session.case.layers.changed.connect(self._show_state)
        session.marks.changed.connect(self._repaint_all)
        session.key_image_wanted.connect(self.take_key_image)
        session.report_wanted.connect(self._report)
        session.calibration_wanted.connect(self._calibrate)
        session.tool_changed.connect(lambda _tool: self.toolbar.refresh())

    def close_case(self) -> None:
        """Put the case away; nothing of it is kept in memory. The view is told a last time."""
        session = self.session
        if session is None:
            return
        if self._rest.isActive():
            self._rest.stop()
            self._keep_view()
        self._arrival.stop()
        self._arrivals = set()
        self.beside.set_session(None)
        self.session = None
        self._thumbnails.stop()
        self._thread.close()
        self._thread.deleteLater()
        session.close()
        self.toolbar.set_session(None)
        self.grid.set_session(None)
        self.strip.set_session(None)
        self._band.hide()

    def measurements_json(self) -> dict[str, Any]:
        """The measurements as they are kept."""
        return {} if self.session is None else self.session.store.to_json()

    def key_images_json(self) -> list[dict[str, Any]]:
        """The key images as they are kept."""
        return [] if self.session is None else self.session.key_images.to_json()

    # for who drives the viewer

    @property
    def canvases(self) -> tuple[Canvas, ...]:
        """The viewports' widgets, by number."""
        return self.grid.canvases

    def is_settled(self) -> bool:
        """Whether each visible viewport has painted the newest state asked for, with its pixels."""
        session = self.session
        if session is None or (session.coming and not session.case.stacks):
            return False
        for canvas in self.canvases:
            viewport = session.views[canvas.number]
            if canvas.isHidden() or not viewport.state.stack:
                continue
            picture = canvas.picture
            if picture is None or picture.missing or canvas.painted_request != viewport.asked:
                return False
        return True

    def is_loaded(self) -> bool:
        """Whether all of the study has come, and all pixels of the stacks shown are there, or have failed."""
        session = self.session
        if session is None or session.coming:
            return False
        return all(loader.finished for loader in session.case.loaders())

    def run(self, name: str) -> bool:
        """Run a command of the table by its id; False where it can't be run now."""
        session, command = self.session, BY_ID[name]
        if session is None or not command.enabled(session):
            return False
        command.run(session)
        self.toolbar.refresh()
        return True

    def show_mpr(self) -> None:
        """Three planes through the active volume."""
        if self.session is not None:
            self.session.reformats.show_mpr()

    def show_stack(self) -> None:
        """Back from the three planes."""
        if self.session is not None:
            self.session.reformats.show_stack()

    def show_measurement(self, tracking_uid: str) -> None:
        """Go to a measurement and select it; nothing happens when it is not of this case."""
        if self.session is not None:
            self.session.annotations.go_to(tracking_uid)

    def take_key_image(self, number: int) -> None:
        """The picture of a viewport, as it is seen, becomes a key image."""
        session = self.session
        if session is None:
            return
        canvas = self.canvases[number]
        picture = canvas.picture
        stack = None if picture is None else session.case.stack(picture.state.stack)
        if picture is None or picture.missing or stack is None:
            return
        state = picture.state
        # what number of how many an image is, is not known while others still come
        where = [line for line in wording.slice_lines(stack, state) if stack.awaited is None or "/" not in line]
        lines = [stack.title, *where, *wording.grey_lines(state, picture.voi, 1.0)[1:]]
        stored = presentation_in_force(session.case, stack, state)
        lines += [] if stored is None else [wording.presentation_name(stored)]
        reference = stack.reference(stack.nearest(state.centre))
        window = None if stored is not None else stack.plain_window(state, picture.voi)
        session.key_images.add(KeyImage(reference, canvas.as_seen(), " · ".join(lines), window))

    # keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.grid.covered >= 0:
            self.beside.close()
            return
        command = command_of(event)
        if command is None or not self.run(command.id):
            super().keyPressEvent(event)

    def focusNextPrevChild(self, _next: bool) -> bool:
        """Tab goes to the next viewport, by the command table."""
        return False

    # what the session tells

    def _report(self, tracking_uid: str) -> None:
        session = self.session
        drawing = None if session is None else session.store.get(tracking_uid)
        if drawing is not None and drawing.measured:
            self.insert_into_report.emit(drawing.to_content())

    def _calibrate(self, tracking_uid: str) -> None:
        session = self.session
        drawing = None if session is None else session.store.get(tracking_uid)
        known = None if drawing is None else ask_length(self, drawing)
        if session is not None and known is not None:
            session.annotations.calibrate(tracking_uid, known)

    def _tell_measurements(self) -> None:
        if self.session is not None:
            self.measurements_changed.emit(self.session.store.measurements())

    def _tell_key_images(self) -> None:
        if self.session is not None:
            self.key_images_changed.emit(self.session.key_images.images)

    def _keep_view(self) -> None:
        if self.session is not None:
            self.view_changed.emit(self.session.to_json())

    def _place_here(self, key: str) -> None:
        if self.session is not None:
            self._place(self.session.views.active, key)
        self.setFocus()

    def _place(self, number: int, key: str) -> None:
        session = self.session
        stack = None if session is None else session.case.stack(key)
        if session is None or stack is None:
            return
        session.reformats.show_stack()
        if number == self.grid.covered:
            self.beside.close()
        number = min(number, len(session.views) - 1)
        session.views.place(number, stack)
        session.views.activate(number)
        self._show_state()

    def _state_changed(self, number: int) -> None:
        """Lines and marks over all pictures follow; a picture that is on its way paints them itself when it comes."""
        session = self.session
        for canvas in self.canvases:
            # of the others the empty ones have nothing to follow with
            if canvas.picture is None and canvas.number != number:
                continue
            if session is not None and not (session.views.awaits(canvas.number) and canvas.picture is not None):
                canvas.update()

    def _repaint(self, number: int) -> None:
        canvases = self.canvases
        if number < len(canvases):
            canvases[number].update()

    def _repaint_all(self) -> None:
        for canvas in self.canvases:
            canvas.update()

    def _layout_changed(self) -> None:
        self.grid.arrange()
        self._show_state()

    def _active_changed(self, _number: int) -> None:
        self._repaint_all()
        self.toolbar.refresh()

    def _progressed(self, key: str) -> None:
        """Images arrive by the hundred a second; the strip and the sliders show it a few times a second."""
        self._arrivals.add(key)
        if not self._arrival.isActive():
            self._arrival.start()

    def _show_arrivals(self) -> None:
        session, arrived = self.session, self._arrivals
        self._arrivals = set()
        if session is None:
            return
        self.strip.show_progress(session)
        for viewport in session.views.all:
            if viewport.state.stack in arrived:
                self._repaint(viewport.number)

    def _show_state(self) -> None:
        if self.session is not None:
            self.strip.show_state(self.session)
        self.toolbar.refresh()
