"""cli_fixture.py - what the tests of the command line need: graphs, arrays and pictures made from nothing but the
standard library, and the program itself.

Graphs are written as protobuf by hand (field numbers of tensorflow/core/framework/*.proto), arrays as .npy version 1,
pictures as PNG, so that every test says in full what it feeds in.
"""

import os
import struct
import subprocess
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLOE = os.path.join(ROOT, os.environ.get("FLOE_BUILD", "build"), "floe")

COMMANDS = ["freeze", "deploy", "infer", "convert", "build", "info", "bench"]


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout.decode("utf-8", "replace")
        self.err = process.stderr.decode("utf-8", "replace")

    def __str__(self):
        return "exit %d\n--- stdout\n%s\n--- stderr\n%s" % (self.code, self.out[-2000:], self.err[-2000:])


def floe(*args, cwd=None):
    """Runs the program with its output captured."""
    return Result(subprocess.run([FLOE] + [str(a) for a in args], cwd=cwd, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300))


# ---- protobuf

def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


# ---- GraphDef

FLOAT, UINT8, INT32, BOOL, DOUBLE = 1, 4, 3, 10, 2


def shape_proto(dims):
    """dims: None for an unknown rank; -1 is an unknown dimension."""
    if dims is None:
        return number(3, 1)
    return b"".join(block(2, number(1, d)) for d in dims)


def attr(name, value):
    return block(5, block(1, name) + block(2, value))


def node(name, op, inputs=(), *attrs):
    return block(1, block(1, name) + block(2, op) + b"".join(block(3, i) for i in inputs) + b"".join(attrs))


def placeholder(name, dims, dtype=FLOAT):
    return node(name, "Placeholder", (), attr("dtype", number(6, dtype)), attr("shape", block(7, shape_proto(dims))))


def constant(name, dims, values):
    content = struct.pack("<%df" % len(values), *values)
    tensor = number(1, FLOAT) + block(2, shape_proto(dims)) + block(4, content)
    return node(name, "Const", (), attr("dtype", number(6, FLOAT)), attr("value", block(8, tensor)))


def op(name, kind, inputs, dtype=FLOAT, *attrs):
    return node(name, kind, inputs, attr("T", number(6, dtype)), *attrs)


def graph(*nodes):
    return b"".join(nodes) + block(4, number(1, 1000))


# ---- .npy

FORMATS = {"<f4": "f", ">f4": "f", "<f8": "d", "<i4": "i", ">i4": "i", "|u1": "B", "|b1": "?", "<i8": "q"}


def npy_bytes(descr, shape, values, fortran=False, version=1):
    text = "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }" % (
        descr, fortran, "".join("%d," % d for d in shape))
    prefix = 10 if version == 1 else 12
    text += " " * (-(prefix + len(text) + 1) % 64) + "\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    order = ">" if descr[0] == ">" else "<"
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode() + struct.pack(
        "%s%d%s" % (order, len(values), FORMATS[descr]), *values)


def read_npy(path):
    """(descr, shape, values)"""
    with open(path, "rb") as f:
        data = f.read()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    length = struct.unpack("<H", data[8:10])[0]
    assert (10 + length) % 64 == 0 and data[9 + length:10 + length] == b"\n"
    header = eval(data[10:10 + length].decode(), {"__builtins__": {}})  # written by the program under test
    assert header["fortran_order"] is False
    count = 1
    for d in header["shape"]:
        count *= d
    values = struct.unpack("<%d%s" % (count, FORMATS[header["descr"]]), data[10 + length:])
    return header["descr"], header["shape"], list(values)


# ---- pictures

def png_bytes(width, height, channels, pixels):
    """pixels: height * width * channels numbers of 0 to 255; 1 channel is grey, 3 are RGB."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    row = width * channels
    raw = b"".join(b"\0" + bytes(pixels[y * row:(y + 1) * row]) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
