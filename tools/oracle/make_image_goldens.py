#!/usr/bin/env python3
"""Makes tests/image/golden: small pictures, and what TensorFlow makes of them.

    python tools/oracle/make_image_goldens.py [--shared ../shared/models]

Needs TensorFlow (2.21 was used), NumPy and Pillow; run from the repository root. Writes

    tests/image/golden/*.png *.jpg *.webp *.bmp *.pgm *.ppm    the pictures, drawn here
    tests/image/golden/pixels.npy    all expected decodings one after the other, uint8
    tests/image/golden/floats.npy    all expected resizes one after the other, float32
    tests/image/golden/cases.txt     one line per case, see below
    fuzz/corpus/image/*              those of the pictures below 1200 bytes, one per variant, to start fuzzing from

    decode  FILE CHANNELS ACCURATE ORACLE          H W C OFFSET     expected pixels at OFFSET in pixels.npy
    resize  FILE METHOD                            H W C OFFSET     expected floats at OFFSET in floats.npy
    shared  FILE CHANNELS                          H W C CRC        of a file in the shared models, CRC-32 of the pixels
    sresize FILE METHOD                            H W C OFFSET     resize of a file in the shared models

ORACLE is "tf" for tf.io.decode_image / tf.io.decode_jpeg, or "truth" where TensorFlow does not read the format or
refuses the channels: there the pixels follow from the numbers the file was made of.

Formats and variants that Pillow does not write (interlaced, 1- to 16-bit and transparent-colour PNG, all BMP, PNM) are
written byte by byte here. Everything is seeded: two runs give the same files up to library versions.
"""

import argparse
import io
import os
import struct
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np
import tensorflow as tf
from PIL import Image, ImageCms

OUT = "tests/image/golden"
SEEDS = "fuzz/corpus/image"
rng = np.random.default_rng(20)

# ------------------------------------------------------------------------------------------------------ drawing


def gradient(h, w):
    y, x = np.mgrid[0:h, 0:w]
    r = 255 * x / max(w - 1, 1)
    g = 255 * y / max(h - 1, 1)
    b = 255 * (x + y) / max(w + h - 2, 1)
    return np.stack([r, g, b], -1).round().astype(np.uint8)


def noise(h, w, c=3):
    return rng.integers(0, 256, (h, w, c), dtype=np.uint8)


def scene(h, w):
    """A soft background, a disc, a bar and a little noise: what a photo has, in small."""
    y, x = np.mgrid[0:h, 0:w].astype(float)
    p = np.stack([120 + 80 * np.sin(x / 7), 110 + 70 * np.cos(y / 5), 100 + 60 * np.sin((x + y) / 9)], -1)
    p[(x - w * 0.4) ** 2 + (y - h * 0.5) ** 2 < (min(h, w) * 0.3) ** 2] = (230, 60, 40)
    p[:, int(w * 0.75): int(w * 0.75) + max(1, w // 12)] = (20, 40, 200)
    return np.clip(p + rng.normal(0, 6, p.shape), 0, 255).astype(np.uint8)


def grey(rgb):
    return rgb[..., :1]


def alpha_for(h, w):
    y, x = np.mgrid[0:h, 0:w]
    return ((x * 37 + y * 11) % 256).astype(np.uint8)[..., None]


# -------------------------------------------------------------------------------------------------- PNG, by hand

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(samples, depth):
    """samples: (h, w, n) integers -> filter byte + packed row, for each row; filters take turns."""
    out = b""
    for y, row in enumerate(samples.reshape(samples.shape[0], -1)):
        if depth == 16:
            raw = row.astype(">u2").tobytes()
        elif depth == 8:
            raw = row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            raw = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        step = max(1, samples.shape[2] * depth // 8)
        if y % 2 == 1:  # "sub": the difference to the pixel on the left
            left = bytes(step) + raw[:-step] if len(raw) > step else bytes(len(raw))
            out += b"\1" + bytes((a - b) & 255 for a, b in zip(raw, left))
        else:
            out += b"\0" + raw
    return out


def png(samples, colour, depth, interlaced=False, extra=b""):
    samples = np.asarray(samples)
    if samples.ndim == 2:
        samples = samples[..., None]
    h, w, n = samples.shape
    assert n == SAMPLES[colour]
    if interlaced:
        parts = [samples[y0::dy, x0::dx] for x0, y0, dx, dy in ADAM7]
        raw = b"".join(pack_rows(p, depth) for p in parts if p.size)
    else:
        raw = pack_rows(samples, depth)
    ihdr = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + extra + chunk(b"IDAT", zlib.compress(raw, 9))
            + chunk(b"IEND", b""))


def palette_chunk(colours):
    return chunk(b"PLTE", np.asarray(colours, np.uint8).tobytes())


# --------------------------------------------------------------------------------------------- BMP, PNM, by hand


def bmp(pixels, bits, palette=None, top_down=False, info=40, masks=b"", compression=0, tail=b"", colours=0):
    """pixels: (h, w, n) in the file's own order (indices, BGR or BGRA)."""
    h, w = pixels.shape[:2]
    rows = b"".join((r.tobytes() + bytes(-len(r.tobytes()) % 4)) for r in (pixels if top_down else pixels[::-1]))
    pal = b"".join(bytes([b, g, r, 0]) for r, g, b in palette) if palette is not None else b""
    offset = 14 + info + len(masks) + len(pal)
    head = struct.pack("<IiiHHIIiiII", info, w, -h if top_down else h, 1, bits, compression, len(rows), 2835, 2835,
                       colours, 0)
    head += bytes(info - 40)
    first = struct.pack("<2sIHHI", b"BM", offset + len(rows) + len(tail), 0, 0, offset)
    return first + head + masks + pal + rows + tail


def pnm(kind, samples, maxval, comment=""):
    h, w = samples.shape[:2]
    head = f"P{kind}\n{comment}{w} {h}\n{maxval}\n".encode()
    flat = samples.reshape(-1)
    if kind in (2, 3):
        lines = [" ".join(map(str, flat[i:i + 12])) for i in range(0, len(flat), 12)]
        return head + ("\n".join(lines) + "\n").encode()
    return head + (flat.astype(">u2") if maxval > 255 else flat.astype(np.uint8)).tobytes()


def scaled(samples, maxval):
    s = samples.astype(np.int64)
    if s.ndim == 2:
        s = s[..., None]
    return ((s * 255 + maxval // 2) // maxval).astype(np.uint8)


def convert(p, c):
    """The rules for channels that TensorFlow does not offer; p has 1 to 4 channels."""
    if c in (0, p.shape[2]):
        return p
    colour = p[..., :3] if p.shape[2] >= 3 else np.repeat(p[..., :1], 3, 2)
    alpha = p[..., -1:] if p.shape[2] in (2, 4) else np.full(p.shape[:2] + (1,), 255, np.uint8)
    if c == 1:
        if p.shape[2] < 3:
            return p[..., :1]
        r, g, b = (p[..., i].astype(np.int64) for i in range(3))
        return ((9797 * r + 19234 * g + 3737 * b) >> 15).astype(np.uint8)[..., None]
    return colour if c == 3 else np.concatenate([colour, alpha], 2)


# ------------------------------------------------------------------------------------------------------- pictures


def pillow(array, form, mode=None, **options):
    image = Image.fromarray(array if array.shape[-1] > 1 else array[..., 0], mode) if mode is None else mode(array)
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def srgb_profile():
    p = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    p[24:36] = bytes(12)  # the time of its making
    return bytes(p)


def make_pngs():
    g13 = gradient(9, 13)
    s = scene(11, 17)
    grey16 = (np.mgrid[0:7, 0:9][0] * 9001 + np.mgrid[0:7, 0:9][1] * 257) % 65536
    rgb16 = rng.integers(0, 65536, (6, 7, 3))
    rgba16 = rng.integers(0, 65536, (5, 6, 4))
    colours = noise(1, 16)[0]
    indices = rng.integers(0, 16, (7, 10))
    trns16 = chunk(b"tRNS", bytes(range(0, 240, 30)))
    gama = chunk(b"gAMA", struct.pack(">I", 45455))
    files = {
        "rgb.png": png(g13, RGB, 8),
        "rgb_noise.png": png(noise(8, 8), RGB, 8),
        "rgb_interlaced.png": png(s, RGB, 8, True),
        "rgb_gamma.png": png(g13, RGB, 8, extra=gama),
        "rgb_srgb.png": png(g13, RGB, 8, extra=chunk(b"sRGB", b"\0")),
        "rgb_icc.png": png(g13, RGB, 8, extra=chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile(), 9))),
        "rgb_linear.png": png(g13, RGB, 8, extra=chunk(b"gAMA", struct.pack(">I", 100000))),
        "rgb_key.png": png(g13, RGB, 8, extra=chunk(b"tRNS", struct.pack(">HHH", *map(int, g13[2, 3])))),
        "rgb_16.png": png(rgb16, RGB, 16),
        "rgb_16_gamma.png": png(rgb16, RGB, 16, extra=gama),
        "rgba.png": png(np.concatenate([g13, alpha_for(9, 13)], 2), RGBA, 8),
        "rgba_interlaced.png": png(np.concatenate([s, alpha_for(11, 17)], 2), RGBA, 8, True),
        "rgba_16.png": png(rgba16, RGBA, 16),
        "grey.png": png(grey(s), GREY, 8),
        "grey_1.png": png(rng.integers(0, 2, (5, 11)), GREY, 1),
        "grey_2.png": png(rng.integers(0, 4, (5, 9)), GREY, 2),
        "grey_4.png": png(rng.integers(0, 16, (5, 7)), GREY, 4),
        "grey_4_interlaced.png": png(rng.integers(0, 16, (9, 11)), GREY, 4, True),
        "grey_key.png": png(rng.integers(0, 4, (6, 6)) * 60, GREY, 8, extra=chunk(b"tRNS", struct.pack(">H", 120))),
        "grey_2_key.png": png(rng.integers(0, 4, (6, 6)), GREY, 2, extra=chunk(b"tRNS", struct.pack(">H", 2))),
        "grey_16.png": png(grey16, GREY, 16),
        "grey_alpha.png": png(np.concatenate([grey(g13), alpha_for(9, 13)], 2), GREY_ALPHA, 8),
        "grey_alpha_16.png": png(rng.integers(0, 65536, (4, 5, 2)), GREY_ALPHA, 16),
        "palette.png": png(rng.integers(0, 200, (9, 8)), PALETTE, 8, extra=palette_chunk(noise(1, 200)[0])),
        "palette_4.png": png(indices, PALETTE, 4, extra=palette_chunk(colours)),
        "palette_4_alpha.png": png(indices, PALETTE, 4, extra=palette_chunk(colours) + trns16),
        "palette_1.png": png(indices % 2, PALETTE, 1, extra=palette_chunk(colours[:2])),
        "palette_2_interlaced.png": png(indices % 4, PALETTE, 2, True, palette_chunk(colours[:4]) + trns16[:0]),
        "text_bomb.png": png(g13, RGB, 8, extra=chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * 7_900_000, 9))),
        "one.png": png(np.array([[[10, 200, 60]]]), RGB, 8),
        "wide.png": png(scene(2, 61), RGB, 8),
    }
    return files


def make_jpegs():
    a, b = scene(37, 45), scene(24, 32)
    cmyk = lambda p: Image.fromarray(p).convert("CMYK")
    inks = np.concatenate([255 - b, (b[..., :1] // 3)], 2)
    return {
        "s444.jpg": pillow(b, "JPEG", quality=90, subsampling=0),
        "s422.jpg": pillow(a, "JPEG", quality=85, subsampling=1),
        "s420.jpg": pillow(a, "JPEG", quality=75, subsampling=2),
        "s420_low.jpg": pillow(a, "JPEG", quality=10, subsampling=2),
        "s420_even.jpg": pillow(b, "JPEG", quality=92, subsampling=2, optimize=True),
        "progressive.jpg": pillow(a, "JPEG", quality=80, progressive=True),
        "progressive_444.jpg": pillow(a, "JPEG", quality=95, subsampling=0, progressive=True),
        "restart.jpg": pillow(a, "JPEG", quality=80, restart_marker_blocks=2),
        "grey.jpg": pillow(grey(a), "JPEG", quality=80),
        "grey_progressive.jpg": pillow(grey(a), "JPEG", quality=80, progressive=True),
        "keep_rgb.jpg": pillow(b, "JPEG", quality=90, keep_rgb=True),
        "cmyk.jpg": pillow(b, "JPEG", cmyk, quality=90),
        "cmyk_inks.jpg": pillow(inks, "JPEG", lambda p: Image.frombytes("CMYK", p.shape[1::-1], p.tobytes()),
                                quality=90),
        "noise.jpg": pillow(noise(16, 16), "JPEG", quality=95),
        "one.jpg": pillow(np.array([[[200, 30, 90]]], np.uint8), "JPEG", quality=90),
    }


def strip_adobe(jpeg):
    """The same file without its Adobe marker (APP14): its inks then count as they stand."""
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2:at + 4])[0]:]


def make_webps():
    a = scene(19, 23)
    rgba = np.concatenate([a, alpha_for(19, 23)], 2)
    return {
        "lossless.webp": pillow(a, "WEBP", lossless=True),
        "lossy.webp": pillow(a, "WEBP", quality=70),
        "lossless_alpha.webp": pillow(rgba, "WEBP", lossless=True, exact=True),
        "lossy_alpha.webp": pillow(rgba, "WEBP", quality=60),
    }


def make_bmps():
    a = scene(7, 9)
    bgr = a[..., ::-1]
    bgra = np.concatenate([bgr, alpha_for(7, 9)], 2)
    indices = rng.integers(0, 256, (6, 7, 1), dtype=np.uint8)
    ramp = [(i, i, i) for i in range(256)]
    colours = [tuple(map(int, c)) for c in noise(1, 256)[0]]
    masks = struct.pack("<III", 0xff0000, 0xff00, 0xff)
    return {
        "b24.bmp": bmp(bgr, 24),
        "b24_top.bmp": bmp(bgr, 24, top_down=True),
        "b24_v5.bmp": bmp(bgr, 24, info=124),
        "b32.bmp": bmp(bgra, 32),
        "b32_top.bmp": bmp(bgra, 32, top_down=True),
        "b32_masks.bmp": bmp(bgra, 32, masks=masks, compression=3),
        "b8_grey.bmp": bmp(indices, 8, palette=ramp),
        "b8_colour.bmp": bmp(indices, 8, palette=colours),
        "b8_top.bmp": bmp(indices, 8, palette=colours, top_down=True),
        "b8_short.bmp": bmp(indices % 20, 8, palette=colours[:20], colours=20),
    }, (indices, colours)


def make_pnms():
    a = scene(5, 7)
    wide = rng.integers(0, 65536, (4, 5, 3))
    odd = rng.integers(0, 1001, (4, 6))
    small = rng.integers(0, 8, (5, 5))
    return {
        "p6.ppm": (pnm(6, a, 255, "# drawn by a script\n"), a),
        "p3.ppm": (pnm(3, a, 255, "# text\n"), a),
        "p5.pgm": (pnm(5, a[..., 0], 255), a[..., :1]),
        "p2.pgm": (pnm(2, a[..., 0], 255), a[..., :1]),
        "p6_16.ppm": (pnm(6, wide, 65535), scaled(wide, 65535)),
        "p5_1000.pgm": (pnm(5, odd, 1000), scaled(odd, 1000)),
        "p2_7.pgm": (pnm(2, small, 7), scaled(small, 7)),
        "p3_1000.ppm": (pnm(3, rng.integers(0, 1001, (3, 3, 3)), 1000), None),
    }


# ---------------------------------------------------------------------------------------------------------- cases


class Writer:
    def __init__(self):
        self.lines, self.pixels, self.floats = [], [], []
        self.pixel_count = self.float_count = 0

    def decode(self, file, channels, accurate, oracle, expected):
        h, w, c = expected.shape
        self.lines.append(f"decode {file} {channels} {accurate} {oracle} {h} {w} {c} {self.pixel_count}")
        self.pixels.append(np.ascontiguousarray(expected, np.uint8).reshape(-1))
        self.pixel_count += expected.size

    def resize(self, kind, file, method, expected):
        h, w, c = expected.shape
        self.lines.append(f"{kind} {file} {method} {h} {w} {c} {self.float_count}")
        self.floats.append(np.ascontiguousarray(expected, np.float32).reshape(-1))
        self.float_count += expected.size

    def save(self):
        np.save(f"{OUT}/pixels.npy", np.concatenate(self.pixels))
        np.save(f"{OUT}/floats.npy", np.concatenate(self.floats))
        with open(f"{OUT}/cases.txt", "w") as f:
            f.write("\n".join(self.lines) + "\n")


def tf_decode(data, channels):
    return tf.io.decode_image(data, channels=channels, expand_animations=False).numpy()


def decode_cases(out, files, truths):
    for name, data in files.items():
        natural = truths[name] if name in truths else tf_decode(data, 0)
        for channels in (0, 1, 3, 4):
            try:
                if name in truths:
                    raise tf.errors.InvalidArgumentError(None, None, "not TensorFlow's")
                out.decode(name, channels, 0, "tf", tf_decode(data, channels))
            except tf.errors.InvalidArgumentError:
                out.decode(name, channels, 0, "truth", convert(natural, channels))
        if name.endswith(".jpg"):
            for channels in (1, 3):
                if channels == 1 and "cmyk" in name:
                    continue
                accurate = tf.io.decode_jpeg(data, channels=channels, dct_method="INTEGER_ACCURATE").numpy()
                out.decode(name, channels, 1, "tf", accurate)


METHODS = {
    "bilinear": lambda p, s: tf.image.resize(p, s),
    "nearest": lambda p, s: tf.image.resize(p, s, "nearest"),
    "bicubic": lambda p, s: tf.image.resize(p, s, "bicubic"),
    "area": lambda p, s: tf.image.resize(p, s, "area"),
    "bilinear-legacy": lambda p, s: tf.compat.v1.image.resize_bilinear(p[None], s)[0],
    "bilinear-aligned": lambda p, s: tf.compat.v1.image.resize_bilinear(p[None], s, align_corners=True)[0],
    "lanczos3": lambda p, s: tf.image.resize(p, s, "lanczos3", antialias=True),
}


def central_region(p, h, w):
    ih, iw = p.shape[:2]
    if iw * h > ih * w:
        keep = max(1, (ih * w + h // 2) // h)
        left = (iw - keep) // 2
        return p[:, left:left + keep]
    if iw * h < ih * w:
        keep = max(1, (iw * h + w // 2) // w)
        top = (ih - keep) // 2
        return p[top:top + keep]
    return p


def resize_cases(out, kind, file, pixels, sizes):
    for h, w in sizes:
        for name, method in METHODS.items():
            out.resize(kind, file, name, tf.cast(method(pixels, (h, w)), tf.float32).numpy())
        out.resize(kind, file, "crop", tf.image.resize(central_region(pixels, h, w), (h, w)).numpy())


SHARED = [
    "images/opencv/testdata/cv/shared/lena.png",
    "images/opencv/testdata/cv/shared/baboon.png",
    "images/opencv/testdata/dnn/googlenet_0.png",
    "images/opencv/testdata/dnn/grace_hopper_227.png",
    "images/opencv/testdata/dnn/space_shuttle.jpg",
    "images/tf2onnx/tests/ade20k.jpg",
    "images/tf2onnx/tests/beach.jpg",
    "images/tf2onnx/tests/car.JPEG",
    "images/tract/examples/face_detection_yolov8onnx_example/grace_hopper.jpg",
    "tfsrc/tensorflow/core/lib/jpeg/testdata/jpeg_merge_test1.jpg",
    "tfsrc/tensorflow/core/lib/jpeg/testdata/jpeg_merge_test1_cmyk.jpg",
    "tfsrc/tensorflow/core/lib/png/testdata/lena_gray.png",
    "tfsrc/tensorflow/core/lib/png/testdata/lena_rgba.png",
]
SHARED_BROKEN = [f"tfsrc/tensorflow/core/lib/jpeg/testdata/{n}.jpg" for n in
                 ("bad_huffman", "corrupt", "corrupt34_2", "corrupt34_3", "corrupt34_4")]
SHARED_RESIZE = [SHARED[5], SHARED[8], SHARED[0]]


def shared_cases(out, root):
    for file in SHARED + SHARED_BROKEN:
        with open(os.path.join(root, file), "rb") as f:
            data = f.read()
        for channels in (0, 1, 3):
            try:
                p = tf_decode(data, channels)
                crc = f"{zlib.crc32(p.tobytes()):08x}"
            except tf.errors.InvalidArgumentError:
                p, crc = np.zeros((0, 0, 0)), "error"
            out.lines.append(f"shared {file} {channels} {p.shape[0]} {p.shape[1]} {p.shape[2]} {crc}")
        if file in SHARED_RESIZE:
            resize_cases(out, "sresize", file, tf_decode(data, 3), [(16, 16), (11, 23)])


def write_seeds(files):
    os.makedirs(SEEDS, exist_ok=True)
    for old in os.listdir(SEEDS):
        os.remove(os.path.join(SEEDS, old))
    for name, data in files.items():
        if len(data) < 1200:
            with open(f"{SEEDS}/{name}", "wb") as f:
                f.write(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", default="../shared/models")
    options = parser.parse_args()
    os.makedirs(OUT, exist_ok=True)
    for old in os.listdir(OUT):
        os.remove(os.path.join(OUT, old))

    bmps, (indices, colours) = make_bmps()
    pnms = make_pnms()
    files = {**make_pngs(), **make_jpegs(), **make_webps(), **bmps}
    files["cmyk_plain.jpg"] = strip_adobe(files["cmyk.jpg"])
    files["early_end.jpg"] = files["s420.jpg"][:len(files["s420.jpg"]) * 4 // 5] + b"\xff\xd9"
    truths = {}
    for name, (data, pixels) in pnms.items():
        files[name] = data
        if pixels is None:
            numbers = np.array(list(map(int, data.split()[4:]))).reshape(3, 3, 3)
            pixels = scaled(numbers, 1000)
        truths[name] = pixels
    for name, data in files.items():
        with open(f"{OUT}/{name}", "wb") as f:
            f.write(data)

    write_seeds(files)
    out = Writer()
    decode_cases(out, files, truths)
    palette = np.array(colours, np.uint8)
    out.lines.append(f"palette b8_colour.bmp 6 7 3 {out.pixel_count}")
    out.pixels.append(palette[indices[..., 0]].reshape(-1))
    out.pixel_count += indices.size * 3

    sizes = [(9, 13), (18, 26), (5, 4), (27, 10), (1, 1), (7, 31)]
    resize_cases(out, "resize", "rgb.png", tf_decode(files["rgb.png"], 0), sizes)
    resize_cases(out, "resize", "grey.png", tf_decode(files["grey.png"], 0), [(20, 20), (3, 5), (11, 33)])
    resize_cases(out, "resize", "rgba.png", tf_decode(files["rgba.png"], 0), [(10, 9), (4, 20)])
    resize_cases(out, "resize", "grey_alpha.png", tf_decode(files["grey_alpha.png"], 0), [(4, 6)])
    resize_cases(out, "resize", "rgb_noise.png", tf_decode(files["rgb_noise.png"], 0), [(13, 11), (3, 3), (16, 16)])
    resize_cases(out, "resize", "one.png", tf_decode(files["one.png"], 0), [(3, 2), (1, 1), (1, 9)])
    resize_cases(out, "resize", "wide.png", tf_decode(files["wide.png"], 0), [(8, 16), (1, 100), (5, 1)])
    if os.path.isdir(options.shared):
        shared_cases(out, options.shared)
    else:
        print(f"{options.shared}: not there, no shared cases")
    out.save()
    total = sum(os.path.getsize(f"{OUT}/{n}") for n in os.listdir(OUT))
    print(f"{len(files)} pictures, {len(out.lines)} cases, {total} bytes in {OUT}")


if __name__ == "__main__":
    main()
