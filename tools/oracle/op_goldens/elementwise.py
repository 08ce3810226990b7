"""Unary and binary element-wise operators, AddN, BiasAdd, Cast, Softmax and the activations."""
import numpy as np

from .graph import golden, shape_text

F32, F16, F64 = np.float32, np.float16, np.float64
I32, I64, U8 = np.int32, np.int64, np.uint8

# text, shape, declared how
SHAPES = [
    ("scalar", [], False),
    ("one element", [1], False),
    ("odd vector", [7], False),
    ("vector with a tail", [37], True),
    ("matrix", [3, 5], True),
    ("3-D", [2, 3, 4], True),
    ("NHWC", [2, 5, 3, 4], True),
    ("batch of 3", [3, 4, 4, 2], True),
    ("5-D", [2, 1, 3, 2, 3], False),
    ("6-D", [1, 2, 3, 1, 2, 2], False),
    ("1-sized dims", [1, 1, 1, 5], False),
    ("zero-sized", [0, 3], False),
    ("rank unknown to the graph", [2, 3, 2], "rank"),
]

WIDE = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-6, -1e-6, 3.0, -3.0, 6.0, 6.5, 20.0, -20.0, 1e4, -1e4, 1e30, -1e30]
ENDLESS = [np.inf, -np.inf]


def unary(op, values, edges, integers=(), nan=False, attrs=({},)):
    """Registers the shapes above for one operator. values(c, shape) draws a well conditioned array."""

    def write(g):
        def add(text, shape, draw, dynamic=False, may_be_nan=False):
            extra = attrs[len(g.cases) % len(attrs)]
            c = g.case(text + " " + shape_text(shape) + "".join(", %s %g" % item for item in extra.items()), dynamic)
            c.nan = may_be_nan
            c.out(c.op(op, c.input(draw(c)), **extra), itself=len(g.cases) % 5 == 0)

        for text, shape, dynamic in SHAPES:
            add(text, shape, lambda c, s=shape: values(c, s), dynamic)
        for text, edge in edges:
            add(text, [len(edge)], lambda c, e=edge: np.asarray(e, F32))
        for dtype in integers:
            add(dtype.__name__, [3, 4], lambda c, d=dtype: c.integers(-9, 10, 3, 4, dtype=d))
        if nan:
            add("NaN stays", [4], lambda c: np.asarray([np.nan, -1.0, np.nan, 2.0], F32), may_be_nan=True)

    golden(op)(write)


def signed(c, shape):
    return c.normal(*shape, scale=2.0)


def positive(c, shape):
    return c.uniform(0.05, 9.0, *shape)


WIDE_EDGES = [("edge values", WIDE + ENDLESS)]
unary("Neg", signed, WIDE_EDGES, (I32, I64))
unary("Abs", signed, WIDE_EDGES, (I32, I64))
unary("Square", signed, [("edge values", WIDE[:-2] + [1e19, -1e19] + ENDLESS)], (I32, I64))
unary("Sqrt", positive, [("edge values", [0.0, 1e-30, 1e-6, 0.25, 1.0, 2.0, 65536.0, 1e30, np.inf])])
unary("Rsqrt", positive, [("edge values", [1e-30, 1e-6, 0.25, 1.0, 2.0, 65536.0, 1e30, np.inf]), ("zero", [0.0, 1.0])])
unary("Exp", signed, [("edge values", [0.0, -0.0, 1.0, -1.0, 1e-6, 10.0, -10.0, 80.0, -80.0, 88.0, -87.0, -200.0,
                                       200.0]),
                      ("infinities", ENDLESS)])
unary("Log", positive, [("edge values", [1.0, 1.0 + 2.0 ** -23, 1.0 - 2.0 ** -24, 1e-30, 1e-6, 0.5, 2.0, 1e4, 1e30]),
                        ("zero and infinity", [0.0, np.inf])])
unary("Tanh", signed, [("edge values", WIDE + [4.97, -4.97, 8.0, -8.0, 9.5, 1e-3, -1e-3] + ENDLESS)])
unary("Sigmoid", signed, [("edge values", WIDE + [9.0, -9.0, 17.0, -17.0, 40.0, -40.0, 80.0, -80.0] + ENDLESS)])
unary("Relu", signed, WIDE_EDGES, (I32, I64), nan=True)
unary("Relu6", lambda c, s: c.normal(*s, scale=5.0), WIDE_EDGES, (I32,), nan=True)
unary("Elu", signed, [("edge values", WIDE + [-17.0, -40.0, -1e-3, -1e-4] + ENDLESS)])
unary("Selu", signed, [("edge values", WIDE + [-17.0, -40.0, -1e-3, -1e-4] + ENDLESS)])
unary("Softplus", signed, [("edge values", WIDE[:-6] + [13.9, 14.0, -13.9, -14.0, 50.0, -50.0, 80.0, -80.0, 1e4,
                                                        1e30])])
unary("Softsign", signed, [("edge values", WIDE)])
unary("LeakyRelu", signed, WIDE_EDGES, attrs=({}, {"alpha": 0.1}, {"alpha": 0.3}, {"alpha": 0.01}, {"alpha": 0.0},
                                              {"alpha": 1.5}, {"alpha": -0.5}))
unary("Identity", signed, WIDE_EDGES, (I32, I64), nan=True)

# text, x shape, y shape, declared how
BROADCASTS = [
    ("scalars", [], [], False),
    ("scalar left", [], [4], False),
    ("scalar right", [5], [], True),
    ("same vectors", [19], [19], True),
    ("stretched vector", [1], [4], False),
    ("row", [3, 4], [4], True),
    ("outer product", [3, 1], [1, 4], False),
    ("middle", [2, 3, 4], [3, 1], True),
    ("NHWC channel", [2, 3, 4, 5], [5], True),
    ("NHWC channel, full rank", [2, 3, 4, 5], [1, 1, 1, 5], True),
    ("NCHW channel", [2, 5, 3, 3], [5, 1, 1], True),
    ("NCHW channel, full rank", [2, 5, 3, 3], [1, 5, 1, 1], False),
    ("left smaller", [4], [2, 3, 4], False),
    ("same 4-D", [3, 2, 3, 5], [3, 2, 3, 5], True),
    ("per image and channel", [2, 3, 4, 5], [2, 1, 1, 5], True),
    ("both stretched, 5-D", [1, 3, 1, 2, 3], [2, 1, 4, 1, 3], False),
    ("6-D", [2, 1, 2, 3, 1, 2], [2, 3, 1, 1, 2, 2], False),
    ("spatial map", [2, 3, 4, 5], [1, 3, 4, 1], True),
    ("zero-sized", [0, 3], [1, 3], False),
    ("rank unknown to the graph", [2, 3], [2, 3], "rank"),
]


def binary(op, left, right, integers=None, edges=(), more=None):
    """left, right: (c, shape) -> float array; integers: (c, shape, dtype, side) -> array."""

    def fed(c, array, partner):
        """Declared by the case only when its dim 0 is the batch of the result."""
        deepest = array.ndim >= partner.ndim and array.ndim > 0 and array.shape[0] > 1
        return c.input(array) if deepest or c.dynamic == "rank" else c.fixed_input(array)

    def write(g):
        for text, xs, ys, dynamic in BROADCASTS:
            c = g.case("%s %s %s" % (text, shape_text(xs), shape_text(ys)), dynamic)
            x, y = left(c, xs), right(c, ys)
            c.out(c.op(op, fed(c, x, y), fed(c, y, x)), itself=len(g.cases) % 5 == 0)
        for text, xs, ys, dynamic in (("Const scalar right", [2, 3, 4], [], True),
                                      ("Const row right", [3, 6], [6], True),
                                      ("Const 4-D channel right", [2, 3, 3, 4], [1, 1, 1, 4], True)):
            c = g.case("%s %s %s" % (text, shape_text(xs), shape_text(ys)), dynamic)
            c.out(c.op(op, c.input(left(c, xs)), c.const(right(c, ys))))
        for text, xs, ys in (("Const scalar left", [], [2, 3]), ("Const row left", [4], [2, 3, 4])):
            c = g.case("%s %s %s" % (text, shape_text(xs), shape_text(ys)), True)
            c.out(c.op(op, c.const(left(c, xs)), c.input(right(c, ys))))
        c = g.case("the same tensor twice [2,5]", True)
        x = c.input(np.abs(left(c, [2, 5])) + F32(0.5))
        c.out(c.op(op, x, x))
        if integers:
            for dtype in (I32, I64):
                for xs, ys in (([3, 4], [4]), ([5], []), ([], []), ([4], [4])):
                    c = g.case("%s %s %s" % (dtype.__name__, shape_text(xs), shape_text(ys)))
                    x = c.fixed_input(integers(c, xs, dtype, 0))
                    y = integers(c, ys, dtype, 1)
                    c.out(c.op(op, x, c.const(y, dtype) if ys == [] and xs else c.fixed_input(y)))
        for text, x, y, nan in edges:
            c = g.case("%s [%d]" % (text, len(x)))
            c.nan = nan
            c.out(c.op(op, c.input(np.asarray(x, F32)), c.fixed_input(np.asarray(y, F32))))
        if more:
            more(g)

    golden(op)(write)


def any_integer(c, shape, dtype, side):
    return c.integers(-20, 21, *shape, dtype=dtype)


def divisor(c, shape, dtype, side):
    values = c.integers(-20, 21, *shape, dtype=dtype)
    return values if side == 0 else np.asarray(np.where(values == 0, 7, values), dtype)


def away_from_zero(c, shape):
    values = c.uniform(0.4, 4.0, *shape)
    return np.asarray(np.where(c.rng.uniform(size=shape) < 0.4, -values, values), F32)


ZEROS = ("zeros of both signs, large values", [0.0, -0.0, 0.0, -0.0, 1e30, -1e30, 1e-30, 3e38],
         [0.0, 0.0, -0.0, -0.0, 1e30, 1e29, 1e-30, 1e-30], False)
NANS = ("NaN on either side", [np.nan, 1.0, np.nan, 2.0], [1.0, np.nan, np.nan, 3.0], True)
ENDS = ("infinities", [np.inf, -np.inf, np.inf, 1.0], [1.0, 2.0, np.inf, -np.inf], False)
binary("Add", signed, signed, any_integer, [ZEROS, ENDS])
binary("AddV2", signed, signed, any_integer, [ZEROS, ENDS, NANS])
binary("Sub", signed, signed, any_integer, [ZEROS])
binary("Mul", signed, signed, any_integer, [ZEROS, ENDS])
binary("Div", signed, away_from_zero, divisor)
binary("RealDiv", signed, away_from_zero, None,
       [("division by zero and by infinity", [1.0, -1.0, 1.0, 0.0, 5.0], [0.0, 0.0, -0.0, 3.0, np.inf], False),
        ("0/0", [0.0, 1.0], [0.0, 1.0], True)])
binary("Minimum", signed, signed, any_integer, [ENDS, NANS, ZEROS])
binary("Maximum", signed, signed, any_integer, [ENDS, NANS, ZEROS])
binary("SquaredDifference", signed, signed, any_integer)


def pow_more(g):
    for exponent in (0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -0.5, 0.33333334):
        c = g.case("Const exponent %g [2,3]" % exponent, True)
        c.out(c.op("Pow", c.input(positive(c, [2, 3])), c.const(np.float32(exponent))))
    c = g.case("negative base, whole exponents [6]")
    c.out(c.op("Pow", c.input(np.asarray([-2, -2, -3, -0.5, -1, -1], F32)),
               c.fixed_input(np.asarray([2, 3, 4, -2, 5, 0], F32))))
    c = g.case("negative base, broken exponent: NaN [2]")
    c.nan = True
    c.out(c.op("Pow", c.input(np.asarray([-2, -3], F32)), c.const(np.float32(0.5))))


binary("Pow", positive, lambda c, s: c.normal(*s),
       lambda c, s, d, side: c.integers(-5, 6, *s, dtype=d) if side == 0 else c.integers(0, 5, *s, dtype=d),
       [("zero base, one", [0.0, 0.0, 1.0, 1.0, 2.0], [0.0, 2.0, 5.0, np.inf, -np.inf], False)], more=pow_more)


@golden("AddN")
def add_n(g):
    rows = [(1, [2, 3], True), (2, [2, 3], True), (3, [5], False), (4, [2, 3, 3, 2], True), (5, [1, 7], False),
            (8, [3, 2, 2], True), (2, [], False), (3, [2, 2, 3, 1, 2], False), (2, [1, 2, 1, 2, 1, 3], False),
            (3, [0, 4], False), (2, [37], False), (3, [3, 4, 4, 2], True)]
    for n, shape, dynamic in rows:
        c = g.case("%d of %s" % (n, shape_text(shape)), dynamic)
        c.out(c.op("AddN", [c.input(signed(c, shape)) for _ in range(n)]), itself=len(g.cases) % 5 == 0)
    for dtype in (I32, I64):
        c = g.case("3 of %s [4]" % dtype.__name__)
        c.out(c.op("AddN", [c.input(c.integers(-50, 50, 4, dtype=dtype)) for _ in range(3)]))
    c = g.case("with a Const among 3 [2,5]")
    c.out(c.op("AddN", [c.input(signed(c, [2, 5])), c.const(signed(c, [2, 5])), c.input(signed(c, [2, 5]))]))
    c = g.case("one tensor three times [2,5]", True)
    x = c.input(signed(c, [2, 5]))
    c.out(c.op("AddN", [x, x, x]))


@golden("BiasAdd")
def bias_add(g):
    rows = [("NHWC", [3, 5], True), ("NHWC", [1, 1], False), ("NHWC", [2, 3, 4], True), ("NHWC", [2, 3, 4, 5], True),
            ("NHWC", [1, 2, 3, 2, 3], False), ("NHWC", [2, 4, 4, 17], True), ("NHWC", [2, 1, 1, 8], False),
            ("NHWC", [0, 3], False), ("NHWC", [3, 1], True), ("NCHW", [2, 3, 4], True),
            ("NCHW", [2, 3, 4, 5], True), ("NCHW", [1, 2, 3, 2, 3], False), ("NCHW", [2, 17, 2, 3], True),
            ("NCHW", [1, 1, 4, 4], False), ("NCHW", [3, 5, 1], False), ("NCHW", [3, 8, 1, 1], True),
            ("NCHW", [2, 5, 3, 3], False)]
    for k, (layout, shape, dynamic) in enumerate(rows):
        channels = shape[-1] if layout == "NHWC" else shape[1]
        fed = k % 4 == 2
        c = g.case("%s %s, %s bias" % (layout, shape_text(shape), "fed" if fed else "Const"), dynamic)
        x, bias = c.input(signed(c, shape)), signed(c, [channels])
        y = c.op("BiasAdd", x, c.fixed_input(bias) if fed else c.const(bias), data_format=layout)
        c.out(y, itself=k % 5 == 0)
        if layout == "NCHW":
            def by_add(r, arrays, bias=bias, tail=len(shape) - 2):
                return [r.op("AddV2", r.const(arrays[0]), r.const(bias.reshape([-1] + [1] * tail)))]
            c.equivalent("AddV2", by_add)
    c = g.case("int32 NHWC [2,3]")
    c.out(c.op("BiasAdd", c.input(c.integers(-9, 9, 2, 3)), c.const(c.integers(-9, 9, 3))))
    c = g.case("the same bias twice NHWC [2,2,3]", True)
    bias = c.const(signed(c, [3]))
    c.out(c.op("BiasAdd", c.op("BiasAdd", c.input(signed(c, [2, 2, 3])), bias), bias))


@golden("Softmax")
def softmax(g):
    rows = [([7], False), ([1], False), ([2, 5], True), ([3, 10], True), ([2, 3, 4], True), ([2, 3, 2, 5], True),
            ([1, 2, 3, 2, 3], False), ([4, 1], True), ([1, 37], False), ([2, 1001], True), ([0, 4], False),
            ([2, 6, 21], True), ([1, 1, 1, 9], False), ([3, 16], "rank")]
    for shape, dynamic in rows:
        c = g.case("logits %s" % shape_text(shape), dynamic)
        c.out(c.op("Softmax", c.input(signed(c, shape))), itself=len(g.cases) % 5 == 0)
    c = g.case("large logits, overflow safe [3,4]")
    c.out(c.op("Softmax", c.input(np.asarray([[1000, 1001, 1002, 999], [-1000, -1001, -999, -1000],
                                              [3e4, -3e4, 0, 2e4]], F32))))
    c = g.case("equal logits [2,4]", True)
    c.out(c.op("Softmax", c.input(np.full([2, 4], 3.5, F32))))
    c = g.case("one -inf among the logits [1,4]")
    c.out(c.op("Softmax", c.input(np.asarray([[1, -np.inf, 2, 0.5]], F32))))
    c = g.case("axis 1 by transposing around it [2,3,4]", True)
    x = c.op("Transpose", c.input(signed(c, [2, 3, 4])), c.const([0, 2, 1]))
    c.out(c.op("Transpose", c.op("Softmax", x), c.const([0, 2, 1])))


@golden("Cast")
def cast(g):
    numbers = [0.0, -0.0, 1.0, 1.5, 1.99, 2.5, 100.25, 0.5, 7.0, 64.0]
    both = numbers + [-1.0, -1.5, -1.99, -2.5, -100.25]
    sources = {F32: both + [1000.5, 65504.0, 16777216.0, -30000.0], F64: both + [0.1, 1e5 + 0.1], F16: both,
               I32: [0, 1, -1, 7, -128, 255, 256, 70000, -70001], I64: [0, 1, -1, 7, 100, 2 ** 33 + 5, -2 ** 40],
               U8: [0, 1, 2, 127, 128, 255], np.bool_: [True, False, True]}
    within = {F32: numbers, F64: numbers, F16: numbers}  # float to u8: what lies outside is undefined
    for source, values in sources.items():
        for target in sources:
            kept = within.get(source, values) if target == U8 else values
            if target == F16:
                kept = [v for v in kept if abs(v) <= 65504]
            c = g.case("%s to %s [%d]" % (source.__name__, target.__name__, len(kept)))
            c.out(c.op("Cast", c.input(np.asarray(kept, source)), DstT=target), itself=len(g.cases) % 5 == 0)
    for shape, dynamic in (([], False), ([2, 3], True), ([2, 3, 4, 2], True), ([0, 2], False),
                           ([1, 2, 1, 2, 1, 2], False)):
        c = g.case("float32 to int32 %s" % shape_text(shape), dynamic)
        c.out(c.op("Cast", c.input(c.normal(*shape, scale=30.0)), DstT=I32))
    c = g.case("uint8 image to float32 [2,3,3,3]", True)
    c.out(c.op("Cast", c.input(c.integers(0, 256, 2, 3, 3, 3, dtype=U8)), DstT=F32))
    c = g.case("float32 to half, ties and overflow [6]")
    c.out(c.op("Cast", c.input(np.asarray([2049.0, 2051.0, 1.00048828125, 65519.0, 65520.0, 1e-7], F32)), DstT=F16))
    c = g.case("NaN and infinities to bool [4]")
    c.out(c.op("Cast", c.input(np.asarray([np.nan, np.inf, -np.inf, 0.0], F32)), DstT=np.bool_))
    c = g.case("float32 through int32 and back, truncation [7]", True)
    c.out(c.op("Cast", c.op("Cast", c.input(c.normal(7, scale=10.0)), DstT=I32), DstT=F32))
