"""How viewports lie: rows and columns, and for the three planes of a reformat one large and two small."""

from dataclasses import dataclass

from workstation.language import N_


@dataclass(frozen=True)
class Layout:
    """Cells are (row, column, rows spanned, columns spanned), one a viewport."""

    name: str
    title: str
    icon: str
    cells: tuple[tuple[int, int, int, int], ...]


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("1x1", N_("One viewport"), "mdi6.square-outline", ((0, 0, 1, 1),)),
        Layout("1x2", N_("Two side by side"), "mdi6.view-split-vertical", ((0, 0, 1, 1), (0, 1, 1, 1))),
        Layout(
            "2x2", N_("Four viewports"), "mdi6.view-grid-outline", tuple((r, c, 1, 1) for r in (0, 1) for c in (0, 1))
        ),
        Layout("mpr", N_("Three planes"), "mdi6.view-quilt-outline", ((0, 0, 2, 1), (0, 1, 1, 1), (1, 1, 1, 1))),
    )
}
