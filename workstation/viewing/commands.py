"""All commands of the viewer in one table: toolbar, shortcuts, menus and tests are made from it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from workstation.imaging.reslice import THIN, Slab
from workstation.language import N_
from workstation.viewing.layout import LAYOUTS
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.subtraction import SubtractedStack
from workstation.viewing.tools import TOOLS
from workstation.viewing.viewport import PlaneKind

Run = Callable[[ReadingSession], None]
Enabled = Callable[[ReadingSession], bool]


@dataclass(frozen=True)
class Command:
    """`keys` are in Qt's portable notation, the first is the one shown. `checked` is for what stands for a state."""

    id: str
    title: str
    keys: tuple[str, ...]
    run: Run
    enabled: Enabled
    icon: str = ""
    checked: Enabled | None = None


def _shows(session: ReadingSession) -> bool:
    return session.views.stack(session.views.active) is not None


def _on_active(act: Callable[[ReadingSession, int], None]) -> Run:
    return lambda session: act(session, session.views.active)


def _step(steps: int) -> Run:
    return _on_active(lambda session, number: session.move.scroll(number, steps))


def _next_viewport(by: int) -> Run:
    return lambda session: session.views.activate((session.views.active + by) % len(session.views))


def _toggle_link(session: ReadingSession) -> None:
    if session.views.links.members:
        session.move.unlink()
    else:
        session.move.link_here()


def _toggle_mpr(session: ReadingSession) -> None:
    if session.views.layout == "mpr":
        session.reformats.show_stack()
    else:
        session.reformats.show_mpr()


def _overlays(session: ReadingSession) -> bool:
    """Whether the image shown has graphics or overlay planes that may be out of sight."""
    stack, state = session.views.stack(session.views.active), session.views.current.state
    if stack is None or state.kind is not PlaneKind.STACK:
        return False
    presentation = session.views.presentation(session.views.active)
    drawn = presentation is not None and bool(presentation.annotations or presentation.activated)
    return drawn or bool(stack.instance(state.index).overlays)


def _shutter(session: ReadingSession) -> bool:
    """Whether the image shown has a shutter, its own or that of the presentation state in force."""
    stack, state = session.views.stack(session.views.active), session.views.current.state
    if stack is None or state.kind is not PlaneKind.STACK:
        return False
    presentation = session.views.presentation(session.views.active)
    return (stack.instance(state.index) if presentation is None else presentation).shutter is not None


def _presentations(session: ReadingSession) -> bool:
    stack, state = session.views.stack(session.views.active), session.views.current.state
    if stack is None or state.kind is not PlaneKind.STACK:
        return False
    return any(not one.refusal for one in session.case.presentations.offered(stack, state.index))


SLABS = (THIN, Slab(5.0, "mean"), Slab(10.0, "mip"), Slab(10.0, "minip"))


def _next_slab(session: ReadingSession, number: int) -> None:
    now = session.views[number].state.slab
    at = SLABS.index(now) if now in SLABS else -1
    session.move.set_slab(number, SLABS[(at + 1) % len(SLABS)])


def _toggle_cubic(session: ReadingSession, number: int) -> None:
    state = session.views[number].state
    session.views.show(number, replace(state, interpolation="linear" if state.interpolation == "cubic" else "cubic"))


def _can_slab(session: ReadingSession) -> bool:
    stack = session.views.stack(session.views.active)
    return stack is not None and stack.is_volume


def _selected(session: ReadingSession) -> bool:
    return bool(session.store.selected)


def _tool(tool: str) -> Command:
    entry = TOOLS[tool]
    return Command(
        f"tool.{tool}",
        entry.title,
        (entry.key,),
        lambda session: session.choose_tool(tool),
        lambda _session: True,
        entry.icon,
        lambda session: session.tool == tool,
    )


def _layout(name: str, keys: tuple[str, ...]) -> Command:
    entry = LAYOUTS[name]
    return Command(
        f"layout.{name}",
        entry.title,
        keys,
        lambda session: session.set_layout(name),
        lambda session: bool(session.case.stacks),
        entry.icon,
        lambda session: session.views.layout == name,
    )


def _preset(key: int) -> Command:
    return Command(
        f"window.{key}",
        N_("Window preset"),
        (str(key),),
        lambda session: session.apply_key(key),
        _shows,
    )


COMMANDS: tuple[Command, ...] = (
    *(_tool(tool) for tool in TOOLS),
    Command("slice.previous", N_("Previous slice"), ("Up", "Left"), _step(-1), _shows),
    Command("slice.next", N_("Next slice"), ("Down", "Right"), _step(1), _shows),
    Command("slice.back", N_("Ten slices back"), ("PgUp",), _step(-10), _shows),
    Command("slice.on", N_("Ten slices on"), ("PgDown",), _step(10), _shows),
    Command("slice.first", N_("First slice"), ("Home",), _step(-1_000_000), _shows),
    Command("slice.last", N_("Last slice"), ("End",), _step(1_000_000), _shows),
    *(_preset(key) for key in range(1, 10)),
    Command(
        "view.reset",
        N_("Reset the view"),
        ("R",),
        _on_active(lambda session, number: session.move.reset(number)),
        _shows,
        "mdi6.restore",
    ),
    Command(
        "view.invert",
        N_("Invert"),
        ("I",),
        _on_active(lambda session, number: session.move.invert(number)),
        _shows,
        "mdi6.invert-colors",
    ),
    Command(
        "view.turn",
        N_("Turn clockwise"),
        ("T",),
        _on_active(lambda session, number: session.move.turn(number)),
        _shows,
        "mdi6.rotate-right",
    ),
    Command(
        "view.flip",
        N_("Mirror left to right"),
        ("H",),
        _on_active(lambda session, number: session.move.flip(number)),
        _shows,
        "mdi6.flip-horizontal",
    ),
    Command("view.slab", N_("Slab: off, mean, MIP, MinIP"), ("B",), _on_active(_next_slab), _can_slab, "mdi6.layers"),
    Command(
        "view.cubic",
        N_("Cubic interpolation"),
        ("Shift+I",),
        _on_active(_toggle_cubic),
        _shows,
        "mdi6.blur",
        lambda session: session.views.current.state.interpolation == "cubic",
    ),
    Command(
        "view.presentation",
        N_("Next stored view"),
        ("N",),
        _on_active(lambda session, number: session.move.next_presentation(number)),
        _presentations,
        "mdi6.image-edit-outline",
        lambda session: session.views.presentation(session.views.active) is not None,
    ),
    Command(
        "view.overlays",
        N_("Graphics on the image"),
        ("X",),
        _on_active(lambda session, number: session.move.toggle_overlays(number)),
        _overlays,
        "mdi6.vector-square",
        lambda session: session.views.current.state.overlays and _overlays(session),
    ),
    Command(
        "view.shutter",
        N_("Shutter"),
        ("U",),
        _on_active(lambda session, number: session.move.toggle_shutter(number)),
        _shutter,
        "mdi6.camera-iris",
        lambda session: session.views.current.state.shuttered and _shutter(session),
    ),
    Command(
        "view.subtraction",
        N_("Subtraction of the mask"),
        ("Shift+S",),
        _on_active(lambda session, number: session.move.toggle_subtraction(number)),
        lambda session: session.move.other_of_subtraction(session.views.active) is not None,
        "mdi6.minus-box-outline",
        lambda session: isinstance(session.views.stack(session.views.active), SubtractedStack),
    ),
    _layout("1x1", ("Ctrl+1",)),
    _layout("1x2", ("Ctrl+2",)),
    _layout("2x2", ("Ctrl+4",)),
    Command(
        "layout.mpr",
        N_("Three planes"),
        ("M",),
        _toggle_mpr,
        lambda session: session.views.layout == "mpr" or session.reformats.possible,
        "mdi6.axis-arrow",
        lambda session: session.views.layout == "mpr",
    ),
    Command(
        "layout.maximise",
        N_("This viewport alone"),
        ("F",),
        lambda session: session.views.toggle_maximised(),
        lambda session: len(session.views) > 1,
        "mdi6.fullscreen",
        lambda session: session.views.maximised,
    ),
    Command("viewport.next", N_("Next viewport"), ("Tab",), _next_viewport(1), lambda session: len(session.views) > 1),
    Command(
        "viewport.previous",
        N_("Previous viewport"),
        ("Shift+Tab", "Shift+Backtab"),
        _next_viewport(-1),
        lambda session: len(session.views) > 1,
    ),
    Command(
        "link.toggle",
        N_("Link the viewports as they stand"),
        ("Y",),
        _toggle_link,
        lambda session: len(session.views) > 1 and session.views.layout != "mpr",
        "mdi6.link-variant",
        lambda session: bool(session.views.links.members),
    ),
    Command(
        "key_image.take",
        N_("Key image"),
        ("K",),
        lambda session: session.key_image_wanted.emit(session.views.active),
        _shows,
        "mdi6.camera-plus-outline",
    ),
    Command(
        "document.next",
        N_("Next document"),
        ("Shift+D",),
        lambda session: session.next_document(),
        lambda session: bool(session.case.documents),
        "mdi6.text-box-search-outline",
    ),
    Command(
        "layers.toggle",
        N_("Segmentations on or off"),
        ("J",),
        lambda session: session.case.layers.toggle(),
        lambda session: bool(session.case.layers.all),
        "mdi6.shape-outline",
        lambda session: any(layer.visible for layer in session.case.layers.all),
    ),
    Command(
        "measurement.report",
        N_("Measurement into the report"),
        ("Return", "Enter"),
        lambda session: session.report_wanted.emit(session.store.selected),
        _selected,
        "mdi6.text-box-plus-outline",
    ),
    Command(
        "measurement.calibrate",
        N_("Calibrate by a known length"),
        ("Q",),
        lambda session: session.calibration_wanted.emit(session.store.selected),
        lambda session: session.annotations.can_calibrate(session.store.selected),
        "mdi6.ruler-square",
    ),
    Command(
        "measurement.delete",
        N_("Delete the measurement"),
        ("Del", "Backspace"),
        lambda session: session.store.remove(session.store.selected),
        _selected,
        "mdi6.delete-outline",
    ),
    Command(
        "edit.undo",
        N_("Undo"),
        ("Ctrl+Z",),
        lambda session: session.store.undo(),
        lambda session: session.store.can_undo,
        "mdi6.undo",
    ),
    Command(
        "edit.redo",
        N_("Redo"),
        ("Ctrl+Y", "Ctrl+Shift+Z"),
        lambda session: session.store.redo(),
        lambda session: session.store.can_redo,
        "mdi6.redo",
    ),
)

BY_ID = {command.id: command for command in COMMANDS}
