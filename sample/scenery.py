"""Everything that is not a car: skies, grounds, backdrops, and the subjects a picture without a car is about.

Both classes are drawn from this file: a Car picture is one of these scenes with a car added, so no background, no tree
and no lamp post tells the classes apart. The subjects are chosen to take away the easy answers. Bicycles, carts and
prams have wheels; spectacles, dumb-bells and loose tyres are pairs of circles; trams have windows and wheels; boats,
tents, sofas and heaps of polygons are large, coloured, car-sized bodies. Buses and lorries are in neither class, except
the small box lorry of cars.py: where a car ends is a question this sample does not try to answer.

Each subject is a function (pen, rng) in a frame about one unit high, standing on y = 0 and centred on x = 0.
"""

import math

import numpy as np
from PIL import Image

from pen import Pen, any_colour, hsv, mix, shade


# ---- subjects -------------------------------------------------------------------------------------------------------

def tree(pen, rng):
    trunk = hsv(.08, .6, rng.uniform(.2, .5))
    leaf = hsv(rng.uniform(.07, .42), rng.uniform(.4, .9), rng.uniform(.25, .8))
    pen.rect(-.04, 0, .04, .5, trunk)
    if rng.random() < .4:
        for i in range(3):
            pen.poly([(-.32 + i * .07, .25 + i * .22), (.32 - i * .07, .25 + i * .22), (0, .6 + i * .2)],
                     shade(leaf, 1 + .1 * i))
        return
    for _ in range(int(rng.integers(4, 9))):
        pen.disc(rng.uniform(-.2, .2), rng.uniform(.5, .82), rng.uniform(.12, .22), shade(leaf, rng.uniform(.8, 1.2)))


def bush(pen, rng):
    leaf = hsv(rng.uniform(.18, .42), rng.uniform(.4, .9), rng.uniform(.2, .7))
    for _ in range(6):
        pen.disc(rng.uniform(-.35, .35), rng.uniform(.1, .4), rng.uniform(.15, .3), shade(leaf, rng.uniform(.8, 1.2)))


def house(pen, rng):
    wall, roof = any_colour(rng), any_colour(rng)
    half = rng.uniform(.35, .6)
    pen.rect(-half, 0, half, .6, wall)
    pen.poly([(-half - .08, .6), (half + .08, .6), (rng.uniform(-.2, .2), 1.0)], roof)
    pen.rect(-.08, 0, .08, .3, shade(roof, .6))
    glass = hsv(.13, .6, 1) if rng.random() < .3 else hsv(.57, .3, .8)
    for x in (-half * .65, half * .65):
        if rng.random() < .3:
            pen.disc(x, .38, .09, glass)
        else:
            pen.rect(x - .09, .28, x + .09, .48, glass)
            pen.line([(x, .28), (x, .48)], .015, wall)


def tower(pen, rng):
    half, wall = rng.uniform(.12, .3), hsv(rng.random(), rng.uniform(0, .3), rng.uniform(.2, .8))
    pen.rect(-half, 0, half, 1, wall)
    lit, dark = hsv(.13, .5, 1), shade(wall, .6)
    for row in np.arange(.08, .92, .12):
        for x in np.arange(-half + .04, half - .06, .1):
            pen.rect(x, row, x + .05, row + .06, lit if rng.random() < .3 else dark)


def person(pen, rng):
    skin, coat, legs = hsv(.07, .5, rng.uniform(.3, .95)), any_colour(rng), any_colour(rng)
    stride = rng.uniform(.02, .14)
    pen.line([(0, .5), (-stride, 0)], .08, legs)
    pen.line([(0, .5), (stride, 0)], .08, shade(legs, .85))
    pen.rect(-.10, .45, .10, .80, coat)
    pen.line([(-.09, .77), (-.2, rng.uniform(.45, .9))], .055, coat)
    pen.line([(.09, .77), (.2, rng.uniform(.45, .9))], .055, coat)
    pen.disc(0, .89, .085, skin)
    if rng.random() < .5:
        pen.rect(-.1, .92, .1, .99, any_colour(rng))


def animal(pen, rng):
    coat = hsv(.08, rng.uniform(0, .7), rng.uniform(.15, .95))
    leg = rng.uniform(.15, .45)
    for x in (-.36, -.27, .24, .33):
        pen.rect(x - .035, 0, x + .035, leg + .1, shade(coat, .85))
    pen.rect(-.46, leg, .42, leg + rng.uniform(.25, .4), coat, 2)
    head = leg + rng.uniform(.35, .55)
    pen.line([(.33, leg + .2), (.46, head)], .14, coat)
    pen.disc(.5, head, .14, coat, .10)
    pen.poly([(.42, head + .06), (.48, head + .06), (.44, head + .2)], shade(coat, .7))
    pen.disc(.53, head + .03, .018, (10, 10, 10))
    pen.line([(-.42, leg + .25), (-.56, leg + rng.uniform(-.05, .45))], .05, coat)
    if rng.random() < .4:
        for _ in range(5):
            pen.disc(rng.uniform(-.32, .3), leg + rng.uniform(.07, .22), rng.uniform(.03, .07), shade(coat, .4))


def bird(pen, rng):
    coat = any_colour(rng)
    pen.disc(0, .4, .3, coat, .2)
    pen.disc(.28, .58, .13, coat)
    pen.poly([(.38, .6), (.38, .52), (.55, .55)], hsv(.1, .9, .95))
    pen.poly([(-.15, .45), (.12, .42), (-.25, rng.uniform(.5, .95))], shade(coat, .7))
    pen.line([(0, .22), (0, 0)], .03, hsv(.1, .9, .7))


def boat(pen, rng):
    hull = any_colour(rng)
    pen.poly([(-.5, .25), (.55, .27), (.40, .03), (-.38, .03)], hull)
    if rng.random() < .6:
        pen.rect(-.02, .25, .01, 1, hsv(.08, .5, .3))
        pen.poly([(.03, .30), (.03, .98), (.42, .34)], hsv(rng.random(), rng.uniform(0, .6), .95))
        pen.poly([(-.04, .30), (-.04, .9), (-.36, .34)], hsv(rng.random(), rng.uniform(0, .6), .9))
    else:
        pen.rect(-.28, .25, .20, .5, hsv(0, 0, .9))
        for x in (-.18, -.04, .10):
            pen.disc(x, .38, .045, hsv(.57, .5, .6))
        pen.rect(-.15, .5, -.03, .72, any_colour(rng))
    pen.rect(-.8, -.02, .8, .04, (60, 110, 190, 150))


def bicycle(pen, rng):
    frame, r = any_colour(rng), rng.uniform(.2, .25)
    for x in (-.33, .33):
        pen.ring(x, r, r, .03, (25, 25, 28))
        for i in range(4):
            a = math.pi * i / 4
            pen.line([(x - r * .9 * math.cos(a), r - r * .9 * math.sin(a)),
                      (x + r * .9 * math.cos(a), r + r * .9 * math.sin(a))], .007, (150, 150, 155))
    for a, b in [((-.33, r), (-.12, .52)), ((-.33, r), (-.05, r)), ((-.05, r), (-.12, .52)), ((-.12, .52), (.24, .56)),
                 ((-.05, r), (.24, .56)), ((.24, .62), (.33, r))]:
        pen.line([a, b], .028, frame)
    pen.rect(-.2, .54, -.04, .58, (30, 30, 30))
    pen.line([(.24, .62), (.18, .68), (.30, .68)], .025, (40, 40, 40))
    if rng.random() < .35:
        rider = any_colour(rng)
        pen.line([(-.12, .58), (.05, .85), (.22, .66)], .08, rider)
        pen.line([(-.12, .58), (.02, .42), (-.04, .18)], .06, any_colour(rng))
        pen.disc(.08, .95, .075, hsv(.07, .5, rng.uniform(.35, .95)))


def cart(pen, rng):
    """A hand cart: a box on spoked wheels, with a handle."""
    box, r = any_colour(rng), rng.uniform(.12, .22)
    axles = [(-.25, .25), (0.0,), (-.3, .3)][rng.integers(3)]
    pen.poly([(-.42, r + .02), (.42, r + .02), (.48, r + .32), (-.48, r + .32)], box)
    for x in (-.2, 0, .2):
        pen.line([(x, r + .03), (x, r + .31)], .015, shade(box, .6))
    pen.line([(.44, r + .2), (.85, rng.uniform(.1, .75))], .035, hsv(.08, .6, .35))
    for x in axles:
        pen.ring(x, r, r, r * .2, hsv(.08, .6, .3))
        for i in range(3):
            a = math.pi * i / 3 + .3
            pen.line([(x - r * math.cos(a), r - r * math.sin(a)), (x + r * math.cos(a), r + r * math.sin(a))], .02,
                     hsv(.08, .6, .3))


def pram(pen, rng):
    cloth = any_colour(rng)
    pen.poly([(-.35, .62), (.35, .62), (.25, .32), (-.25, .32)], cloth, 1)
    pen.poly([(-.38, .62), (-.02, .62), (-.05, .95), (-.28, .90)], shade(cloth, .75), 1)
    pen.line([(.33, .6), (.55, .85)], .03, (40, 40, 40))
    for x in (-.22, .22):
        pen.line([(x, .33), (x, .12)], .025, (60, 60, 60))
        pen.ring(x, .13, .13, .03, (30, 30, 30))


def tram(pen, rng):
    """A rail vehicle: longer than any car, flat at both ends, on a rail and under a wire."""
    body = any_colour(rng)
    pen.rect(-2.5, -.04, 2.5, -.01, (90, 90, 95))
    for x in (-.75, -.55, .55, .75):
        pen.disc(x, .06, .06, (40, 40, 42))
    pen.rect(-1.1, .06, 1.1, .7, body, int(rng.integers(0, 2)))
    for x in np.arange(-.98, .9, .22):
        pen.rect(x, .36, x + .16, .6, hsv(.57, .3, .85))
    pen.line([(-.2, .7), (0, .85), (.2, .98)], .02, (50, 50, 50))
    pen.rect(-3, .97, 3, .985, (50, 50, 50))


def sign(pen, rng):
    pen.rect(-.02, 0, .02, .7, (110, 110, 115))
    kind, edge = rng.integers(4), hsv(0, .85, .8)
    face = [hsv(0, 0, .97), hsv(.15, .8, .95), hsv(.6, .8, .7)][rng.integers(3)]
    if kind == 0:
        pen.disc(0, .78, .2, edge)
        pen.disc(0, .78, .15, face)
        pen.rect(-.1, .75, .1, .81, any_colour(rng))
    elif kind == 1:
        pen.poly([(-.23, .6), (.23, .6), (0, 1)], edge)
        pen.poly([(-.14, .65), (.14, .65), (0, .9)], face)
    elif kind == 2:
        pen.disc(0, .78, .22, edge, corners=8)
        pen.rect(-.14, .74, .14, .82, (250, 250, 250))
    else:
        pen.rect(-.3, .62, .3, .92, face)
        pen.rect(-.24, .74, .2, .79, (30, 30, 30))


def lamp(pen, rng):
    pen.rect(-.015, 0, .015, .95, (60, 60, 66))
    pen.line([(0, .94), (.14, .97)], .025, (60, 60, 66))
    pen.disc(.15, .95, .05, hsv(.14, .4, 1), .03)


def lights(pen, rng):
    """A traffic light."""
    pen.rect(-.02, 0, .02, .6, (80, 80, 85))
    pen.rect(-.1, .55, .1, 1, (30, 30, 34))
    on = rng.integers(3)
    for i, hue in enumerate((.36, .12, 0)):
        pen.disc(0, .63 + .145 * i, .055, hsv(hue, .9, 1 if i == on else .3))


def boxes(pen, rng):
    for _ in range(int(rng.integers(2, 6))):
        x, y, s = rng.uniform(-.45, .3), rng.choice([0, 0, .3]), rng.uniform(.2, .45)
        paint = any_colour(rng)
        pen.rect(x, y, x + s, y + s * rng.uniform(.6, 1.2), paint)
        pen.line([(x, y), (x + s, y)], .02, shade(paint, .6))
        pen.line([(x + s / 2, y), (x + s / 2, y + s * .6)], .02, shade(paint, .7))


def pair(pen, rng):
    """Two circles side by side: spectacles, a dumb-bell, two tyres, two balls, two plates."""
    r, apart, kind = rng.uniform(.10, .3), rng.uniform(.26, .5), rng.integers(5)
    paint, other = any_colour(rng), any_colour(rng)
    if kind == 0:
        pen.ring(-apart, r, r, .05, paint)
        pen.ring(apart, r, r, .05, paint)
        pen.line([(-apart + r, r), (apart - r, r)], .04, paint)
    elif kind == 1:
        pen.line([(-apart, r), (apart, r)], .07, other)
        pen.disc(-apart, r, r, paint)
        pen.disc(apart, r, r, paint)
    else:
        for x in (-apart, apart):
            pen.disc(x, r, r, (25, 25, 28) if kind == 2 else paint)
            pen.disc(x, r, r * .6, hsv(0, 0, .7) if kind == 2 else other)
        if kind == 3:
            pen.line([(-apart, 2 * r), (apart, 2 * r)], .05, other)


def heap(pen, rng):
    """Random polygons, one over the other."""
    for _ in range(int(rng.integers(2, 6))):
        x, y, s, n = rng.uniform(-.3, .3), rng.uniform(.2, .5), rng.uniform(.15, .4), int(rng.integers(3, 9))
        turn = np.sort(rng.uniform(0, 2 * math.pi, n))
        pen.poly([(x + s * math.cos(a), y + s * rng.uniform(.5, 1) * math.sin(a)) for a in turn], any_colour(rng),
                 int(rng.integers(0, 2)))


def tent(pen, rng):
    cloth = any_colour(rng)
    pen.poly([(-.55, 0), (.55, 0), (rng.uniform(-.15, .15), .62)], cloth)
    pen.poly([(-.15, 0), (.15, 0), (0, .45)], shade(cloth, .5))


def sofa(pen, rng):
    cloth = any_colour(rng)
    pen.rect(-.5, .28, .5, .62, cloth, 1)
    pen.rect(-.55, .1, .55, .34, shade(cloth, .85), 1)
    for x in (-.5, .5):
        pen.rect(x - .08, .08, x + .08, .45, shade(cloth, .75), 1)
    for x in (-.45, .45):
        pen.rect(x - .03, 0, x + .03, .1, hsv(.08, .6, .3))


def table(pen, rng):
    wood = hsv(.08, rng.uniform(.3, .7), rng.uniform(.25, .8))
    pen.rect(-.55, .42, .55, .5, wood)
    for x in (-.48, .44):
        pen.rect(x, 0, x + .05, .43, shade(wood, .8))
    for x in (-.3, .1, .3):
        pen.disc(x, .58, rng.uniform(.04, .09), any_colour(rng))


def flower(pen, rng):
    petal, x = any_colour(rng), 0
    pen.line([(0, 0), (0, .7)], .03, hsv(.33, .8, .45))
    pen.disc(.1, .3, .1, hsv(.33, .8, .5), .04)
    for i in range(6):
        pen.disc(x + .14 * math.cos(i * 1.047), .75 + .14 * math.sin(i * 1.047), .09, petal)
    pen.disc(x, .75, .08, hsv(.13, .9, .95))


def snowman(pen, rng):
    for y, r in ((.2, .24), (.55, .17), (.82, .12)):
        pen.disc(0, y, r, (242, 244, 250))
    pen.poly([(.02, .83), (.2, .8), (.02, .79)], (240, 130, 20))
    pen.rect(-.12, .91, .12, .95, (25, 25, 30))
    pen.rect(-.08, .95, .08, 1.05, (25, 25, 30))


def balloon(pen, rng):
    paint = any_colour(rng)
    pen.disc(0, .68, .32, paint)
    pen.disc(0, .68, .14, any_colour(rng), .32)
    pen.line([(-.2, .45), (-.07, .14)], .012, (70, 60, 50))
    pen.line([(.2, .45), (.07, .14)], .012, (70, 60, 50))
    pen.rect(-.09, 0, .09, .14, hsv(.08, .6, .5))


def mushroom(pen, rng):
    pen.rect(-.1, 0, .1, .5, hsv(.11, .2, .9), 1)
    cap = any_colour(rng)
    pen.poly([(-.42, .42), (.42, .42), (.3, .72), (0, .86), (-.3, .72)], cap, 2)
    for _ in range(4):
        pen.disc(rng.uniform(-.22, .22), rng.uniform(.5, .7), .045, (245, 245, 240))


def fence(pen, rng):
    wood = hsv(.08, rng.uniform(0, .5), rng.uniform(.3, .95))
    for y in (.3, .7):
        pen.rect(-1.6, y, 1.6, y + .08, shade(wood, .85))
    for x in np.arange(-1.55, 1.55, .22):
        pen.poly([(x, 0), (x + .1, 0), (x + .1, .92), (x + .05, 1), (x, .92)], wood)


SUBJECTS = [tree, house, person, person, animal, animal, bird, boat, boat, bicycle, bicycle, cart, cart, pram, tram,
            sign, lights, boxes, boxes, pair, pair, heap, heap, tent, sofa, table, flower, snowman, balloon, mushroom,
            fence]
ROADSIDE = [tree, tree, bush, house, person, animal, sign, lamp, lights, fence, bicycle, boxes, cart, bird]
OCCLUDERS = [bush, person, lamp, sign, tree, lights, flower, animal]


# ---- backgrounds ----------------------------------------------------------------------------------------------------

def gradient(canvas, y0, y1, top, bottom, steps=24):
    for i in range(steps):
        a, b = y0 + (y1 - y0) * i / steps, y0 + (y1 - y0) * (i + 1) / steps
        canvas.rect(0, a, canvas.width, b + .01, mix(top, bottom, i / (steps - 1)))


def sky(canvas, rng, horizon, night):
    """A vertical gradient, then stars and a moon, or clouds and a sun."""
    if night:
        gradient(canvas, 0, horizon, hsv(.64, .7, rng.uniform(.03, .2)),
                 hsv(rng.uniform(.58, .75), .6, rng.uniform(.1, .4)))
        for _ in range(int(rng.integers(0, 40))):
            pen = Pen(canvas, rng.uniform(0, canvas.width), rng.uniform(0, horizon), .004)
            pen.disc(0, 0, 1, (255, 255, 230), corners=6)
        if rng.random() < .5:
            Pen(canvas, rng.uniform(0, canvas.width), rng.uniform(.05, .3), .06).disc(0, 0, 1, (245, 240, 210))
        return
    hue = rng.uniform(.5, .65) if rng.random() < .75 else rng.uniform(0, .15)
    gradient(canvas, 0, horizon, hsv(hue, rng.uniform(.1, .7), rng.uniform(.6, 1)),
             hsv(hue + rng.uniform(-.1, .1), rng.uniform(0, .4), rng.uniform(.75, 1)))
    if rng.random() < .4:
        pen = Pen(canvas, rng.uniform(0, canvas.width), rng.uniform(.03, .3), rng.uniform(.04, .09))
        pen.disc(0, 0, 1, (255, 240, 150))
    for _ in range(int(rng.integers(0, 4))):
        pen = Pen(canvas, rng.uniform(0, canvas.width), rng.uniform(.05, .9 * horizon), rng.uniform(.08, .2))
        for _ in range(5):
            pen.disc(rng.uniform(-.8, .8), rng.uniform(-.15, .25), rng.uniform(.25, .5), (255, 255, 255, 150), .3)


def backdrop(canvas, rng, horizon, night):
    """Hills, mountains, a skyline, a row of trees or houses along the horizon, or nothing."""
    dim = .35 if night else 1.0
    kind = rng.integers(7)
    if kind in (0, 1):
        for _ in range(int(rng.integers(1, 4))):
            paint = shade(hsv(rng.uniform(.2, .65), rng.uniform(.1, .6), rng.uniform(.3, .8)), dim)
            pen = Pen(canvas, rng.uniform(0, canvas.width), horizon, rng.uniform(.3, .9))
            if kind == 0:
                pen.disc(0, 0, 1, paint, rng.uniform(.2, .5))
            else:
                peak = rng.uniform(.3, .7)
                pen.poly([(-.8, 0), (.8, 0), (rng.uniform(-.2, .2), peak)], paint)
    elif kind in (2, 3, 4):
        subject = (tower, tree, house)[kind - 2]
        for x in np.arange(0, canvas.width, rng.uniform(.12, .3)):
            subject(Pen(canvas, x + rng.uniform(-.05, .05), horizon + .01, rng.uniform(.12, .4)), rng)


def ground(canvas, rng, horizon, night):
    """Grass, sand, snow, water or tarmac, and on most of them a road or a path."""
    dim = .3 if night else 1.0
    near = [hsv(rng.uniform(.2, .4), rng.uniform(.3, .8), rng.uniform(.3, .75)), hsv(.11, .4, rng.uniform(.5, .9)),
            hsv(.6, .05, .95), hsv(0, 0, rng.uniform(.3, .6)),
            hsv(rng.random(), .4, rng.uniform(.3, .8))][rng.integers(5)]
    far = mix(near, (200, 210, 220), rng.uniform(0, .4))
    gradient(canvas, horizon, canvas.height, shade(far, dim), shade(near, dim), 12)
    for _ in range(int(rng.integers(0, 30))):
        pen = Pen(canvas, rng.uniform(0, canvas.width), rng.uniform(horizon, canvas.height), rng.uniform(.005, .03))
        pen.disc(0, 0, 1, shade(near, dim * rng.uniform(.7, 1.2)), .4, corners=8)
    if rng.random() < .6:                                                # the road
        top = rng.uniform(horizon, canvas.height - .15)
        bottom = top + rng.uniform(.12, .5)
        tar = hsv(.6, .05, rng.uniform(.2, .6) * dim)
        canvas.rect(0, top, canvas.width, bottom, tar)
        if rng.random() < .6:
            middle, step = (top + bottom) / 2, rng.uniform(.1, .3)
            for x in np.arange(rng.uniform(-step, 0), canvas.width, step):
                canvas.rect(x, middle, x + step * .5, middle + .015, shade((235, 235, 225), max(dim, .5)))
        if rng.random() < .4:
            canvas.rect(0, top - .02, canvas.width, top, shade((190, 190, 185), dim))


def wall(canvas, rng):
    """No sky and no ground: a plain colour, a gradient, stripes, checks, bricks, blobs or noise all over."""
    a, b = any_colour(rng), any_colour(rng)
    kind, step = rng.integers(7), rng.uniform(.05, .25)
    gradient(canvas, 0, canvas.height, a, a if kind == 0 else mix(a, b, .5))
    if kind == 2:
        for x in np.arange(0, canvas.width, step):
            canvas.rect(x, 0, x + step / 2, canvas.height, b)
    elif kind in (3, 4):
        for row, y in enumerate(np.arange(0, canvas.height, step)):
            for x in np.arange(-(row % 2) * step, canvas.width, 2 * step):
                gap = .02 if kind == 4 else step
                canvas.rect(x, y, x + 2 * step - gap, y + (step - .02 if kind == 4 else step), b)
    elif kind == 5:
        for _ in range(int(rng.integers(5, 40))):
            Pen(canvas, rng.uniform(0, canvas.width), rng.uniform(0, canvas.height), rng.uniform(.02, .2)).disc(
                0, 0, 1, any_colour(rng) + (int(rng.uniform(60, 255)),), rng.uniform(.3, 1))
    elif kind == 6:
        grain = int(rng.integers(4, 40))
        paper = Image.fromarray(rng.integers(0, 256, (grain, grain, 3), dtype=np.uint8))
        paper = paper.resize(canvas.image.size, Image.Resampling.BICUBIC)
        canvas.image.paste(Image.blend(canvas.image, paper, rng.uniform(.2, .8)))
