"""Small sub-graphs that importers and optimizers must see through: flattening, dropout, dilation, control edges."""
import numpy as np

from .dense import draw_filter, pads_of, shape_dim
from .graph import golden, shape_text

F32, I32, I64 = np.float32, np.int32, np.int64


# ---- shapes that are computed ----
def piece(c, vector, begin, end, **masks):
    """vector[begin:end] of a shape"""
    return c.op("StridedSlice", vector, c.const([begin], name="stack"), c.const([end], name="stack_1"),
                c.const([1], name="stack_2"), name="strided_slice", **masks)


@golden("pattern_flatten")
def flatten(g):
    def start(text, shape, dynamic=True):
        c = g.case("%s %s" % (text, shape_text(shape)), dynamic)
        return c, c.input(c.normal(*shape))

    for shape, dynamic in (([2, 3, 4, 5], True), ([3, 2, 2, 2], False), ([2, 7], True)):
        c, x = start("Keras 2: Reshape(x, Pack(batch, -1))", shape, dynamic)
        c.out(c.op("Reshape", x, c.op("Pack", [shape_dim(c, x, 0), c.const(-1)])))
    c, x = start("Keras 3: Reshape(x, Pack(batch, K))", [2, 3, 4, 5])
    c.out(c.op("Reshape", x, c.op("Pack", [shape_dim(c, x, 0), c.const(60)])))
    c, x = start("Reshape(x, [-1, K])", [3, 2, 4, 2])
    c.out(c.op("Reshape", x, c.const([-1, 16])))
    c, x = start("Keras 1: Pack(-1, Prod(Shape[1:]))", [2, 3, 4, 5])
    rest = piece(c, c.op("Shape", x), 1, 0, end_mask=1)
    c.out(c.op("Reshape", x, c.op("Pack", [c.const(-1), c.op("Prod", rest, c.const([0]))])))
    c, x = start("slim: ConcatV2(Shape[:1], ExpandDims(Prod(Shape[1:])))", [2, 3, 4, 5])
    dims = c.op("Shape", x)
    flat = c.op("ExpandDims", c.op("Prod", piece(c, dims, 1, 4), c.const([0])), c.const(0))
    c.out(c.op("Reshape", x, c.op("ConcatV2", [piece(c, dims, 0, 1), flat], c.const(0))))
    c, x = start("ConcatV2(Shape[:1], [K])", [2, 3, 4])
    c.out(c.op("Reshape", x, c.op("ConcatV2", [piece(c, c.op("Shape", x), 0, 1), c.const([12])], c.const(0))))
    c, x = start("int64 Shape, Pack and Reshape", [2, 3, 4])
    batch = c.op("StridedSlice", c.op("Shape", x, out_type=I64), c.const([0]), c.const([1]), c.const([1]),
                 shrink_axis_mask=1)
    c.out(c.op("Reshape", x, c.op("Pack", [batch, c.const(-1, I64)])))
    c, x = start("Keras Reshape layer: Pack(batch, 4, 4, 3)", [2, 48])
    c.out(c.op("Reshape", x, c.op("Pack", [shape_dim(c, x, 0)] + [c.const(d) for d in (4, 4, 3)])))
    c, x = start("height times width: [N,H,W,C] to [N,H*W,C]", [2, 3, 4, 5])
    area = c.op("Mul", shape_dim(c, x, 1), shape_dim(c, x, 2))
    c.out(c.op("Reshape", x, c.op("Pack", [shape_dim(c, x, 0), area, c.const(5)])))
    c, x = start("batch times height: [N,H,C] to [N*H,C], MatMul, and back", [2, 3, 4])
    flat = c.op("MatMul", c.op("Reshape", x, c.const([-1, 4])), c.const(c.normal(4, 5)))
    dims = c.op("ConcatV2", [piece(c, c.op("Shape", x), 0, 2), c.const([5])], c.const(0))
    c.out(c.op("Reshape", flat, dims))
    c, x = start("Reshape to the Shape of another tensor", [2, 3, 4])
    y = c.op("Reshape", c.op("Relu", x), c.const([-1, 12]))
    c.out(c.op("Reshape", y, c.op("Shape", x)))
    c, x = start("channel shuffle with sizes from Shape, Div and Sub", [2, 2, 3, 6])
    per_group = c.op("Div", shape_dim(c, x, 3), c.const(2))
    two = c.op("Sub", shape_dim(c, x, 1), c.const(0))
    dims = c.op("Pack", [shape_dim(c, x, 0), two, c.const(3), c.const(2), per_group])
    y = c.op("Transpose", c.op("Reshape", x, dims), c.const([0, 1, 2, 4, 3]))
    c.out(c.op("Reshape", y, c.op("Shape", x)))
    c, x = start("sizes through float: Cast(Shape), Mul 0.5, Cast", [2, 4, 6])
    half = c.op("Cast", c.op("Mul", c.op("Cast", shape_dim(c, x, 1), DstT=F32), c.const(F32(0.5))), DstT=I32)
    c.out(c.op("Reshape", x, c.op("Pack", [shape_dim(c, x, 0), half, c.const(-1)])))
    c, x = start("sizes through Maximum and Minimum", [2, 4, 6])
    low = c.op("Minimum", shape_dim(c, x, 1), shape_dim(c, x, 2))
    high = c.op("Maximum", shape_dim(c, x, 1), shape_dim(c, x, 2))
    c.out(c.op("Reshape", x, c.op("Pack", [shape_dim(c, x, 0), high, low])))
    c, x = start("behind a Conv2D, then MatMul", [2, 5, 5, 2])
    y = c.op("Conv2D", x, c.const(draw_filter(c, [3, 3, 2, 3])), strides=[1, 2, 2, 1], padding="SAME")
    flat = c.op("Reshape", y, c.op("Pack", [shape_dim(c, y, 0), c.const(-1)]))
    c.out(c.op("MatMul", flat, c.const(c.normal(27, 4, scale=0.2))))
    c, x = start("channels first: Transpose to NHWC, then Flatten", [2, 3, 4, 5])
    y = c.op("Transpose", x, c.const([0, 2, 3, 1]))
    c.out(c.op("Reshape", y, c.op("Pack", [shape_dim(c, y, 0), c.const(-1)])))
    c, x = start("squeeze and excite: Mean, Reshape [-1,1,1,C], Conv2D, Sigmoid, Mul", [2, 4, 3, 6])
    s = c.op("Reshape", c.op("Mean", x, c.const([1, 2])), c.const([-1, 1, 1, 6]))
    s = c.op("Relu", c.op("Conv2D", s, c.const(c.normal(1, 1, 6, 2)), strides=[1] * 4, padding="SAME"))
    s = c.op("Sigmoid", c.op("Conv2D", s, c.const(c.normal(1, 1, 2, 6)), strides=[1] * 4, padding="SAME"))
    c.out(c.op("Mul", x, s))


# ---- dropout ----
def random_uniform(c, x, shape=None, scaled=True):
    """U: RandomUniform of the shape of x, by default stretched as tf.random_uniform writes it."""
    u = c.op("RandomUniform", c.op("Shape", x) if shape is None else shape, dtype=F32, seed=1, seed2=2)
    if not scaled:
        return u
    low, high = c.const(F32(0), name="min"), c.const(F32(1), name="max")
    return c.op("Add", c.op("Mul", u, c.op("Sub", high, low)), low)


def stateless_uniform(c, x):
    key, counter = c.op("StatelessRandomGetKeyCounter", c.const([1, 2], name="seed"))
    u = c.op("StatelessRandomUniformV2", c.op("Shape", x), key, counter, c.const(1, name="alg"), dtype=F32)
    low, high = c.const(F32(0), name="min"), c.const(F32(1), name="max")
    return c.op("AddV2", c.op("Mul", u, c.op("Sub", high, low)), low)


def drop_floor(c, x, keep, u, divide="RealDiv"):
    """TensorFlow to 1.12: x/k * floor(k + U)"""
    return c.op("Mul", c.op(divide, x, keep), c.op("Floor", c.op("Add", keep, u)))


def drop_cast(c, x, keep, u, rate=None, swap=False):
    """From 1.13: x * (1/k) * cast(U >= rate)"""
    mask = c.op("Cast", c.op("GreaterEqual", u, c.const(F32(1 - keep), name="rate") if rate is None else rate),
                DstT=F32)
    if rate is None:
        scaled = c.op("Mul", x, c.const(F32(1 / keep), name="scale"))
    else:
        scaled = c.op("RealDiv", x, c.op("Sub", c.const(F32(1)), rate))
    return c.op("Mul", *((mask, scaled) if swap else (scaled, mask)))


def drop_select(c, x, keep, u, rate=None):
    """Newer TensorFlow 2: where(U >= rate, x/k, 0)"""
    if rate is None:
        scaled = c.op("Mul", x, c.const(F32(1 / keep), name="scale"))
        rate = c.const(F32(1 - keep), name="rate")
    else:
        scaled = c.op("RealDiv", x, c.op("Sub", c.const(F32(1)), rate))
    return c.op("SelectV2", c.op("GreaterEqual", u, rate), scaled, c.const(F32(0), name="zero"))


@golden("pattern_dropout")
def dropout(g):
    def add(text, shape, drop, dynamic=True, behind=None):
        c = g.case("%s %s" % (text, shape_text(shape)), dynamic)
        array = c.normal(*shape)
        behind = behind or (lambda c, y: c.op("Identity", y))
        c.out(behind(c, drop(c, c.input(array))))
        c.random = True
        c.equivalent("inference without dropout", lambda r, arrays: [behind(r, r.const(arrays[0]))])

    def keep_const(keep):
        return lambda c: c.const(F32(keep), name="keep_prob")

    def floor_form(keep, **extra):
        return lambda c, x: drop_floor(c, x, keep_const(keep)(c), random_uniform(c, x, **extra))

    add("TF <= 1.12: RealDiv, Floor, keep 0.5", [2, 6], floor_form(0.5))
    add("TF <= 1.12: keep 0.8", [2, 3, 3, 2], floor_form(0.8))
    add("TF <= 1.12: keep 1", [2, 5], floor_form(1.0))
    add("TF <= 1.12: RandomUniform used directly", [3, 4], floor_form(0.75, scaled=False))
    add("TF <= 1.12: Div", [2, 4], lambda c, x: drop_floor(c, x, keep_const(0.5)(c), random_uniform(c, x), "Div"))
    add("TF <= 1.12: Const shape", [2, 4],
        lambda c, x: drop_floor(c, x, keep_const(0.5)(c), random_uniform(c, x, c.const([2, 4], name="shape"))), False)
    add("TF <= 1.12: keep_prob a PlaceholderWithDefault of 1", [2, 4], lambda c, x: drop_floor(
        c, x, c.op("PlaceholderWithDefault", c.const(F32(1)), name="keep_prob", shape=[]), random_uniform(c, x)))
    add("TF >= 1.13: Cast mask, keep 0.5", [2, 6], lambda c, x: drop_cast(c, x, 0.5, random_uniform(c, x)))
    add("TF >= 1.13: mask first, keep 0.9", [2, 3, 3, 2], lambda c,
        x: drop_cast(c, x, 0.9, random_uniform(c, x), swap=True))
    add("TF >= 1.13: rate a tensor, RealDiv by 1 - rate", [2, 6],
        lambda c, x: drop_cast(c, x, None, random_uniform(c, x, scaled=False), rate=c.const(F32(0.3), name="rate")))
    add("TF >= 1.13: v1 API, rate = 1 - keep_prob", [3, 4], lambda c, x: drop_cast(
        c, x, None, random_uniform(c, x), rate=c.op("Sub", c.const(F32(1)), keep_const(0.6)(c))))
    add("newer TF2: SelectV2, keep 0.5", [2, 6], lambda c, x: drop_select(c, x, 0.5,
                                                                          random_uniform(c, x, scaled=False)))
    add("newer TF2: SelectV2, RealDiv by 1 - rate", [2, 3, 3, 2], lambda c, x: drop_select(
        c, x, None, random_uniform(c, x, scaled=False), rate=c.op("Sub", c.const(F32(1)), keep_const(0.8)(c))))
    add("newer TF2: stateless random numbers", [2, 5], lambda c, x: drop_select(c, x, 0.75, stateless_uniform(c, x)))
    add("TF >= 1.13: stateless random numbers", [2, 5], lambda c, x: drop_cast(c, x, 0.75, stateless_uniform(c, x)))

    def spatial_noise(c, x):
        ones = [c.const(1, name="one"), c.const(1, name="one")]
        return c.op("Pack", [shape_dim(c, x, 0)] + ones + [shape_dim(c, x, 3)])

    add("spatial dropout: noise shape [N,1,1,C], SelectV2", [2, 3, 4, 5],
        lambda c, x: drop_select(c, x, 0.5, random_uniform(c, x, spatial_noise(c, x), scaled=False)))
    add("spatial dropout: noise shape [N,1,1,C], Floor", [2, 3, 4, 5],
        lambda c, x: drop_floor(c, x, keep_const(0.5)(c), random_uniform(c, x, spatial_noise(c, x))))
    add("a Relu behind", [2, 6], floor_form(0.5), behind=lambda c, y: c.op("Relu", y))
    weights = np.random.RandomState(1).standard_normal([6, 3]).astype(F32)
    add("a MatMul behind, SelectV2", [2, 6], lambda c, x: drop_select(c, c.op("Identity", x), 0.5,
                                                                      random_uniform(c, x)),
        behind=lambda c, y: c.op("MatMul", y, c.const(weights)))
    add("two in a row, Floor then Cast", [2, 6],
        lambda c, x: drop_cast(c, floor_form(0.5)(c, x), 0.5, random_uniform(c, x)))


# ---- dilation by SpaceToBatchND ----
def to_batch(c, x, rate, pads, crops, conv):
    y = c.op("SpaceToBatchND", x, c.const(rate, name="block_shape"), c.const(pads, name="paddings"))
    return c.op("BatchToSpaceND", conv(y), c.const(rate, name="block_shape"), c.const(crops, name="crops"))


def base_paddings(hw, kernel, rate, same):
    """(paddings, crops) as required_space_to_batch_paddings computes them."""
    pads, crops = [], []
    for size, k, r in zip(hw, kernel, rate):
        total = (k - 1) * r if same else 0
        start = total // 2
        extra = -(size + total) % r
        pads.append([start, total - start + extra])
        crops.append([0, extra])
    return pads, crops


@golden("pattern_dilated_conv")
def dilated(g):
    rows = [  # text, x (NHWC), filter, rate, SAME, kind
        ("SAME", [1, 8, 8, 2], [3, 3, 2, 3], (2, 2), True, "Conv2D"),
        ("SAME", [2, 7, 9, 2], [3, 3, 2, 3], (2, 2), True, "Conv2D"),
        ("SAME", [1, 9, 8, 3], [3, 3, 3, 2], (3, 3), True, "Conv2D"),
        ("SAME", [1, 7, 8, 2], [3, 3, 2, 4], (2, 3), True, "Conv2D"),
        ("VALID", [1, 8, 9, 2], [3, 3, 2, 3], (2, 2), False, "Conv2D"),
        ("VALID", [2, 9, 11, 2], [3, 3, 2, 3], (2, 4), False, "Conv2D"),
        ("SAME, rate beyond the image", [1, 5, 5, 2], [3, 3, 2, 3], (4, 4), True, "Conv2D"),
        ("SAME, even filter", [1, 7, 6, 2], [2, 2, 2, 3], (2, 2), True, "Conv2D"),
        ("SAME, one row", [2, 1, 11, 3], [1, 3, 3, 4], (1, 2), True, "Conv2D"),
        ("SAME", [2, 7, 8, 3], [3, 3, 3, 1], (2, 2), True, "DepthwiseConv2dNative"),
        ("SAME, multiplier 2", [1, 8, 7, 2], [3, 3, 2, 2], (3, 2), True, "DepthwiseConv2dNative"),
        ("VALID", [2, 9, 8, 4], [3, 3, 4, 1], (2, 2), False, "DepthwiseConv2dNative"),
        ("SAME, BiasAdd and Relu inside", [2, 7, 9, 2], [3, 3, 2, 3], (2, 2), True, "inside"),
        ("SAME, BiasAdd and Relu6 behind", [2, 7, 9, 2], [3, 3, 2, 3], (2, 2), True, "behind")]
    for k, (text, shape, filter_shape, rate, same, kind) in enumerate(rows):
        op = "DepthwiseConv2dNative" if kind.startswith("Depth") else "Conv2D"
        c = g.case("%s %s: x %s w %s rate %dx%d" % ((op, text, shape_text(shape), shape_text(filter_shape)) + rate),
                   dynamic=k % 2 == 1)
        w = draw_filter(c, filter_shape)
        bias = c.normal(filter_shape[3])

        def after(c, y, kind=kind, bias=bias):
            if kind not in ("inside", "behind"):
                return y
            return c.op("Relu" if kind == "inside" else "Relu6", c.op("BiasAdd", y, c.const(bias)))

        def conv(y, c=c, op=op, w=w, kind=kind, after=after):
            y = c.op(op, y, c.const(w), strides=[1] * 4, padding="VALID")
            return after(c, y) if kind == "inside" else y
        y = to_batch(c, c.input(c.normal(*shape)), rate, *base_paddings(shape[1:3], filter_shape[:2], rate, same), conv)
        c.out(after(c, y) if kind == "behind" else y)
        c.equivalent("dilations", lambda r, arrays, op=op, w=w, rate=rate, same=same, after=after: [after(r, r.op(
            op, r.const(arrays[0]), r.const(w), strides=[1] * 4, padding="SAME" if same else "VALID",
            dilations=[1] + list(rate) + [1]))])

    def special(text, shape, pads, crops, attrs, rate=(2, 2), axis_type=I32, dynamic=False):
        c = g.case("Conv2D %s: x %s rate %dx%d" % ((text, shape_text(shape)) + rate), dynamic)
        w = draw_filter(c, [3, 3, shape[3], 3])
        y = c.op("SpaceToBatchND", c.input(c.normal(*shape)), c.const(rate, axis_type), c.const(pads, axis_type))
        y = c.op("Conv2D", y, c.const(w), strides=[1] * 4, padding="VALID")
        c.out(c.op("BatchToSpaceND", y, c.const(rate, axis_type), c.const(crops, axis_type)))
        c.equivalent("dilations", lambda r, arrays: [r.op("Conv2D", r.const(arrays[0]), r.const(w), strides=[1] * 4,
                                                          dilations=[1] + list(rate) + [1], **attrs)])

    special("crops on every side", [1, 8, 8, 2], [[3, 3], [3, 3]], [[1, 1], [1, 1]], {"padding": "SAME"})
    special("lopsided pads and crops", [2, 7, 8, 2], [[4, 1], [2, 4]], [[1, 0], [0, 1]],
            {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 3, 1, 2, 3, 0, 0]}, dynamic=True)
    special("int64 block shape and pads", [1, 8, 8, 2], [[2, 2], [2, 2]], [[0, 0], [0, 0]], {"padding": "SAME"},
            axis_type=I64)

    c = g.case("Conv2D SAME, paddings computed from Shape (FloorMod): x [2,7,9,2] rate 2x2", True)
    x = c.input(c.normal(2, 7, 9, 2))
    w = draw_filter(c, [3, 3, 2, 3])
    rate = c.const([2, 2], name="block_shape")
    size = c.op("Add", c.op("Add", piece(c, c.op("Shape", x), 1, 3), c.const([2, 2])), c.const([2, 2]))
    extra = c.op("FloorMod", c.op("Sub", rate, c.op("FloorMod", size, rate)), rate)
    end = c.op("Add", c.const([2, 2]), extra)

    def at(vector, i):
        return piece(c, vector, i, i + 1, shrink_axis_mask=1)
    pads = c.op("Pack", [c.op("Pack", [c.const(2), at(end, i)]) for i in range(2)])
    crops = c.op("Pack", [c.op("Pack", [c.const(0), at(extra, i)]) for i in range(2)])
    y = c.op("Conv2D", c.op("SpaceToBatchND", x, rate, pads), c.const(w), strides=[1] * 4, padding="VALID")
    c.out(c.op("BatchToSpaceND", y, rate, crops))
    c.equivalent("dilations", lambda r, arrays: [r.op("Conv2D", r.const(arrays[0]), r.const(w), strides=[1] * 4,
                                                      padding="SAME", dilations=[1, 2, 2, 1])])


# ---- control edges ----
@golden("pattern_control")
def control(g):
    def start(text):
        c = g.case(text + " [2,3]", dynamic=len(g.cases) % 2 == 0)
        return c, c.input(c.normal(2, 3))

    c, x = start("an Identity after a NoOp")
    c.out(c.op("Identity", x, control=[c.op("NoOp")]))
    c, x = start("a Relu after two NoOps")
    c.out(c.op("Relu", x, control=[c.op("NoOp"), c.op("NoOp")]))
    c, x = start("a Const after a NoOp")
    c.out(c.op("AddV2", x, c.const([1.0, 2.0, 3.0], control=[c.op("NoOp")])))
    c, x = start("a NoOp that gathers computed nodes: group")
    both = c.op("NoOp", control=[c.op("Exp", x), c.op("Neg", x)])
    c.out(c.op("Abs", x, control=[both]))
    c, x = start("a chain of NoOps")
    last = c.op("NoOp")
    for _ in range(4):
        last = c.op("NoOp", control=[last])
    c.out(c.op("Neg", x, control=[last]))
    c, x = start("after the input itself, and after a Const")
    c.out(c.op("Relu", x, control=[x, c.const(1.0)]))
    c, x = start("a control edge beside the same data edge")
    y = c.op("Neg", x)
    c.out(c.op("Add", y, x, control=[y]))
    c, x = start("result 1 of a node, control edge from that node")
    _, mean, _, _, _ = c.op("FusedBatchNorm", c.op("Reshape", x, c.const([1, 1, -1, 3])), c.const([1.0, 1.0, 1.0]),
                            c.const([0.0, 0.0, 0.0]), c.const(np.empty([0], F32)), c.const(np.empty([0], F32)))
    c.out(c.op("Identity", mean, control=[mean.node]))
    c, x = start("an Identity between two control edges")
    gate = c.op("Identity", c.const(True), control=[c.op("NoOp")])
    c.out(c.op("Square", x, control=[gate]))
    c, x = start("a binary op with a control edge")
    c.out(c.op("Maximum", x, c.const(0.25), control=[c.op("NoOp")]))
    c, x = start("a ConcatV2 with a control edge behind its list")
    c.out(c.op("ConcatV2", [x, x], c.const(1), control=[c.op("NoOp")]))
    c, x = start("nodes beside the result that nobody asks for")
    c.op("NoOp", control=[c.op("Sqrt", c.op("Abs", x)), c.op("RandomUniform", c.const([2, 2]), dtype=F32, seed=3,
                                                             seed2=4)])
    c.out(c.op("Relu6", x))
    c, x = start("an Assert as the gate of an Identity")
    c.out(c.op("Tanh", c.op("Identity", x, control=[c.op("Assert", c.const(True), [x])])))
    c, x = start("a Conv2D and its weights behind control edges")
    image = c.op("Reshape", x, c.const([-1, 1, 1, 3]))
    w = c.op("Identity", c.const(c.normal(1, 1, 3, 2)), control=[c.op("NoOp")])
    c.out(c.op("Conv2D", image, w, strides=[1] * 4, padding="SAME", control=[c.op("NoOp")]))


# ---- graphs frozen by TensorFlow 1 ----
@golden("pattern_no_versions")
def no_versions(g):
    """No `versions`: producer 0, for which the shape {} of a Placeholder means unknown."""
    g.versions = False

    def start(text, *shape, declare=()):
        c = g.case("%s, %s" % (text, "shape {}" if declare == () else "declared"), strip=True)
        return c, c.input(c.normal(*shape), list(declare))

    for shape in ([], [5], [2, 3], [2, 3, 4, 2], [1, 2, 1, 2, 3]):
        c, x = start("Relu of %s" % shape_text(shape), *shape)
        c.out(c.op("Relu", x))
    for layout_shape in ([1, 5, 6, 3], [2, 5, 6, 3]):
        c, x = start("Conv2D, BiasAdd, Relu of %s" % shape_text(layout_shape), *layout_shape)
        y = c.op("Conv2D", x, c.const(draw_filter(c, [3, 3, 3, 4])), strides=[1, 2, 2, 1], padding="SAME")
        c.out(c.op("Relu", c.op("BiasAdd", y, c.const(c.normal(4)))))
    c, x = start("MatMul, BiasAdd, Softmax of [2,6]", 2, 6)
    c.out(c.op("Softmax", c.op("BiasAdd", c.op("MatMul", x, c.const(c.normal(6, 3))), c.const(c.normal(3)))))
    c, x = start("a scalar and a matrix [2,3]", 2, 3)
    c.out(c.op("Mul", x, c.input(c.normal(), [])))
    c, x = start("Keras 1 Flatten of [2,3,4]", 2, 3, 4, declare=(-1, 3, 4))
    rest = piece(c, c.op("Shape", x), 1, 0, end_mask=1)
    c.out(c.op("Reshape", x, c.op("Pack", [c.const(-1), c.op("Prod", rest, c.const([0]))])))
    c, x = start("MaxPool of [2,6,6,2]", 2, 6, 6, 2, declare=(-1, 6, 6, 2))
    c.out(c.op("MaxPool", x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID"))
    c, x = start("Mean over [1,2] of [2,3,4,5]", 2, 3, 4, 5)
    c.out(c.op("Mean", x, c.const([1, 2])))
