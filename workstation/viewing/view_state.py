"""What the reader was looking at, as plain values: kept at each change, back after a crash."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workstation.imaging.reslice import Slab
from workstation.imaging.voi import Window
from workstation.viewing.growth import Places
from workstation.viewing.layout import LAYOUTS
from workstation.viewing.stacks import ShownStack
from workstation.viewing.vectors import add, vec
from workstation.viewing.viewport import PlaneKind, ViewportState, VoiChoice
from workstation.viewing.viewports import Viewports


def to_json(views: Viewports) -> dict[str, Any]:
    """Plain values of the whole arrangement; the inverse of `restore`."""
    return {
        "version": 1,
        "layout": views.layout,
        "active": views.active,
        "viewports": [_plain_state(viewport.state, views.case.stack(viewport.state.stack)) for viewport in views.all],
        "linked": sorted(views.links.members),
        "anchors": [[source, target, list(offset)] for (source, target), offset in views.links.offsets.items()],
        "values": {stack.key: stack.values for stack in views.case.stacks if stack.mappings},
        "crosshairs": {space: list(point) for space, point in views.crosshairs.items()},
    }


def restore(views: Viewports, plain: Mapping[str, Any]) -> bool:
    """Arrange the viewports as they were. False, and nothing changed, for what does not fit this case."""
    try:
        layout = plain["layout"]
        states = [_at_image(views, each, _state(each)) for each in plain["viewports"]]
        anchors = {(str(source), str(target)): vec(offset) for source, target, offset in plain["anchors"]}
        crosshairs = {str(space): vec(point) for space, point in plain["crosshairs"].items()}
        values = {str(key): int(number) for key, number in plain.get("values", {}).items()}
        linked = frozenset(int(number) for number in plain["linked"])
        active = int(plain["active"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return False
    stacks = [views.case.stack(state.stack) for state in states]
    if layout not in LAYOUTS or len(states) != len(LAYOUTS[layout].cells) or not any(stacks):
        return False
    if any(stack is not None and state.index >= stack.count for state, stack in zip(states, stacks, strict=True)):
        return False
    for key, number in values.items():
        stack = views.case.stack(key)
        if stack is not None and stack.values != number:
            views.case.choose_values(key, number)
    stacks = [views.case.stack(state.stack) for state in states]
    views.links.offsets = anchors
    views.crosshairs = crosshairs
    views.lay_out(layout)
    for number, (state, stack) in enumerate(zip(states, stacks, strict=True)):
        place = views[number].state
        if stack is None:
            continue
        state = replace(state, width=place.width, height=place.height)
        views.show(number, stack.fitted(state) if state.fitted else state)
    views.links.members = frozenset(n for n in linked if n < len(views))
    views.activate(min(max(active, 0), len(views) - 1))
    views.same_scale()
    return True


def is_whole(views: Viewports, plain: Mapping[str, Any]) -> bool:
    """Whether all that a kept view shows is offered by the case, and nothing of it is still to come."""
    try:
        keys = [str(each["stack"]) for each in plain["viewports"]]
    except (KeyError, TypeError):
        return False
    shown = [views.case.stack(key) for key in keys if key]
    return bool(shown) and all(stack is not None and stack.awaited is None for stack in shown)


def _at_image(views: Viewports, plain: Mapping[str, Any], state: ViewportState) -> ViewportState:
    """The state at the image that was shown, where its stack has other images before it now."""
    stack, image = views.case.stack(state.stack), plain.get("image")
    if stack is None or image is None:
        return state
    found = Places({}, [stack]).find(str(image[0]), int(image[1]), computed=stack.computed)
    if found is None or found[1] == state.index:
        return state
    index = found[1]
    if state.kind is not PlaneKind.STACK or stack.positioned:
        return replace(state, index=index)
    # images without a place stand one behind the other
    return replace(state, index=index, centre=add(state.centre, (0.0, 0.0, float(index - state.index))))


def _plain_state(state: ViewportState, stack: ShownStack | None) -> dict[str, Any]:
    window = state.voi.voi if isinstance(state.voi.voi, Window) else None
    ref = None if stack is None else stack.stack.frames[state.index]
    return {
        "stack": state.stack,
        "image": None if ref is None else [ref.instance.sop_instance_uid, ref.frame],
        "kind": state.kind.value,
        "index": state.index,
        "centre": list(state.centre),
        "right": list(state.right),
        "down": list(state.down),
        "mm_per_pixel": state.mm_per_pixel,
        "inverted": state.inverted,
        "turns": state.turns,
        "flipped": state.flipped,
        "fitted": state.fitted,
        "presentation": state.presentation,
        "overlays": state.overlays,
        "shuttered": state.shuttered,
        "slab": [state.slab.thickness_mm, state.slab.mode],
        "voi": {
            "source": state.voi.source,
            "name": state.voi.name,
            "index": state.voi.index,
            "window": None if window is None else [window.center, window.width, window.function],
        },
    }


def _state(plain: Mapping[str, Any]) -> ViewportState:
    kept = plain["voi"]
    window = None if kept["window"] is None else Window(*kept["window"])
    if kept["source"] in ("preset", "manual") and window is None:
        raise ValueError("a window is missing")
    thickness, mode = plain["slab"]
    return ViewportState(
        stack=str(plain["stack"]),
        kind=PlaneKind(plain["kind"]),
        index=int(plain["index"]),
        centre=vec(plain["centre"]),
        right=vec(plain["right"]),
        down=vec(plain["down"]),
        mm_per_pixel=float(plain["mm_per_pixel"]),
        inverted=bool(plain["inverted"]),
        turns=int(plain["turns"]),
        flipped=bool(plain["flipped"]),
        fitted=bool(plain["fitted"]),
        presentation=str(plain.get("presentation", "")),
        overlays=bool(plain.get("overlays", True)),
        shuttered=bool(plain.get("shuttered", True)),
        slab=Slab(float(thickness), mode),
        voi=VoiChoice(kept["source"], str(kept["name"]), window, int(kept["index"])),
    )
