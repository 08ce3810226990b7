#!/usr/bin/env python3
"""Draws the sample's pictures: illustrations with a car (Car) and without one (NoCar).

    draw.py sheet OUT.png [--split train] [--count 64]     a contact sheet, to look at
    draw.py images FOLDER                                  the handful of pictures the walkthrough classifies

A picture is a function of (split, number): its own random stream is seeded with them, so the same picture comes out
whatever was drawn before it, and the splits share nothing. Even numbers are NoCar, odd ones Car.

    sky, backdrop, ground  or  a wall         scenery.py
    roadside clutter, far to near             scenery.py
    the subject: a car, or something else     cars.py, scenery.py
    now and then something in front of it     scenery.py
    lean, light, blur, grain, JPEG, grey      here

A picture has a native size and shape of its own and is then resized to a square the way TensorFlow's
tf.image.resize(bilinear) does it: half-pixel centres, no antialiasing. So a classifier trained on these has met
squeezed pictures and the stair-steps that this resize leaves in large ones.
"""

import argparse
import io
import math
import os

import numpy as np
from PIL import Image, ImageFilter

import cars
import scenery
from pen import Canvas, Pen

LABELS = ["NoCar", "Car"]
SPLITS = {"train": 1, "check": 2, "held-out": 3, "walkthrough": 4}


def stream(split, number):
    """The random stream of one picture."""
    return np.random.default_rng([SPLITS[split], number])


def resize_bilinear(picture, height, width):
    """tf.image.resize(picture, (height, width), 'bilinear') for uint8 HWC, as float32 0..255."""
    def axis(size, target):
        at = np.maximum((np.arange(target, dtype=np.float32) + .5) * (size / target) - .5, 0)
        low = np.minimum(at.astype(np.int32), size - 1)
        return low, np.minimum(low + 1, size - 1), (at - low).astype(np.float32)

    y0, y1, fy = axis(picture.shape[0], height)
    x0, x1, fx = axis(picture.shape[1], width)
    fy, fx = fy[:, None, None], fx[None, :, None]
    rows = picture[y0].astype(np.float32) * (1 - fy) + picture[y1].astype(np.float32) * fy
    return rows[:, x0] * (1 - fx) + rows[:, x1] * fx


def stand(canvas, rng, subject, x, base, size, lean):
    """Paints a subject on the ground, half the time with a shadow: cars are not to be known by theirs."""
    pen = Pen(canvas, x, base, size, rng.random() < .5, lean)
    if rng.random() < .5:
        pen.disc(0, .005, rng.uniform(.3, .6), (0, 0, 0, int(rng.uniform(40, 150))), .03)
    subject(pen, rng)


def clutter(canvas, rng, horizon, count):
    """Roadside things, far ones first, the nearer the larger."""
    for base in np.sort(rng.uniform(horizon, canvas.height, count)):
        subject = scenery.ROADSIDE[rng.integers(len(scenery.ROADSIDE))]
        size = rng.uniform(.12, .25) + .35 * (base - horizon)
        stand(canvas, rng, subject, rng.uniform(0, canvas.width), base, size, 0.0)


def put_car(canvas, rng, horizon, night, kind=None):
    """A car at least three quarters inside the picture; one time in four something stands in front of a part of it."""
    length = min(rng.uniform(.30, .95) * canvas.width, 1.7 * canvas.height)
    x = rng.uniform(length * .3, canvas.width - length * .3)
    base = min(max(rng.uniform(horizon + .02, canvas.height + .02), .45 * length), canvas.height)
    pen = Pen(canvas, x, base, length, rng.random() < .5, rng.normal(0, .02))
    cars.car(pen, rng, night, kind)
    if rng.random() < .25:
        subject = scenery.OCCLUDERS[rng.integers(len(scenery.OCCLUDERS))]
        size = length * rng.uniform(.2, .45)
        subject(Pen(canvas, x + rng.uniform(-.5, .5) * length, base + rng.uniform(0, .06), size), rng)


def put_subjects(canvas, rng, horizon):
    """What a picture without a car is about: one large thing, or several."""
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        subject = scenery.SUBJECTS[rng.integers(len(scenery.SUBJECTS))]
        size = rng.uniform(.2, .9) * min(canvas.width, canvas.height)
        x = rng.uniform(.15, .85) * canvas.width
        base = max(rng.uniform(horizon + .02, canvas.height), min(size, canvas.height))
        stand(canvas, rng, subject, x, base, size, rng.normal(0, .03))


def after_effects(image, rng, night):
    """Light and lens: exposure, tint, blur, grain, JPEG, grey."""
    if rng.random() < .3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(.3, 1.6) * image.height / 224))
    pixels = np.asarray(image, dtype=np.float32)
    if night:
        pixels = pixels * (rng.uniform(.55, .95) * np.array([.9, .95, 1.1], np.float32))
    pixels = (pixels - 128) * rng.uniform(.65, 1.2) + 128 + rng.uniform(0 if night else -30, 30)
    pixels = pixels * (1 + rng.uniform(-.08, .08, 3).astype(np.float32))
    if rng.random() < .5:
        pixels = pixels + rng.normal(0, rng.uniform(1, 14), pixels.shape).astype(np.float32)
    if rng.random() < .08:
        pixels = np.repeat(pixels @ np.array([[.299], [.587], [.114]], np.float32), 3, axis=2)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < .4:
        held = io.BytesIO()
        image.save(held, "JPEG", quality=int(rng.integers(25, 95)))
        image = Image.open(held).convert("RGB")
    return image


def draw(rng, has_car, width, height, fine=2, kind=None):
    """One picture of width x height pixels, as a PIL image. Everything random about it comes from rng."""
    lean = rng.normal(0, .03) if rng.random() < .5 else 0.0              # the whole scene leans: drawn larger, cropped
    longer = max(width / height, height / width)
    margin = math.cos(lean) + abs(math.sin(lean)) * longer
    wide, high = int(width * fine * margin), int(height * fine * margin)
    canvas = Canvas(wide, high, height * fine)

    night = rng.random() < .2
    horizon = rng.uniform(.3, .75) * canvas.height
    if rng.random() < .78:
        scenery.sky(canvas, rng, horizon, night)
        scenery.backdrop(canvas, rng, horizon, night)
        scenery.ground(canvas, rng, horizon, night)
        clutter(canvas, rng, horizon, int(rng.integers(0, 6)))
    else:
        scenery.wall(canvas, rng)
        clutter(canvas, rng, horizon, int(rng.integers(0, 3)))
    if has_car:
        put_car(canvas, rng, horizon, night, kind)
    elif rng.random() < .93:
        put_subjects(canvas, rng, horizon)

    image = canvas.image
    if lean:
        image = image.rotate(math.degrees(lean), Image.Resampling.BILINEAR)
    left, top = (wide - width * fine) // 2, (high - height * fine) // 2
    image = image.crop((left, top, left + width * fine, top + height * fine)).reduce(fine)
    return after_effects(image, rng, night)


def native_size(rng):
    """Width and height in pixels: one in three square, the others up to twice as wide as high or the other way."""
    height = int(2 ** rng.uniform(7.0, 8.9))
    shape = 1.0 if rng.random() < .33 else 2 ** rng.uniform(-.6, 1.0)
    return max(64, int(height * shape)), height


def picture(split, number, size):
    """Picture `number` of a split, resized to size x size, uint8 HWC; its label is number % 2."""
    rng = stream(split, number)
    width, height = native_size(rng)
    pixels = np.asarray(draw(rng, number % 2 == 1, width, height, 2 if height < 300 else 1))
    return np.rint(resize_bilinear(pixels, size, size)).astype(np.uint8)


def pictures(split, first, count, size):
    """(images uint8 [count, size, size, 3], labels int32 [count])"""
    images = np.stack([picture(split, n, size) for n in range(first, first + count)])
    return images, (np.arange(first, first + count) % 2).astype(np.int32)


# ---- command line ---------------------------------------------------------------------------------------------------

# name, number (odd: a car), width, height, kind of car, mode
WALKTHROUGH = [
    ("Car.png", 5, 224, 224, "sedan", "RGB"),
    ("NoCar.png", 38, 224, 224, None, "RGB"),
    ("Car2.png", 51, 320, 240, "pickup", "RGB"),
    ("Car3.jpg", 69, 640, 427, "hatchback", "RGB"),
    ("NoCar2.jpg", 98, 600, 800, None, "RGB"),
    ("NoCar3.png", 112, 300, 200, None, "RGB"),
    ("CarGrey.png", 121, 256, 256, "van", "L"),
    ("CarWide.jpg", 155, 1280, 720, "offroad", "RGB"),
]


def draw_walkthrough(folder):
    os.makedirs(folder, exist_ok=True)
    for name, number, width, height, kind, mode in WALKTHROUGH:
        image = draw(stream("walkthrough", number), number % 2 == 1, width, height, 2, kind).convert(mode)
        options = {"quality": 88} if name.endswith(".jpg") else {"optimize": True}
        image.save(os.path.join(folder, name), **options)


def draw_sheet(path, split, count, size=112):
    columns = int(math.ceil(math.sqrt(count)))
    rows = -(-count // columns)
    sheet = Image.new("RGB", (columns * size, rows * size))
    for i in range(count):
        sheet.paste(Image.fromarray(picture(split, i, size)), ((i % columns) * size, (i // columns) * size))
    sheet.save(path)


def main():
    parser = argparse.ArgumentParser(description="Draw the sample's pictures.")
    commands = parser.add_subparsers(dest="command", required=True)
    sheet = commands.add_parser("sheet", help="a contact sheet; odd pictures are Car")
    sheet.add_argument("out")
    sheet.add_argument("--split", choices=SPLITS, default="train")
    sheet.add_argument("--count", type=int, default=64)
    sheet.add_argument("--size", type=int, default=112)
    images = commands.add_parser("images", help="the walkthrough's pictures")
    images.add_argument("folder")
    options = parser.parse_args()
    if options.command == "sheet":
        draw_sheet(options.out, options.split, options.count, options.size)
    else:
        draw_walkthrough(options.folder)


if __name__ == "__main__":
    main()
