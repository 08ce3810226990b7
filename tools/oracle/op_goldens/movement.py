"""Operators that move, shape or describe data: ConcatV2, Reshape, Transpose, Pad, Squeeze, StridedSlice, ..."""
import numpy as np

from .graph import golden, shape_text

F32, I32, I64 = np.float32, np.int32, np.int64


def shapes_text(shapes):
    return " ".join(shape_text(s) for s in shapes)


@golden("ConcatV2")
def concat(g):
    rows = [  # shapes, axis, axis dtype, declared how
        ([[2, 3], [2, 4]], 1, I32, True), ([[2, 3], [2, 4]], -1, I64, True), ([[3], [4]], 0, I32, False),
        ([[2, 3, 4, 5], [2, 3, 4, 2]], 3, I32, True), ([[2, 3, 4, 5], [2, 3, 4, 2], [2, 3, 4, 1]], -1, I32, True),
        ([[2, 3, 4, 5], [2, 1, 4, 5]], 1, I32, True), ([[2, 3, 4, 5], [2, 3, 2, 5]], 2, I64, False),
        ([[1, 3, 2], [2, 3, 2]], 0, I32, False), ([[2, 3, 4, 5], [2, 6, 4, 5]], -3, I32, True),
        ([[2, 0], [2, 3]], 1, I32, False), ([[0, 3], [0, 2]], 1, I32, False),
        ([[2, 2, 2, 2, 3], [2, 2, 2, 2, 1]], 4, I32, False), ([[1, 2, 1, 2, 1, 2], [1, 2, 3, 2, 1, 2]], 2, I32, False),
        ([[1]] * 5, 0, I32, False), ([[3, 7], [3, 9], [3, 17]], 1, I32, True), ([[2, 3], [2, 3]], 1, I32, "rank"),
        ([[3, 2, 2, 2]] * 4, 3, I32, True)]
    for shapes, axis, axis_type, dynamic in rows:
        c = g.case("%s axis %d (%s)" % (shapes_text(shapes), axis, axis_type.__name__), dynamic)
        c.out(c.op("ConcatV2", [c.input(c.normal(*s)) for s in shapes], c.const(axis, axis_type)),
              itself=len(g.cases) % 5 == 0)
    for dtype in (I32, I64):
        c = g.case("%s [2,3] [2,1] axis 1" % dtype.__name__)
        c.out(c.op("ConcatV2", [c.input(c.integers(-9, 9, 2, n, dtype=dtype)) for n in (3, 1)], c.const(1)))
    c = g.case("one tensor twice [2,2,3] axis 2", True)
    x = c.input(c.normal(2, 2, 3))
    c.out(c.op("ConcatV2", [x, x], c.const(2)))
    c = g.case("a Const last [2,3] [2,2] axis 1")
    c.out(c.op("ConcatV2", [c.input(c.normal(2, 3)), c.const(c.normal(2, 2))], c.const(1)))
    c = g.case("CReLU: Relu(concat(x, -x)) [2,3,3,4]", True)
    x = c.input(c.normal(2, 3, 3, 4))
    c.out(c.op("Relu", c.op("ConcatV2", [x, c.op("Neg", x)], c.const(-1))))


@golden("Reshape")
def reshape(g):
    rows = [  # from, shape operand, declared how
        ([2, 3, 4], [2, 12], False), ([2, 3, 4], [-1, 12], True), ([2, 3, 4, 5], [-1, 60], True), ([12], [3, 4], False),
        ([3, 4], [12], False), ([3, 4], [-1], False), ([2, 6], [2, 3, 2, 1], False), ([3, 8], [-1, 2, 2, 2], True),
        ([], [1], False), ([1], [], False), ([1, 1, 1], [], False), ([], [1, 1, 1, 1], False),
        ([2, 3, 4], [6, -1], False),
        ([0, 4], [0, 2, 2], False), ([2, 0, 3], [0, 7], False), ([2, 3, 2, 2], [2, 3, 2, 2], False),
        ([2, 4, 4, 6], [-1, 16, 6], True), ([2, 4, 4, 6], [-1, 4, 4, 2, 3], True),
        ([2, 3, 2, 1, 2], [1, 2, 3, 2, 2, 1], False),
        ([3, 1, 1, 10], [-1, 10], True), ([2, 3], [3, 2], "rank")]
    for k, (source, target, dynamic) in enumerate(rows):
        dtype = I64 if k % 3 == 2 else I32
        c = g.case("%s to %s (%s)" % (shape_text(source), target, dtype.__name__), dynamic)
        c.out(c.op("Reshape", c.input(c.normal(*source)), c.const(np.asarray(target, dtype), dtype, name="shape")),
              itself=len(g.cases) % 5 == 0)
    for dtype in (I32, I64, np.bool_, np.uint8):
        c = g.case("%s [2,3] to [3,-1]" % dtype.__name__)
        c.out(c.op("Reshape", c.input(c.integers(0, 2, 2, 3, dtype=dtype)), c.const([3, -1], name="shape")))
    c = g.case("channel shuffle: Reshape, Transpose, Reshape [2,2,3,6]", True)
    x = c.op("Reshape", c.input(c.normal(2, 2, 3, 6)), c.const([-1, 2, 3, 2, 3], name="shape"))
    x = c.op("Transpose", x, c.const([0, 1, 2, 4, 3], name="perm"))
    c.out(c.op("Reshape", x, c.const([-1, 2, 3, 6], name="shape")))


@golden("Transpose")
def transpose(g):
    rows = [([], [], False), ([5], [0], False), ([3, 4], [1, 0], False), ([3, 4], [0, 1], True),
            ([2, 3, 4], [0, 2, 1], True),
            ([2, 3, 4], [2, 0, 1], False), ([2, 3, 4], [-1, 0, 1], False), ([2, 4, 5, 3], [0, 3, 1, 2], True),
            ([2, 3, 4, 5], [0, 2, 3, 1], True), ([2, 3, 4, 5], [3, 2, 1, 0], False), ([2, 3, 4, 5], [0, 1, 3, 2], True),
            ([2, 3, 4, 5], [0, 2, 1, 3], True), ([2, 3, 4, 5], [1, 2, 3, 0], False), ([3, 1, 1, 5], [0, 3, 1, 2], True),
            ([2, 3, 2, 3, 2], [0, 1, 2, 4, 3], True), ([2, 3, 2, 3, 2], [0, 3, 1, 4, 2], True),
            ([1, 2, 3, 2, 3, 2], [5, 3, 1, 0, 2, 4], False), ([2, 2, 2, 3, 2, 2], [0, 1, 3, 5, 2, 4], False),
            ([0, 3], [1, 0], False), ([2, 17, 19], [0, 2, 1], True), ([2, 3, 4], [0, -1, -2], "rank")]
    for k, (shape, perm, dynamic) in enumerate(rows):
        dtype = I64 if k % 4 == 1 else I32
        c = g.case("%s perm %s (%s)" % (shape_text(shape), perm, dtype.__name__), dynamic)
        c.out(c.op("Transpose", c.input(c.normal(*shape)), c.const(np.asarray(perm, dtype), dtype, name="perm")),
              itself=len(g.cases) % 5 == 0)
    for dtype in (I32, I64, np.uint8):
        c = g.case("%s [2,3,2] perm [0, 2, 1]" % dtype.__name__)
        c.out(c.op("Transpose", c.input(c.integers(0, 99, 2, 3, 2, dtype=dtype)), c.const([0, 2, 1], name="perm")))
    c = g.case("there and back again [2,3,4,2]", True)
    x = c.op("Transpose", c.input(c.normal(2, 3, 4, 2)), c.const([0, 3, 1, 2], name="perm"))
    c.out(c.op("Transpose", c.op("Relu", x), c.const([0, 2, 3, 1], name="perm")))


PADDINGS = [  # shape, paddings, declared how
    ([2, 4, 5, 3], [[0, 0], [1, 1], [1, 1], [0, 0]], True), ([2, 4, 5, 3], [[0, 0], [0, 1], [0, 1], [0, 0]], True),
    ([2, 3, 4, 5], [[0, 0], [0, 0], [1, 2], [2, 1]], True), ([2, 3, 3, 2], [[0, 0], [0, 0], [0, 0], [1, 3]], True),
    ([5], [[2, 1]], False), ([2, 3], [[0, 0], [1, 2]], True), ([2, 3], [[1, 0], [0, 2]], False),
    ([3, 2, 4], [[0, 0], [2, 0], [0, 3]], True), ([2, 3], [[0, 0], [0, 0]], False), ([0, 3], [[0, 0], [1, 1]], False),
    ([2, 0], [[0, 0], [2, 1]], False), ([1, 2, 3, 2, 2], [[0, 0], [1, 0], [0, 1], [1, 1], [0, 2]], False),
    ([1, 1, 2, 1, 2, 2], [[0, 0], [0, 1], [1, 0], [0, 0], [1, 1], [0, 1]], False),
    ([1, 1, 1, 1], [[0, 0], [3, 3], [3, 3], [0, 0]], False), ([], np.empty([0, 2]), False),
    ([2, 3, 3], [[0, 0], [1, 0], [0, 0]], "rank")]


def write_pads(g, op, values):
    for k, (shape, pads, dynamic) in enumerate(PADDINGS):
        dtype = I64 if k % 4 == 2 else I32
        fill = values[k % len(values)]
        c = g.case("%s by %s (%s)%s" % (shape_text(shape), np.asarray(pads, int).tolist(), dtype.__name__,
                                        "" if fill is None else ", value %g" % fill), dynamic)
        extra = [] if fill is None else [c.const(np.float32(fill), name="constant_values")]
        c.out(c.op(op, c.input(c.normal(*shape)), c.const(np.asarray(pads, dtype), dtype, name="paddings"), *extra),
              itself=len(g.cases) % 5 == 0)
    c = g.case("int32 [2,2] by [[1, 0], [0, 1]]")
    extra = [] if values[0] is None else [c.const(7, name="constant_values")]
    c.out(c.op(op, c.input(c.integers(-9, 9, 2, 2)), c.const([[1, 0], [0, 1]], name="paddings"), *extra))
    for window, stride in ((3, 2), (7, 2)):
        c = g.case("before a VALID Conv2D %dx%d stride %d: fixed_padding [2,8,8,3]" % (window, window, stride), True)
        edge = [(window - 1) // 2, window - 1 - (window - 1) // 2]
        extra = [] if values[0] is None else [c.const(np.float32(0), name="constant_values")]
        x = c.op(op, c.input(c.normal(2, 8, 8, 3)), c.const([[0, 0], edge, edge, [0, 0]], name="paddings"), *extra)
        c.out(c.op("Conv2D", x, c.const(c.normal(window, window, 3, 4, scale=0.2)), strides=[1, stride, stride, 1],
                   padding="VALID"))
    c = g.case("before a VALID MaxPool of negative values: the pad wins [1,4,4,2]")
    extra = [] if values[0] is None else [c.const(np.float32(-1.0), name="constant_values")]
    x = c.op(op, c.input(c.normal(1, 4, 4, 2, shift=-3.0)), c.const([[0, 0], [1, 1], [1, 1], [0, 0]], name="paddings"),
             *extra)
    c.out(c.op("MaxPool", x, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="VALID"))


@golden("Pad")
def pad(g):
    write_pads(g, "Pad", [None])


@golden("PadV2")
def pad_v2(g):
    write_pads(g, "PadV2", [1.5, 0.0, -3.0, -np.inf])


@golden("Squeeze")
def squeeze(g):
    rows = [([2, 1, 1, 5], [1, 2], True), ([2, 1, 1, 5], [-2, -3], True), ([3, 1, 4, 1], [1], True),
            ([3, 1, 4, 1], [-1], True),
            ([2, 1, 3], [1], True), ([1, 3], [0], False), ([1], [0], False), ([1], [], False),
            ([1, 3, 1, 2], [], False),
            ([2, 1, 1, 4], [], False), ([2, 3], [], False), ([], [], False), ([1, 1, 1, 1], [], False),
            ([1, 1, 1, 1], [0, 1, 2, 3], False), ([2, 1, 3, 1, 2, 1], [1, 3], False), ([0, 1, 3], [1], False),
            ([2, 5, 1, 1], [2, 3], True), ([2, 1, 3], [1], "rank")]
    for shape, dims, dynamic in rows:
        c = g.case("%s dims %s" % (shape_text(shape), dims or "all of size 1"), dynamic)
        c.out(c.op("Squeeze", c.input(c.normal(*shape)), squeeze_dims=dims), itself=len(g.cases) % 5 == 0)
    c = g.case("int32 [1,4] dims [0]")
    c.out(c.op("Squeeze", c.input(c.integers(-9, 9, 1, 4)), squeeze_dims=[0]))
    c = g.case("a classifier's end: 1x1 Conv2D, BiasAdd, Squeeze, Softmax [3,1,1,6]", True)
    x = c.op("Conv2D", c.input(c.normal(3, 1, 1, 6)), c.const(c.normal(1, 1, 6, 4)), strides=[1] * 4, padding="SAME")
    c.out(c.op("Softmax", c.op("Squeeze", c.op("BiasAdd", x, c.const(c.normal(4))), squeeze_dims=[1, 2])))
    c = g.case("Conv1D: ExpandDims, Conv2D, Squeeze -3 [2,9,3]", True)
    x = c.op("ExpandDims", c.input(c.normal(2, 9, 3)), c.const(-3, name="dim"))
    w = c.op("ExpandDims", c.const(c.normal(3, 3, 4, scale=0.3)), c.const(0, name="dim"))
    c.out(c.op("Squeeze", c.op("Conv2D", x, w, strides=[1, 1, 1, 1], padding="SAME"), squeeze_dims=[-3]))


@golden("ExpandDims")
def expand_dims(g):
    rows = [([], 0, False), ([], -1, False), ([4], 0, False), ([4], 1, False), ([4], -1, False), ([2, 3], 1, True),
            ([2, 3], -1, True), ([2, 3], -3, False), ([2, 3, 4], 1, True), ([2, 3, 4], 3, True), ([2, 3, 4], -2, True),
            ([2, 3, 4, 2], 4, True), ([2, 3, 4, 2], 0, False), ([1, 2, 3, 2, 2], 2, False), ([0, 3], 1, False),
            ([1, 1], 1, False), ([2, 3], 1, "rank")]
    for k, (shape, dim, dynamic) in enumerate(rows):
        dtype, vector = (I64 if k % 3 == 1 else I32), k % 4 == 2
        c = g.case("%s dim %d (%s %s)" % (shape_text(shape), dim, dtype.__name__, "vector" if vector else "scalar"),
                   dynamic)
        c.out(c.op("ExpandDims", c.input(c.normal(*shape)), c.const(np.asarray([dim] if vector else dim, dtype), dtype,
                                                                  name="dim")), itself=len(g.cases) % 5 == 0)
    c = g.case("int32 [3] dim 1")
    c.out(c.op("ExpandDims", c.input(c.integers(-9, 9, 3)), c.const(1, name="dim")))


@golden("StridedSlice")
def strided_slice(g):
    def add(text, shape, begin, end, strides=None, dynamic=False, dtype=I32, data=None, **masks):
        words = "".join(", %s %d" % item for item in masks.items())
        strides = strides or [1] * len(begin)
        c = g.case("%s: %s %s:%s:%s%s (%s)" % (text, shape_text(shape), begin, end, strides, words, dtype.__name__),
                   dynamic)
        x = c.input(c.normal(*shape) if data is None else c.integers(-9, 9, *shape, dtype=data))
        c.out(c.op("StridedSlice", x, *[c.const(np.asarray(v, dtype), dtype, name=n) for n, v in
                                        (("stack", begin), ("stack_1", end), ("stack_2", strides))],
                   **masks), itself=len(g.cases) % 5 == 0)

    add("x[1:4]", [6], [1], [4])
    add("x[::2]", [7], [0], [0], [2], begin_mask=1, end_mask=1)
    add("x[::-1]", [7], [0], [0], [-1], begin_mask=1, end_mask=1)
    add("x[5:1:-2]", [8], [5], [1], [-2])
    add("x[-3:-1]", [6], [-3], [-1])
    add("x[-1]", [6], [-1], [0], shrink_axis_mask=1)
    add("x[2]", [6], [2], [3], shrink_axis_mask=1, dtype=I64)
    add("x[:, 1]", [3, 5], [0, 1], [0, 2], begin_mask=1, end_mask=1, shrink_axis_mask=2, dynamic=True)
    add("x[:, 1:4]", [3, 5], [0, 1], [0, 4], begin_mask=1, end_mask=1, dynamic=True)
    add("x[:, ::2, ::2, :]", [2, 5, 6, 3], [0, 0, 0, 0], [0, 0, 0, 0], [1, 2, 2, 1], begin_mask=15, end_mask=15,
        dynamic=True)
    add("x[:, 1:-1, 1:-1, :]: a crop", [2, 5, 6, 3], [0, 1, 1, 0], [0, -1, -1, 0], begin_mask=9, end_mask=9,
        dynamic=True)
    add("x[..., 1]", [2, 3, 4, 3], [0, 1], [0, 2], ellipsis_mask=1, shrink_axis_mask=2, dynamic=True)
    add("x[..., ::-1]: RGB to BGR", [2, 3, 4, 3], [0, 0], [0, 0], [1, -1], ellipsis_mask=1, begin_mask=2, end_mask=2,
        dynamic=True)
    add("x[:, :, ::-1, :]: a mirror", [2, 3, 4, 2], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, -1, 1], begin_mask=15,
        end_mask=15, dynamic=True)
    add("x[:, newaxis]", [3, 4], [0, 0], [0, 0], begin_mask=1, end_mask=1, new_axis_mask=2, dynamic=True)
    add("x[newaxis, ..., newaxis]", [3, 4], [0, 0, 0], [0, 0, 0], ellipsis_mask=2, new_axis_mask=5)
    add("x[0, ..., 1:3]", [3, 2, 3, 4], [0, 0, 1], [1, 0, 3], ellipsis_mask=2, shrink_axis_mask=1)
    add("x[:, 0, 0, :]", [3, 2, 2, 4], [0, 0, 0, 0], [0, 1, 1, 0], begin_mask=9, end_mask=9, shrink_axis_mask=6,
        dynamic=True)
    add("fewer positions than dims: x[:, 1:]", [2, 3, 4, 2], [0, 1], [0, 0], begin_mask=1, end_mask=3, dynamic=True)
    add("end beyond the dim is clamped", [5], [2], [100])
    add("begin before the dim is clamped", [5], [-100], [3])
    add("nothing between begin and end", [5], [3], [3])
    add("end before begin", [4, 3], [2, 0], [1, 3])
    add("stride beyond the range", [2, 9], [0, 1], [2, 9], [1, 20])
    add("begin masked, shrunk all the same", [4, 3], [2, 0], [0, 0], begin_mask=3, end_mask=2, shrink_axis_mask=1)
    add("5-D", [2, 3, 2, 3, 2], [0, 1, 0, 2, 0], [2, 3, 2, 0, 2], [1, 1, 1, -1, 1], end_mask=0)
    add("6-D with an ellipsis", [1, 2, 1, 3, 2, 2], [0, 0, 1], [1, 0, 2], ellipsis_mask=2)
    add("6-D, every dim named", [2, 2, 3, 2, 3, 2], [0, 1, 0, 0, 2, 0], [2, 2, 3, 2, 0, 1], [1, 1, 2, 1, -1, 1],
        dtype=I64)
    add("no position: everything", [2, 3], [], [], begin_mask=0)
    add("zero-sized", [0, 3], [0, 1], [0, 3], begin_mask=1, end_mask=1)
    add("int32 vector", [5], [1], [3], data=I32)
    add("int64 element", [4], [0], [1], shrink_axis_mask=1, data=I64)
    add("rank unknown to the graph: x[:, 1:3]", [2, 4, 2], [0, 1], [0, 3], begin_mask=1, end_mask=1, dynamic="rank")


@golden("Pack")
def pack(g):
    rows = [(2, [3], 0, False), (3, [3], 1, False), (2, [2, 3], 0, False), (2, [2, 3], 1, True), (3, [2, 3], 2, True),
            (2, [2, 3], -1, True), (2, [2, 3], -3, False), (1, [4], 0, False), (4, [], 0, False),
            (2, [2, 3, 4], 2, True),
            (2, [2, 3, 4, 2], 1, True), (3, [2, 1, 2, 2], 4, True), (2, [1, 2, 1, 2, 2], 3, False),
            (2, [0, 3], 1, False),
            (2, [3, 17], 1, True), (2, [2, 2], -1, "rank")]
    for n, shape, axis, dynamic in rows:
        c = g.case("%d of %s axis %d" % (n, shape_text(shape), axis), dynamic)
        c.out(c.op("Pack", [c.input(c.normal(*shape)) for _ in range(n)], axis=axis), itself=len(g.cases) % 5 == 0)
    for dtype in (I32, I64):
        c = g.case("3 %s scalars" % dtype.__name__)
        c.out(c.op("Pack", [c.input(c.integers(-9, 9, dtype=dtype)) for _ in range(3)]))
    c = g.case("an int32 scalar between two Consts")
    c.out(c.op("Pack", [c.const(4), c.input(c.integers(0, 9)), c.const(-1)]))
    c = g.case("one tensor three times: nearest upsampling [2,3,2] axis 2", True)
    x = c.input(c.normal(2, 3, 2))
    c.out(c.op("Reshape", c.op("Pack", [x, x, x], axis=2), c.const([-1, 9, 2])))


@golden("Shape")
def shape(g):
    rows = [([], False), ([5], False), ([2, 3], True), ([3, 4], False), ([2, 3, 4], True), ([2, 5, 6, 3], True),
            ([3, 5, 6, 3], True), ([1, 2, 3, 4, 5], False), ([1, 2, 1, 2, 1, 2], False), ([0, 3], False),
            ([1, 1, 1, 1], True),
            ([2, 3, 2], "rank")]
    for k, (dims, dynamic) in enumerate(rows):
        out_type = I64 if k % 3 == 2 else I32
        c = g.case("%s as %s" % (shape_text(dims), out_type.__name__), dynamic)
        c.out(c.op("Shape", c.input(c.normal(*dims)), out_type=out_type), itself=len(g.cases) % 5 == 0)
    for dtype in (I32, np.bool_, np.uint8):
        c = g.case("of a %s [2,3]" % dtype.__name__)
        c.out(c.op("Shape", c.input(c.integers(0, 2, 2, 3, dtype=dtype))))
    c = g.case("behind a Conv2D: the result's shape [2,7,6,3]", True)
    x = c.op("Conv2D", c.input(c.normal(2, 7, 6, 3)), c.const(c.normal(3, 3, 3, 4)), strides=[1, 2, 2, 1],
             padding="SAME")
    c.out(c.op("Shape", x))
    c = g.case("height and width doubled [2,3,4,5]", True)
    part = c.op("StridedSlice", c.op("Shape", c.input(c.normal(2, 3, 4, 5))), c.const([1]), c.const([3]), c.const([1]))
    c.out(c.op("Mul", part, c.const([2, 2])))


@golden("Fill")
def fill(g):
    def add(dims, value, dims_type=I32):
        value = np.asarray(value)
        c = g.case("%s %s with %s %s" % (dims_type.__name__, list(dims), value.dtype.name, value))
        c.out(c.op("AddV2", c.input(c.integers(-9, 9, *dims, dtype=value.dtype)),
                   c.op("Fill", c.const(np.asarray(dims, dims_type), dims_type, name="dims"),
                        c.const(value, value.dtype))))

    add([3], F32(1.5))
    add([2, 3], F32(0.0), I64)
    add([2, 3, 4], F32(-2.25))
    add([2, 2, 3, 2], F32(1e10))
    add([1, 2, 1, 2, 3], F32(7))
    add([1, 2, 1, 2, 1, 3], F32(7), I64)
    add([], F32(4))
    add([0, 3], F32(4))
    add([3], I32(-5))
    add([2, 2], I64(2 ** 40), I64)
    add([1], F32(-0.0))
    add([2, 3], np.float64(0.1))
    c = g.case("dims from Shape [2,3], value 2", True)
    x = c.input(c.normal(2, 3))
    c.out(c.op("Mul", x, c.op("Fill", c.op("Shape", x), c.const(F32(2)))))
    c = g.case("dims Pack(batch, 4): a start state beside x [3,2]", True)
    x = c.input(c.normal(3, 2))
    batch = c.op("StridedSlice", c.op("Shape", x), c.const([0]), c.const([1]), c.const([1]), shrink_axis_mask=1)
    state = c.op("Fill", c.op("Pack", [batch, c.const(4)]), c.const(F32(0)))
    c.out(c.op("ConcatV2", [x, state], c.const(1)))
    c = g.case("value fed [2,2]")
    c.out(c.op("Fill", c.const([2, 2], name="dims"), c.input(F32(3.25))), itself=True)
    c = g.case("dims and value Const, nothing fed [2,3]")
    c.out(c.op("Fill", c.const([2, 3], name="dims"), c.const(F32(-1.0))))
