#!/usr/bin/env python3
"""A second reader of PLAN files, written from docs/plan-format.md alone. Prints the listing that page describes.

    read_plan.py FILE...

Checks container, checksums and record bounds; what it cannot check are the shapes, which need the operators.
Exit status 1 and one line on standard error for a file it refuses. Needs nothing but Python 3.
"""
import struct
import sys

MAX_RANK = 8
ABSENT = 0xFFFFFFFF
DTYPES = "none f32 f16 bf16 f64 i8 u8 i16 u16 i32 u32 i64 u64 bool".split()
LAYOUTS = ["plain", "c8", "c16"]
FORMATS = ["nhwc", "nchw"]
RESIZE = "bilinear nearest crop bicubic area bilinear-legacy bilinear-aligned lanczos3".split()
PLACES = ["arena", "binding", "weights"]
UNARY = ("none relu relu6 leaky_relu elu selu sigmoid tanh softplus softsign neg abs sqrt rsqrt square exp log floor ceil "
         "reciprocal sin cos tan sinh cosh asin acos atan asinh acosh atanh silu").split()
BINARY = ("add sub mul div min max pow squared_difference floor_div floor_mod equal not_equal less less_equal greater "
          "greater_equal").split()
REDUCE = "sum prod max min mean".split()
POOL = "max avg".split()

CONV = [("stride", "i", 2), ("dilation", "i", 2), ("pad", "i", 4), ("groups", "i", 1), ("format", "i", 1),
        ("output", "q", 2), ("act", "i", 1), ("alpha", "f", 1)]
DIMS = [("rank", "i", 1), ("dim", "q", 8)]
FIELDS = {
    "conv2d": CONV,
    "depthwise_conv2d": CONV,
    "conv2d_transpose": CONV,
    "matmul": [("transpose_a", "i", 1), ("transpose_b", "i", 1), ("act", "i", 1), ("alpha", "f", 1)],
    "pool2d": [("func", "i", 1), ("kernel", "i", 2), ("stride", "i", 2), ("pad", "i", 4), ("format", "i", 1)],
    "unary": [("func", "i", 1), ("alpha", "f", 1)],
    "binary": [("func", "i", 1), ("act", "i", 1), ("alpha", "f", 1)],
    "batch_norm": [("epsilon", "f", 1), ("axis", "i", 1), ("training", "i", 1), ("factor", "f", 1), ("act", "i", 1),
                   ("alpha", "f", 1)],
    "softmax": [("axis", "i", 1)],
    "concat": [("axis", "i", 1)],
    "reduce": [("func", "i", 1), ("axes", "i", 1), ("keep_dims", "i", 1)],
    "reshape": DIMS,
    "broadcast": DIMS,
    "random_uniform": DIMS,
    "transpose": [("perm", "i", 8)],
    "pad": [("before", "q", 8), ("after", "q", 8), ("value", "f", 1)],
    "slice": [("begin", "q", 8), ("stride", "q", 8), ("size", "q", 8)],
    "shape": [("dtype", "i", 1)],
    "cast": [("dtype", "i", 1), ("truncate", "i", 1)],
    "reorder": [("layout", "i", 1)],
    "select": [],
    "identity": [],
}
ENUMS = {"act": UNARY, "format": FORMATS, "dtype": DTYPES, "layout": LAYOUTS}
FUNCS = {"unary": UNARY, "binary": BINARY, "reduce": REDUCE, "pool2d": POOL}


class Damaged(Exception):
    pass


def need(truth, text):
    if not truth:
        raise Damaged(text)


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


class Reader:
    """Little-endian values from the front of some bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def bytes(self, n):
        need(n <= len(self.data) - self.at, "a section ends too early")
        self.at += n
        return self.data[self.at - n:self.at]

    def read(self, kinds):
        values = struct.unpack("<" + kinds, self.bytes(struct.calcsize("<" + kinds)))
        return values[0] if len(values) == 1 else values

    def many(self, kind, n):
        return list(struct.unpack("<%d%s" % (n, kind), self.bytes(n * struct.calcsize("<" + kind))))

    def string(self):
        text = self.bytes(self.read("I"))
        need(0 not in text, "a string holds a zero byte")
        return text

    def end(self):
        need(self.at == len(self.data), "a section does not end where it should")


# ---- the container


def sections_of(data):
    need(data[:8] == b"FLOEPLAN", "not a PLAN")
    need(len(data) >= 12, "too short")
    version = struct.unpack_from("<I", data, 8)[0]
    need(version == 1, "a PLAN of version %d; version 1 is known" % version)
    need(len(data) >= 32, "too short")
    count, size, crc, zero = struct.unpack_from("<IQII", data, 12)
    need(size == len(data), "%d bytes, the header says %d" % (len(data), size))
    end = 32 + 24 * count
    need(count >= 3 and end <= len(data), "%d sections" % count)
    need(crc == crc32c(data[:24] + data[28:end]) and zero == 0, "damaged header")
    sections = []
    for i in range(count):
        kind, crc, offset, size = struct.unpack_from("<4sIQQ", data, 32 + 24 * i)
        need(kind == (b"META" if i == 0 else b"WGHT" if i == count - 1 else b"ENGN"), "section %d out of order" % i)
        align = 4096 if kind == b"WGHT" else 64
        need(offset == -(-end // align) * align, "section %d out of place" % i)
        need(offset + size <= len(data), "section %d reaches past the end" % i)
        need(not any(data[end:offset]), "padding is not zero")
        need(crc == crc32c(data[offset:offset + size]), "section %d is damaged" % i)
        sections.append(data[offset:offset + size])
        end = offset + size
    need(end == len(data), "something follows the last section")
    return sections


# ---- records


def read_meta(data):
    r = Reader(data)
    meta = {"producer": r.string()}
    present = r.read("I")
    need(present in (0, 1), "preprocessing is neither there nor not")
    if present:
        channels, resize, fmt = r.read("III")
        need(channels < 2 and resize < len(RESIZE) and fmt < 2, "unknown preprocessing")
        meta["preprocess"] = (channels, resize, fmt, r.many("f", 4), r.many("f", 4))
    r.end()
    return meta


def read_tensor(r):
    t = {"name": r.string()}
    t["dtype"], t["layout"], flags, rank, t["place"], t["offset"] = r.read("BBBBIQ")
    need(0 < t["dtype"] < len(DTYPES) and t["layout"] < 3 and flags < 2 and rank <= MAX_RANK and t["place"] < 3,
         "a tensor of an unknown kind")
    t["constant"] = flags == 1
    t["dims"] = r.many("q", rank)
    return t


def read_step(r):
    s = {"name": r.string(), "op": r.string().decode("ascii", "replace"), "tactic": r.string()}
    params = Reader(r.bytes(r.read("I")))
    need(s["op"] in FIELDS, "unknown operator %s" % s["op"])
    s["fields"] = [(name, params.many(kind, count)) for name, kind, count in FIELDS[s["op"]]]
    params.end()
    s["in"] = r.many("I", r.read("I"))
    s["out"] = r.many("I", r.read("I"))
    s["taken"], s["packed_offset"], s["packed_bytes"], s["workspace"] = r.read("IQQQ")
    return s


def read_binding(r):
    return {"name": r.string(), "tensor": r.read("I"), "is_input": r.read("I")}


def read_engine(data):
    r = Reader(data)
    e = {"backend": r.string(), "target": r.string()}
    e["max_batch"], e["batched"], e["arena"], e["workspace"] = r.read("QIQQ")
    e["tensors"] = [read_tensor(r) for _ in range(r.read("I"))]
    e["steps"] = [read_step(r) for _ in range(r.read("I"))]
    e["bindings"] = [read_binding(r) for _ in range(r.read("I"))]
    r.end()
    tensors = len(e["tensors"])
    for s in e["steps"]:
        need(all(i < tensors or i == ABSENT for i in s["in"]) and all(i < tensors for i in s["out"]),
             "a step names a tensor that does not exist")
    need(all(b["tensor"] < tensors for b in e["bindings"]), "a binding names a tensor that does not exist")
    return e


# ---- the listing; bytes, because names may be any bytes


def shown(name):
    return bytes(0x3F if c < 0x20 or c == 0x7F else c for c in name)


def real(v):
    return ("%.9g" % v)


def dim_text(d):
    return "N" if d == -1 else "%dN" % -d if d < 0 else "%d" % d


def tensor_text(t):
    layout = ":" + LAYOUTS[t["layout"]] if t["layout"] else ""
    return DTYPES[t["dtype"]] + layout + "[" + ",".join(map(dim_text, t["dims"])) + "]"


def step_text(e, s):
    def slot(i):
        if i == ABSENT:
            return "-"
        t = e["tensors"][i]
        return tensor_text(t) + ("c" if t["constant"] else "")

    words = [s["op"]] + [slot(i) for i in s["in"]] + ["->"] + [slot(i) for i in s["out"]]
    values_of = dict(s["fields"])
    for name, values in s["fields"]:
        if len(values) == MAX_RANK:
            if name == "dim":
                rank = values_of["rank"][0]
            else:
                rank = len(e["tensors"][s["in"][0]]["dims"]) if s["in"] and s["in"][0] != ABSENT else MAX_RANK
            values = values[:max(0, min(rank, MAX_RANK))]
        if name != "func" and not any(v != 0 for v in values):
            continue
        names = FUNCS[s["op"]] if name == "func" else ENUMS.get(name)
        if names and 0 <= values[0] < len(names):
            words.append(name + "=" + names[values[0]])
        else:
            words.append(name + "=" + ",".join(real(v) if isinstance(v, float) else str(v) for v in values))
    return " ".join(words)


def indices(values):
    return ",".join("-" if v == ABSENT else str(v) for v in values)


def listing(data):
    sections = sections_of(data)
    meta = read_meta(sections[0])
    engines = [read_engine(s) for s in sections[1:-1]]
    lines = [b"plan version=1 engines=%d weights=%d producer=%s" % (len(engines), len(sections[-1]),
                                                                     shown(meta["producer"]))]
    if "preprocess" in meta:
        channels, resize, fmt, mean, scale = meta["preprocess"]
        lines.append(("preprocess channels=%s resize=%s format=%s mean=%s scale=%s" % (
            ["rgb", "bgr"][channels], RESIZE[resize], FORMATS[fmt],
            ",".join(map(real, mean)), ",".join(map(real, scale)))).encode())
    for i, e in enumerate(engines):
        lines.append(b"engine %d backend=%s target=%s max_batch=%d batched=%s arena=%d workspace=%d" % (
            i, e["backend"], e["target"], e["max_batch"], b"yes" if e["batched"] else b"no", e["arena"],
            e["workspace"]))
        for k, b in enumerate(e["bindings"]):
            lines.append(b"  %s %d %s: %s tensor=%d" % (b"input" if b["is_input"] else b"output", k, shown(b["name"]),
                                                        tensor_text(e["tensors"][b["tensor"]]).encode(), b["tensor"]))
        for k, s in enumerate(e["steps"]):
            lines.append(b"  step %d %s: %s | %s in=%s out=%s taken=%x packed=%d@%d workspace=%d" % (
                k, shown(s["name"]), step_text(e, s).encode(), shown(s["tactic"]), indices(s["in"]).encode(),
                indices(s["out"]).encode(), s["taken"], s["packed_bytes"], s["packed_offset"], s["workspace"]))
        for k, t in enumerate(e["tensors"]):
            lines.append(b"  tensor %d %s: %s%s %s=%d" % (k, shown(t["name"]), tensor_text(t).encode(),
                                                          b"c" if t["constant"] else b"", PLACES[t["place"]].encode(),
                                                          t["offset"]))
    return b"\n".join(lines) + b"\n"


def main(paths):
    for path in paths:
        try:
            with open(path, "rb") as f:
                sys.stdout.buffer.write(listing(f.read()))
        except (Damaged, OSError) as e:
            sys.stderr.write("%s: %s\n" % (path, e))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
