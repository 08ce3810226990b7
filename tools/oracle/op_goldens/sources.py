"""Placeholder, PlaceholderWithDefault and Const in every encoding a TensorProto knows."""
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from .graph import dtype_number, golden, set_shape, shape_text

F32, F16, F64 = np.float32, np.float16, np.float64
I32, I64, U8 = np.int32, np.int64, np.uint8
BF16 = tf.bfloat16.as_numpy_dtype


@golden("Placeholder")
def placeholder(g):
    rows = [([], False), ([5], False), ([5], True), ([2, 3], False), ([2, 3], True), ([2, 3, 4], True),
            ([2, 3, 4, 5], False),
            ([3, 4, 4, 2], True), ([1, 2, 3, 2, 3], False), ([2, 2, 1, 2, 1, 3], True), ([0, 3], False),
            ([1, 1, 1, 1], False),
            ([2, 3], "rank"), ([2, 4, 4, 3], "rank")]
    for k, (shape, dynamic) in enumerate(rows):
        c = g.case("float32 %s through an Identity" % shape_text(shape), dynamic)
        c.out(c.op("Identity", c.input(c.normal(*shape))), itself=k % 3 == 0)
    for dtype in (F16, F64, I32, I64, U8, np.bool_):
        c = g.case("%s [2,3] through an Identity" % dtype.__name__)
        c.out(c.op("Identity", c.input(c.integers(0, 2, 2, 3, dtype=dtype))))
    c = g.case("two inputs, two results [2,3] [4]")
    x, y = c.input(c.normal(2, 3)), c.fixed_input(c.normal(4))
    c.out(y, x)
    c = g.case("one input as two results [2,3]", True)
    x = c.input(c.normal(2, 3))
    c.out(x, c.op("Relu", x), x)
    c = g.case("every dim unknown [2,3,4]")
    c.out(c.op("Relu", c.input(c.normal(2, 3, 4), [-1, -1, -1])))
    c = g.case("a chain of Identities [2,3]", True)
    x = c.input(c.normal(2, 3))
    for _ in range(5):
        x = c.op("Identity", x)
    c.out(x)


@golden("PlaceholderWithDefault")
def placeholder_with_default(g):
    for shape, declare in (([2, 3], [2, 3]), ([2, 3], [-1, 3]), ([2, 3], None), ([], []), ([4], [4]),
                           ([2, 3, 3, 2], [-1, 3, 3, 2])):
        for fed in (False, True):
            c = g.case("%s declared %s, %s" % (shape_text(shape), "nothing" if declare is None else declare,
                                              "fed" if fed else "not fed"))
            default = c.const(c.normal(*shape))
            if fed:
                x = c.input_or_default(c.normal(*shape), default, declare)
            else:
                x = c.op("PlaceholderWithDefault", default, name="default", shape=declare)
                x = c.op("AddV2", x, c.input(c.normal(*shape)))
            c.out(c.op("Relu6", x))
    c = g.case("fed with a larger batch than the default's: [1,3] and [3,3]")
    c.out(c.op("Neg", c.input_or_default(c.normal(3, 3), c.const(c.normal(1, 3)), [-1, 3])))
    c = g.case("a scale that nobody feeds [2,3]", True)
    scale = c.op("PlaceholderWithDefault", c.const(F32(0.5)), name="scale", shape=[])
    c.out(c.op("Mul", c.input(c.normal(2, 3)), scale))
    c = g.case("int32 axis that nobody feeds [2,3]")
    axis = c.op("PlaceholderWithDefault", c.const(1), name="axis", shape=[])
    c.out(c.op("ConcatV2", [c.input(c.normal(2, 3)), c.fixed_input(c.normal(2, 2))], axis))
    c = g.case("not fed, and the result itself [3]")
    c.out(c.op("PlaceholderWithDefault", c.const([1.0, 2.0, 3.0]), shape=[3]))


# ---- Const ----
VALUE_FIELD = {F32: "float_val", F64: "double_val", F16: "half_val", BF16: "half_val", I32: "int_val", U8: "int_val",
               I64: "int64_val", np.bool_: "bool_val"}


def raw(dtype, shape, values=None, content=None):
    """A TensorProto of exactly these typed values, or of these bytes."""
    proto = tensor_pb2.TensorProto(dtype=dtype_number(dtype))
    proto.tensor_shape.SetInParent()
    set_shape(proto.tensor_shape, shape)
    if content is not None:
        proto.tensor_content = np.asarray(content, dtype).tobytes()
    elif values is not None:
        if dtype in (F16, BF16):
            values = np.asarray(values, dtype).view(np.uint16)
        getattr(proto, VALUE_FIELD[dtype]).extend(np.asarray(values).tolist())
    return proto


def encodings(dtype, numbers):
    """(what, shape, proto) per way of writing a tensor; numbers: six of the dtype, the last one not zero."""
    n = list(numbers)
    rows = [("tensor_content", [2, 3], {"content": n}), ("typed values", [2, 3], {"values": n}),
            ("one value for all", [2, 3, 4], {"values": n[5:]}), ("last value repeated", [3, 3], {"values": n}),
            ("no value: zeros", [2, 2], {}), ("scalar", [], {"values": n[5:]}), ("empty", [0, 3], {}),
            ("scalar in tensor_content", [], {"content": n[5:]}), ("more values than elements", [2, 2], {"values": n}),
            ("scalar without a value", [], {}), ("6-D tensor_content", [1, 2, 1, 3, 1, 1], {"content": n})]
    return [(what, shape, raw(dtype, shape, **how)) for what, shape, how in rows]


NUMBERS = {F32: [1.5, -2.25, 0.0, 1e10, -1e-10, 3.75], F64: [1.5, -2.25, 0.0, 1e10, 0.1, 3.75],
           F16: [1.5, -2.25, 0.0, 65504.0, 0.0001, 3.75], BF16: [1.5, -2.25, 0.0, 1e10, 0.1, 3.75],
           I32: [1, -2, 0, 2 ** 31 - 1, -2 ** 31, 7], I64: [1, -2, 0, 2 ** 62, -2 ** 63, 7], U8: [1, 2, 0, 255, 128, 7],
           np.bool_: [True, False, False, True, False, True]}


@golden("Const")
def const(g):
    for dtype, numbers in NUMBERS.items():
        for what, shape, proto in encodings(dtype, numbers):
            name = np.dtype(dtype).name
            c = g.case("%s %s: %s" % (name, shape_text(shape), what))
            value = c.const(proto)
            if dtype in (F16, BF16, F64, U8, np.bool_):  # let something else look at the values as well
                c.out(c.op("Cast", value, DstT=F32))
            else:
                c.out(c.op("AddV2", c.input(np.zeros(shape, dtype)), value))
            if dtype != BF16 and len(g.cases) % 3 == 0:
                c.out(value)
    c = g.case("float32 NaN, infinities, -0, denormals: bits kept [7]")
    c.nan = True
    c.out(c.const(raw(F32, [7], content=[np.nan, np.inf, -np.inf, -0.0, 1e-40, -1e-45, 3.4028235e38])))
    c = g.case("uint8 [3]: int_val beyond the type is cut off")
    c.out(c.const(raw(U8, [3], values=[300, 256, 7])))
    c = g.case("read through an Identity, as frozen variables are [2,3]", True)
    w = c.op("Identity", c.const(c.normal(3), name="weights"), name="weights/read")
    c.out(c.op("Mul", c.input(c.normal(2, 3)), w))
    c = g.case("the result itself, no consumer [2,3]")
    c.op("Const", name="out0", value=raw(F32, [2, 3], content=c.normal(2, 3)), dtype=F32)
    c.results.append("%sout0" % c.scope)
    c = g.case("one Const, three consumers [4]", True)
    x, w = c.input(c.normal(2, 4)), c.const(c.normal(4))
    c.out(c.op("Maximum", c.op("AddV2", c.op("Mul", x, w), w), w))
