"""The ring as paths: what an SVG element needs in its attributes. The page's policy forbids style, so this is all.

The ring starts at the top and runs clockwise. Lengths are in the units of the view box, which is 400 by 400.
"""

from functools import lru_cache
from math import cos, pi, sin

from chitram.services.ring_ports import Arc

CENTRE = 200.0
BAND = (150.0, 186.0)
"""The radii of the ring itself."""
INNER_BAND = (128.0, 142.0)
"""Of the arcs of nodes that are not on it."""
HUES, PATTERNS = 8, 8


def look(index: int) -> tuple[int, int]:
    """Hue and pattern of the node at *index*: no two of 64 nodes have both in common."""
    return index % HUES, (index + index // HUES) % PATTERNS


@lru_cache(maxsize=128)
def band_path(arcs: tuple[Arc, ...], band: tuple[float, float] = BAND) -> str:
    """One path of all *arcs*, each a piece of the band. Remembered: every look asks for the same."""
    return "".join(_piece(start, end, *band) for start, end in arcs)


def marker_path(turn: float) -> str:
    """A pointer at the ring's outer edge."""
    tip, left, right = _at(turn, BAND[1] - 6), _at(turn - 0.008, BAND[1] + 13), _at(turn + 0.008, BAND[1] + 13)
    return f"M{tip}L{left}L{right}Z"


def _piece(start: float, end: float, inner: float, outer: float) -> str:
    if end - start >= 1:
        return _circle(outer, 1) + _circle(inner, 0)
    long = int(end - start > 0.5)
    there = f"M{_at(start, outer)}A{outer:g} {outer:g} 0 {long} 1 {_at(end, outer)}"
    return f"{there}L{_at(end, inner)}A{inner:g} {inner:g} 0 {long} 0 {_at(start, inner)}Z"


def _circle(radius: float, clockwise: int) -> str:
    """In two halves: an arc from a point to itself would be nothing. The other way round, it cuts a hole."""
    arc = f"A{radius:g} {radius:g} 0 0 {clockwise}"
    return f"M{_at(0, radius)}{arc} {_at(0.5, radius)}{arc} {_at(0, radius)}Z"


def _at(turn: float, radius: float) -> str:
    angle = 2 * pi * turn - pi / 2
    return f"{CENTRE + radius * cos(angle):.1f} {CENTRE + radius * sin(angle):.1f}"
