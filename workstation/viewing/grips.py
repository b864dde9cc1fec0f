"""What of a graphic lies under the pointer, in device pixels."""

from dataclasses import dataclass

from workstation.viewing.drawings import Drawing

HANDLE_RADIUS = 9.0
_LINE_RADIUS = 6.0

Pixels = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Grip:
    """What of a graphic lies under the pointer: handle number, or None for its line."""

    drawing: Drawing
    handle: int | None


def segments(drawing: Drawing, points: Pixels) -> list[tuple[int, int]]:
    """The lines of a graphic as pairs of its points; none of an ellipse or a point."""
    if drawing.kind == "cobb":
        return [(n, n + 1) for n in (0, 2) if n + 1 < len(points)]
    if drawing.kind in ("ellipse", "point"):
        return []
    lines = [(n, n + 1) for n in range(len(points) - 1)]
    if drawing.kind == "polygon" and len(points) > 2:
        lines.append((len(points) - 1, 0))
    return lines


def grip_at(drawings: list[tuple[Drawing, Pixels]], x: float, y: float, ratio: float) -> Grip | None:
    """The handle or else the line under pixel (x, y) among drawings with their points in device pixels."""
    for drawing, points in drawings:
        for number, (px, py) in enumerate(points):
            if abs(px - x) <= HANDLE_RADIUS * ratio and abs(py - y) <= HANDLE_RADIUS * ratio:
                return Grip(drawing, number)
    for drawing, points in drawings:
        if drawing.kind == "ellipse":
            away = _from_ellipse(points, x, y)
        else:
            lines = segments(drawing, points)
            away = min((_from_segment(points[a], points[b], x, y) for a, b in lines), default=float("inf"))
        if away <= _LINE_RADIUS * ratio:
            return Grip(drawing, None)
    return None


def _from_segment(start: tuple[float, float], end: tuple[float, float], x: float, y: float) -> float:
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    square = dx * dx + dy * dy
    along = 0.0 if square == 0 else min(max(((x - x0) * dx + (y - y0) * dy) / square, 0.0), 1.0)
    return float(((x0 + along * dx - x) ** 2 + (y0 + along * dy - y) ** 2) ** 0.5)


def _from_ellipse(points: Pixels, x: float, y: float) -> float:
    """The distance from the outline along the ray from the centre, close enough for a pointer."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    ax, ay, bx, by = (x1 - x0) / 2, (y1 - y0) / 2, (x3 - x2) / 2, (y3 - y2) / 2
    area = ax * by - ay * bx
    if area == 0:
        return float("inf")
    u, v = ((x - cx) * by - (y - cy) * bx) / area, ((y - cy) * ax - (x - cx) * ay) / area
    radius = (u * u + v * v) ** 0.5
    length = ((x - cx) ** 2 + (y - cy) ** 2) ** 0.5
    return float("inf") if radius == 0 else abs(length - length / radius)
