"""Cars seen from the side, one unit long, facing right (the pen mirrors them).

A car is an outline, a glass area, two or more wheels and a list of fittings. The table SHAPES holds, for each kind,
the numbers that make it that kind; `car` then moves every corner a little, scales the height, and paints. Rounding the
outline with Chaikin's corner cutting turns the same ten points into an angular or a soft body. Only side views exist
here: nothing in the sample has ever seen a car from the front, from behind or from above.

    outline   closed polygon, y up, wheels touch y = 0
    glass     closed polygon, split by the pillars; empty where there is no glass area
    pillars   x of the posts between the windows
    wheels    x of the axles
    radius    of the wheels
"""

import math

from pen import any_colour, hsv, mix, shade

SHAPES = {
    "sedan": dict(
        outline=[(.01, .09), (0, .20), (.03, .27), (.16, .285), (.29, .41), (.56, .415), (.70, .28), (.93, .245),
                 (.99, .20), (1, .09)],
        glass=[(.205, .285), (.30, .385), (.55, .39), (.665, .285)], pillars=[.43], wheels=[.19, .81], radius=.088),
    "hatchback": dict(
        outline=[(.02, .09), (0, .24), (.07, .42), (.12, .44), (.54, .445), (.72, .29), (.95, .255), (1, .19),
                 (1, .09)],
        glass=[(.075, .29), (.12, .415), (.53, .42), (.685, .29)], pillars=[.27, .46], wheels=[.19, .80], radius=.09),
    "offroad": dict(
        outline=[(0, .12), (0, .28), (.04, .46), (.08, .48), (.58, .48), (.71, .32), (.96, .30), (1, .25), (1, .12)],
        glass=[(.06, .32), (.09, .455), (.57, .455), (.68, .32)], pillars=[.23, .42], wheels=[.20, .80], radius=.108),
    "van": dict(
        outline=[(0, .09), (0, .50), (.03, .53), (.70, .53), (.86, .31), (.97, .27), (1, .20), (1, .09)],
        glass=[(.56, .33), (.56, .49), (.69, .49), (.81, .33)], pillars=[.68], wheels=[.18, .80], radius=.085),
    "minibus": dict(
        outline=[(0, .09), (0, .50), (.03, .53), (.72, .53), (.88, .31), (.97, .27), (1, .20), (1, .09)],
        glass=[(.04, .33), (.05, .49), (.71, .49), (.83, .33)], pillars=[.25, .46, .66], wheels=[.19, .81],
        radius=.085),
    "pickup": dict(
        outline=[(0, .11), (0, .29), (.43, .29), (.46, .45), (.66, .455), (.77, .31), (.96, .29), (1, .24), (1, .11)],
        glass=[(.48, .31), (.49, .43), (.65, .43), (.735, .31)], pillars=[.60], wheels=[.19, .80], radius=.10),
    "coupe": dict(
        outline=[(.01, .08), (0, .20), (.04, .25), (.18, .27), (.36, .36), (.52, .365), (.68, .255), (.94, .20),
                 (1, .15), (1, .08)],
        glass=[(.26, .265), (.37, .34), (.51, .345), (.63, .265)], pillars=[.42], wheels=[.20, .81], radius=.088),
    "beetle": dict(
        outline=[(0, .10), (.02, .19), (.10, .29), (.24, .40), (.42, .45), (.58, .42), (.67, .29), (.84, .28),
                 (.97, .20), (1, .10)],
        glass=[(.26, .30), (.32, .385), (.43, .42), (.55, .395), (.62, .30)], pillars=[.43], wheels=[.20, .80],
        radius=.095),
    "city": dict(
        outline=[(0, .10), (0, .30), (.05, .53), (.14, .57), (.60, .57), (.82, .36), (.98, .29), (1, .10)],
        glass=[(.06, .34), (.10, .53), (.59, .53), (.77, .36)], pillars=[.36], wheels=[.20, .80], radius=.115),
    "lorry": dict(
        outline=[(.66, .10), (.66, .46), (.70, .49), (.86, .48), (.95, .31), (1, .28), (1, .10)],
        glass=[(.72, .32), (.72, .45), (.845, .45), (.905, .32)], pillars=[], wheels=[.17, .83], radius=.095),
    "roadster": dict(
        outline=[(.01, .09), (0, .20), (.03, .26), (.30, .275), (.34, .25), (.58, .25), (.62, .275), (.94, .24),
                 (.99, .19), (1, .09)],
        glass=[], pillars=[], wheels=[.19, .81], radius=.092),
    "toy": dict(
        outline=[(0, .09), (0, .28), (.20, .28), (.30, .46), (.66, .46), (.76, .28), (1, .28), (1, .09)],
        glass=[(.27, .29), (.335, .42), (.625, .42), (.69, .29)], pillars=[.48], wheels=[.22, .78], radius=.10),
}


def wheel(pen, look, x, radius, tyre, rim):
    """A tyre and its hub; `look` is (style, number, turn), drawn once so that all wheels of a car match."""
    style, number, turn = look
    pen.disc(x, radius, radius, tyre)
    pen.disc(x, radius, radius * 0.62, rim)
    if style == "spokes":
        pen.disc(x, radius, radius * 0.52, shade(rim, 0.45))
        for i in range(number):
            a = turn + 2 * math.pi * i / number
            pen.line([(x, radius), (x + radius * .55 * math.cos(a), radius + radius * .55 * math.sin(a))],
                     radius * 0.16, rim)
        pen.disc(x, radius, radius * 0.15, rim)
    elif style == "cap":
        pen.disc(x, radius, radius * 0.30, shade(rim, 0.7))
    elif style == "dark":
        pen.disc(x, radius, radius * 0.45, shade(rim, 0.4))


def windows(pen, rng, shape, body, lit):
    """The glass, its reflection, sometimes heads behind it, and the posts."""
    glass = shape["glass"]
    if not glass:
        return
    tint = hsv(.13, .5, .95) if lit else [hsv(.57, .30, .85), hsv(.57, .15, .95), hsv(.6, .2, .25), hsv(0, 0, .15),
                                           hsv(.5, .2, .6)][rng.integers(5)]
    rounds = int(rng.integers(0, 2))
    pen.poly(glass, tint, rounds)
    low, high = min(y for _, y in glass), max(y for _, y in glass)
    left, right = min(x for x, _ in glass), max(x for x, _ in glass)
    if rng.random() < 0.4:                                               # the people in it
        for _ in range(int(rng.integers(1, 3))):
            x = rng.uniform(left + .3 * (right - left), right - .3 * (right - left))
            pen.disc(x, low + .55 * (high - low), .030, hsv(.06, .5, rng.uniform(.3, .95)))
            pen.rect(x - .035, low, x + .035, low + .3 * (high - low), any_colour(rng))
    if rng.random() < 0.4:                                               # a slanted reflection
        x = rng.uniform(left + .25 * (right - left), right - .35 * (right - left))
        pen.poly([(x, low), (x + .03, low), (x + .07, high), (x + .04, high)], (255, 255, 255, 90))
    post = body if rng.random() < 0.7 else (20, 20, 24)
    for x in shape["pillars"]:
        pen.rect(x - .012, low - .01, x + .012, high + .012, post)
    if rng.random() < 0.2:
        pen.line(glass + glass[:1], .008, hsv(0, 0, .8))


def fittings(pen, rng, shape, body, base, lit):
    """Doors, lamps, bumpers, mirror, stripes: each there or not."""
    outline = shape["outline"]
    top = max(y for _, y in outline)
    waist = min((y for _, y in shape["glass"]), default=.25)
    nose = [y for x, y in outline if x > .9]
    lamp = base + .62 * (max(nose) - base)
    seam = shade(body, 0.65)
    if rng.random() < 0.35:
        pen.rect(.005, base, .995, base + rng.uniform(.02, .06), mix(body, (25, 25, 30), .7))
    if rng.random() < 0.25:
        y = rng.uniform(base + .06, waist - .02)
        pen.rect(.03, y, .97, y + rng.uniform(.008, .03), any_colour(rng))
    if rng.random() < 0.75:
        for x in [shape["wheels"][0] + .12, *shape["pillars"][:2], shape["wheels"][-1] - .13]:
            if rng.random() < 0.7:
                pen.line([(x, base + .02), (x, waist)], .006, seam)
                if rng.random() < 0.7:
                    pen.rect(x - .055, waist - .04, x - .02, waist - .03, shade(body, .45))
    pen.disc(.965, lamp, .026, (255, 250, 205) if lit else hsv(.14, rng.uniform(0, .5), .95), .022)
    pen.rect(.0, lamp - .025, .03, lamp + .02, (255, 40, 30) if lit else hsv(0, .85, .75))
    if rng.random() < 0.5:
        trim = hsv(0, 0, rng.uniform(.15, .85))
        pen.rect(.93, base, 1.02, base + .035, trim)
        pen.rect(-.02, base, .07, base + .035, trim)
    if rng.random() < 0.5 and shape["glass"]:
        x = max(x for x, _ in shape["glass"]) - .03
        pen.disc(x, waist + .015, .022, shade(body, .6), .016)
    if rng.random() < 0.10:                                              # a taxi sign, a beacon
        pen.rect(.40, top - .01, .50, top + .045, [(250, 210, 40), (40, 80, 255), (255, 60, 40)][rng.integers(3)])
    if rng.random() < 0.12:                                              # luggage
        pen.rect(.25, top, .52, top + rng.uniform(.03, .09), any_colour(rng))
    if lit:
        pen.poly([(.99, lamp), (1.6, lamp + .06), (1.6, lamp - .16)], (255, 245, 180, 60))


def jittered(rng, points, height, amount):
    """Every corner moved a little; the y axis scaled about the sill, so that the wheels stay round."""
    return [(x + rng.uniform(-amount, amount), .09 + (y - .09) * height + rng.uniform(-amount, amount))
            if y > .13 else (x, y) for x, y in points]


def car(pen, rng, night=False, kind=None):
    """Paints a car from x = -0.5 to 0.5. Returns its height."""
    kind = kind or list(SHAPES)[rng.integers(len(SHAPES))]
    plan = SHAPES[kind]
    height = rng.uniform(.88, 1.15)
    shape = dict(plan, outline=jittered(rng, plan["outline"], height, .012),
                 glass=jittered(rng, plan["glass"], height, .006))
    base = min(y for _, y in shape["outline"])
    body = any_colour(rng)
    lit = night and rng.random() < 0.7
    radius = shape["radius"] * rng.uniform(.85, 1.15)
    pen = pen.about(0.5)

    pen.disc(.5, .005, .54, (0, 0, 0, int(rng.uniform(40, 150))), .03)                       # shadow on the ground
    if kind == "lorry":
        pen.rect(.0, .09, .99, .15, (40, 40, 44))
        box = any_colour(rng)
        tall = rng.uniform(.48, .66)
        pen.rect(.0, .14, .64, tall, box)
        for i in range(1, int(rng.integers(1, 6))):
            pen.rect(.64 * i / 6, .15, .64 * i / 6 + .008, tall - .01, shade(box, .8))
    elif kind == "pickup" and rng.random() < 0.5:
        for _ in range(3):                                                                   # a load
            x = rng.uniform(.05, .30)
            pen.rect(x, .26, x + rng.uniform(.06, .12), .29 + rng.uniform(.02, .12), any_colour(rng))
    elif kind == "roadster":
        pen.line([(.62, .26), (.56, .39)], .014, (60, 70, 80))
        for x in (.42, .50)[: int(rng.integers(1, 3))]:
            pen.disc(x, .33, .035, hsv(.07, .5, rng.uniform(.35, .95)))
            pen.rect(x - .04, .22, x + .04, .295, any_colour(rng))

    pen.poly(shape["outline"], body, int(rng.integers(0, 3)))
    if rng.random() < 0.3:                                                                   # light on the upper half
        pen.poly([(x, max(y, .22)) for x, y in shape["outline"]], shade(body, 1.15), 1)
    if rng.random() < 0.15 and shape["glass"]:                                               # a roof of its own colour
        low = min(y for _, y in shape["glass"])
        pen.poly([(x, y) for x, y in shape["outline"] if y > low + .04], any_colour(rng), 1)
    windows(pen, rng, shape, body, lit and rng.random() < .4)
    fittings(pen, rng, shape, body, base, lit)

    look = (["spokes", "cap", "dark", "plain"][rng.integers(4)], int(rng.integers(3, 8)), rng.uniform(0, 6.3))
    tyre, rim = hsv(0, 0, rng.uniform(.03, .2)), hsv(0, 0, rng.uniform(.45, .95)) if rng.random() < .8 else body
    axles = list(shape["wheels"])
    if kind == "lorry" and rng.random() < 0.4:
        axles.insert(1, axles[0] + 2.2 * radius)
    for x in axles:
        pen.disc(x, radius, radius * 1.18, mix(body, (10, 10, 12), .8))                      # the wheel arch
        wheel(pen, look, x, radius, tyre, rim)
    return max(y for _, y in shape["outline"])

