"""The ring's hues, computed rather than guessed: seen against their ground, and told apart without red and green."""

import re
from itertools import combinations
from math import dist
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "web/static/css/chitram.css").read_text()
Colour = tuple[float, float, float]
# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "full": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}


def block(theme: str) -> str:
    """The tokens of a theme."""
    start = CSS.index(":root {") if theme == "light" else CSS.index(':root[data-theme="dark"], .always-dark {')
    return CSS[start : CSS.index("\n}", start)]


def linear(hex_colour: str) -> Colour:
    """Linear RGB of #rrggbb."""
    parts = [int(hex_colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Relative, as WCAG has it."""
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def lab(colour: Colour) -> Colour:
    """CIE L*a*b* under D65."""
    red, green, blue = colour
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = luminance(colour)
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    fx, fy, fz = (max(part, 0.0) ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def hues(theme: str) -> list[Colour]:
    """All eight."""
    return [linear(found) for found in re.findall(r"--hue-\d: (#[0-9a-f]{6})", block(theme))]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_hue_is_seen_against_its_ground(theme):
    """3:1, as WCAG asks of graphics."""
    (surface,) = re.findall(r"--surface: (#[0-9a-f]{6})", block(theme))
    ground = luminance(linear(surface))
    assert len(hues(theme)) == 8
    for hue in hues(theme):
        lighter, darker = sorted((luminance(hue), ground), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3


def seen_with(sight: str, colour: Colour) -> Colour:
    """The colour as such eyes see it."""
    red, green, blue = (sum(weight * part for weight, part in zip(row, colour, strict=True)) for row in SIGHT[sight])
    return lab((red, green, blue))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(("nodes", "apart"), [(5, 20), (8, 12)])
def test_the_hues_are_told_apart_by_everybody(theme, sight, nodes, apart):
    """By colour alone; patterns tell them apart besides."""
    seen = [seen_with(sight, hue) for hue in hues(theme)[:nodes]]
    assert min(dist(one, other) for one, other in combinations(seen, 2)) > apart
