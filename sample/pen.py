"""The pen: shapes in a subject's own coordinates, painted on a supersampled canvas.

Everything in the sample's pictures is made of filled polygons. A subject (a car, a house, a dog) is described once, in
its own frame: x to the right, y up, the ground at y = 0, about one unit large. A Pen places that frame on the canvas
(position, scale, mirroring, lean), so the same description serves every size and both directions. Circles and lines
become polygons too, which is what lets one transform do for all.

                      y up
     canvas            |   ___
     (0,0)---> x       |__/   \\__     Pen(canvas, x, y, scale, flip, lean)
       |               |_o_____o_|
       v y             +-----------> x right

Colours are (r, g, b) or (r, g, b, a) in 0..255; alpha blends. The canvas is larger than the picture by a whole factor
and is averaged down at the end, which gives smooth edges.
"""

import colorsys
import copy
import math

from PIL import Image, ImageDraw


def hsv(h, s, v):
    """A colour from hue, saturation and value, each in 0..1 (the hue wraps)."""
    return tuple(int(255 * c) for c in colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0), 1), min(max(v, 0), 1)))


def shade(colour, factor):
    """The same colour, darker (factor < 1) or lighter (factor > 1)."""
    return tuple(min(255, int(c * factor)) for c in colour[:3]) + tuple(colour[3:])


def mix(a, b, t):
    """The colour a fraction t of the way from a to b."""
    return tuple(int(p + (q - p) * t) for p, q in zip(a[:3], b[:3]))


def any_colour(rng):
    """A paint: mostly saturated, one time in four a grey, white or black."""
    if rng.random() < 0.25:
        return hsv(0, 0, rng.choice([0.12, 0.3, 0.5, 0.75, 0.95]))
    return hsv(rng.random(), rng.uniform(0.35, 1), rng.uniform(0.35, 1))


def rounded(points, rounds):
    """Chaikin's corner cutting: each round replaces every corner by two points a quarter of the way along its sides."""
    for _ in range(rounds):
        cut = []
        for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]):
            cut.append((0.75 * ax + 0.25 * bx, 0.75 * ay + 0.25 * by))
            cut.append((0.25 * ax + 0.75 * bx, 0.25 * ay + 0.75 * by))
        points = cut
    return points


class Canvas:
    """width x height units of paint. One unit is the height of the final picture, so a square picture is 1 x 1."""

    def __init__(self, pixels_wide, pixels_high, unit):
        self.image = Image.new("RGB", (pixels_wide, pixels_high))
        self.unit = unit
        self.width = pixels_wide / unit
        self.height = pixels_high / unit
        self.paint = ImageDraw.Draw(self.image, "RGBA")

    def polygon(self, points, colour):
        self.paint.polygon([(x * self.unit, y * self.unit) for x, y in points], fill=colour)

    def rect(self, x0, y0, x1, y1, colour):
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)


class Pen:
    """A subject's frame on a canvas: origin at (x, y), its unit `scale` canvas units, leaning by `lean` radians."""

    def __init__(self, canvas, x, y, scale, flip=False, lean=0.0):
        self.canvas = canvas
        self.x, self.y, self.scale = x, y, scale
        self.side = -1.0 if flip else 1.0
        self.cos, self.sin = math.cos(lean), math.sin(lean)
        self.middle = 0.0

    def about(self, middle):
        """The same frame for a subject drawn around x = middle instead of x = 0."""
        other = copy.copy(self)
        other.middle = middle
        return other

    def at(self, px, py):
        px = self.side * (px - self.middle)
        return (self.x + self.scale * (self.cos * px - self.sin * py),
                self.y - self.scale * (self.sin * px + self.cos * py))

    def poly(self, points, colour, rounds=0):
        self.canvas.polygon([self.at(px, py) for px, py in rounded(list(points), rounds)], colour)

    def rect(self, x0, y0, x1, y1, colour, rounds=0):
        self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, rounds)

    def disc(self, x, y, rx, colour, ry=None, corners=26):
        ry = rx if ry is None else ry
        step = 2 * math.pi / corners
        self.poly([(x + rx * math.cos(i * step), y + ry * math.sin(i * step)) for i in range(corners)], colour)

    def ring(self, x, y, radius, thick, colour, corners=26):
        """A circle's outline as a closed band, so that what lies behind shows through its middle."""
        step = 2 * math.pi / corners
        outer = [(x + radius * math.cos(i * step), y + radius * math.sin(i * step)) for i in range(corners + 1)]
        inner = [(x + (radius - thick) * math.cos(i * step), y + (radius - thick) * math.sin(i * step))
                 for i in range(corners, -1, -1)]
        self.poly(outer + inner, colour)

    def line(self, points, thick, colour):
        """A stroke through the points, each leg its own bar."""
        for (ax, ay), (bx, by) in zip(points, points[1:]):
            length = math.hypot(bx - ax, by - ay)
            if length == 0:
                continue
            nx, ny = -(by - ay) / length * thick / 2, (bx - ax) / length * thick / 2
            self.poly([(ax + nx, ay + ny), (bx + nx, by + ny), (bx - nx, by - ny), (ax - nx, ay - ny)], colour)
