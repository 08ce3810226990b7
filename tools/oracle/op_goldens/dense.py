"""Convolutions, pooling and MatMul.

Every convolution and pooling case is checked against an equivalent that uses nothing but NHWC, VALID, dilation 1 and
one group: the input is transposed and padded with zeros by numpy, the filter spread out with zeros for the dilation,
groups become separate convolutions. Where this CPU has no kernel for the wanted form the equivalent's values stand.
"""
import numpy as np

from .graph import golden, shape_text

F32 = np.float32
TO_NHWC, TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]


def geometry(size, kernel, stride, dilation, padding):
    """(output size, pad before, pad after) of one spatial dim; padding: "SAME", "VALID" or a pair."""
    extent = (kernel - 1) * dilation + 1
    if padding == "SAME":
        out = -(-size // stride)
        total = max(0, (out - 1) * stride + extent - size)
        return out, total // 2, total - total // 2
    before, after = (0, 0) if padding == "VALID" else padding
    return (size + before + after - extent) // stride + 1, before, after


def spatial(layout, ones, hw):
    """A strides-like list: hw at the spatial places, `ones` elsewhere."""
    return [ones] + list(hw) + [ones] if layout == "NHWC" else [ones, ones] + list(hw)


def window_attrs(layout, stride, padding, dilation=(1, 1)):
    attrs = {"strides": spatial(layout, 1, stride), "data_format": layout}
    if isinstance(padding, str):
        attrs["padding"] = padding
    else:
        attrs["padding"] = "EXPLICIT"
        pairs = spatial(layout, (0, 0), padding)
        attrs["explicit_paddings"] = [p for pair in pairs for p in pair]
    if dilation != (1, 1):
        attrs["dilations"] = spatial(layout, 1, dilation)
    return attrs


def window_text(layout, stride, padding, dilation=(1, 1)):
    words = [layout, padding if isinstance(padding, str) else "EXPLICIT %d,%d,%d,%d" % (padding[0] + padding[1])]
    if stride != (1, 1):
        words.append("stride %dx%d" % stride)
    if dilation != (1, 1):
        words.append("dilation %dx%d" % dilation)
    return " ".join(words)


def in_layout(layout, nhwc):
    return nhwc if layout == "NHWC" else [nhwc[0], nhwc[3], nhwc[1], nhwc[2]]


def as_nhwc(layout, array):
    return array if layout == "NHWC" else array.transpose(TO_NHWC)


def back(r, layout, tensor):
    return tensor if layout == "NHWC" else r.op("Transpose", tensor, r.const(TO_NCHW))


def pads_of(hw, kernel, stride, dilation, padding):
    sides = [geometry(hw[i], kernel[i], stride[i], dilation[i], padding if isinstance(padding, str) else padding[i])
             for i in range(2)]
    return [s[0] for s in sides], [s[1:] for s in sides]


def spread(w, dilation):
    """The filter with dilation - 1 zeros between its taps."""
    out = np.zeros([(w.shape[i] - 1) * dilation[i] + 1 for i in range(2)] + list(w.shape[2:]), w.dtype)
    out[::dilation[0], ::dilation[1]] = w
    return out


def padded(x, pads, value=0.0):
    return np.pad(x, [(0, 0), pads[0], pads[1], (0, 0)], constant_values=F32(value))


# text, x (NHWC), filter, strides, padding, dilations; layout and how the case is declared follow below
CONVOLUTIONS = [
    ("3x3, one channel", [1, 5, 5, 1], [3, 3, 1, 1], (1, 1), "SAME", (1, 1)),
    ("3x3", [2, 7, 9, 3], [3, 3, 3, 4], (1, 1), "SAME", (1, 1)),
    ("3x3", [2, 7, 9, 3], [3, 3, 3, 4], (1, 1), "VALID", (1, 1)),
    ("3x3, even size: pads below and right only", [1, 8, 6, 3], [3, 3, 3, 5], (2, 2), "SAME", (1, 1)),
    ("3x3, odd size", [3, 7, 9, 2], [3, 3, 2, 5], (2, 2), "SAME", (1, 1)),
    ("3x3, input rows and columns left over", [1, 8, 8, 2], [3, 3, 2, 3], (2, 2), "VALID", (1, 1)),
    ("3x3", [2, 7, 8, 3], [3, 3, 3, 4], (1, 2), "SAME", (1, 1)),
    ("3x3", [2, 7, 8, 3], [3, 3, 3, 4], (2, 1), "VALID", (1, 1)),
    ("3x2", [1, 11, 9, 2], [3, 2, 2, 4], (3, 2), "SAME", (1, 1)),
    ("1x1", [2, 5, 7, 8], [1, 1, 8, 5], (1, 1), "SAME", (1, 1)),
    ("1x1", [2, 5, 7, 8], [1, 1, 8, 6], (2, 2), "SAME", (1, 1)),
    ("1x1, stride beyond the filter", [1, 7, 8, 4], [1, 1, 4, 3], (3, 3), "VALID", (1, 1)),
    ("1x1, odd channel counts", [1, 4, 5, 19], [1, 1, 19, 17], (1, 1), "VALID", (1, 1)),
    ("5x5", [2, 9, 8, 2], [5, 5, 2, 3], (1, 1), "SAME", (1, 1)),
    ("5x5", [1, 9, 11, 3], [5, 5, 3, 2], (2, 2), "VALID", (1, 1)),
    ("7x7, 3 channels: an image stem", [1, 11, 13, 3], [7, 7, 3, 4], (2, 2), "SAME", (1, 1)),
    ("7x7, 3 channels: ResNet's padding", [1, 11, 13, 3], [7, 7, 3, 4], (2, 2), ((3, 3), (3, 3)), (1, 1)),
    ("1x7", [2, 5, 9, 3], [1, 7, 3, 4], (1, 1), "SAME", (1, 1)),
    ("7x1", [2, 9, 5, 3], [7, 1, 3, 4], (1, 1), "SAME", (1, 1)),
    ("1x3 over one row: a 1-D convolution", [2, 1, 13, 4], [1, 3, 4, 5], (1, 2), "SAME", (1, 1)),
    ("filter larger than the input", [1, 3, 3, 2], [5, 5, 2, 3], (1, 1), "SAME", (1, 1)),
    ("filter larger than the input", [1, 2, 3, 2], [4, 4, 2, 3], (2, 2), ((1, 2), (1, 1)), (1, 1)),
    ("filter as large as the input", [2, 4, 5, 3], [4, 5, 3, 6], (1, 1), "VALID", (1, 1)),
    ("2x2, even filter", [1, 5, 6, 3], [2, 2, 3, 4], (1, 1), "SAME", (1, 1)),
    ("4x4, even filter", [1, 7, 8, 2], [4, 4, 2, 3], (2, 2), "SAME", (1, 1)),
    ("2x2, patches", [2, 8, 6, 3], [2, 2, 3, 7], (2, 2), "VALID", (1, 1)),
    ("one pixel", [2, 1, 1, 6], [3, 3, 6, 4], (1, 1), "SAME", (1, 1)),
    ("3x3, odd channel counts", [1, 4, 5, 13], [3, 3, 13, 17], (1, 1), "SAME", (1, 1)),
    ("3x3", [1, 7, 9, 3], [3, 3, 3, 4], (1, 1), "SAME", (2, 2)),
    ("3x3", [2, 9, 11, 2], [3, 3, 2, 3], (1, 1), "VALID", (2, 3)),
    ("3x3", [1, 7, 8, 2], [3, 3, 2, 3], (1, 1), ((2, 2), (4, 3)), (2, 4)),
    ("3x3, dilation and stride", [1, 9, 8, 2], [3, 3, 2, 3], (2, 2), "SAME", (2, 2)),
    ("1x1, dilation without effect", [1, 4, 5, 3], [1, 1, 3, 4], (1, 1), "SAME", (3, 3)),
    ("3x3, 2 groups", [2, 6, 5, 4], [3, 3, 2, 6], (1, 1), "SAME", (1, 1)),
    ("3x3, 4 groups", [1, 7, 8, 8], [3, 3, 2, 8], (2, 2), "SAME", (1, 1)),
    ("3x3, as many groups as channels", [1, 5, 6, 3], [3, 3, 1, 6], (1, 1), "VALID", (1, 1)),
    ("1x1, 3 groups", [2, 4, 4, 6], [1, 1, 2, 9], (1, 1), "VALID", (1, 1)),
    ("3x3, 2 groups", [1, 8, 7, 4], [3, 3, 2, 4], (1, 1), ((1, 0), (2, 1)), (2, 2)),
    ("3x3, lopsided", [1, 6, 7, 3], [3, 3, 3, 4], (1, 1), ((0, 1), (0, 1)), (1, 1)),
    ("3x3, lopsided", [2, 8, 7, 2], [3, 3, 2, 3], (2, 2), ((2, 0), (1, 3)), (1, 1)),
    ("3x3, pads of a Pad node", [1, 8, 8, 3], [3, 3, 3, 4], (2, 2), ((1, 1), (1, 1)), (1, 1)),
    # as many channels out as in: for an empty batch oneDNN returns the input's shape, whatever the filter's
    ("no image in the batch", [0, 5, 5, 2], [3, 3, 2, 2], (1, 1), "SAME", (1, 1)),
]
NCHW_CONVOLUTIONS = [1, 2, 3, 4, 7, 8, 9, 10, 13, 16, 19, 20, 22, 27, 28, 31, 33, 34, 35, 37, 39]
FED_FILTERS = {5, 12, 17, 33, 42, 47}  # case numbers whose filter is a Placeholder


def draw_filter(c, shape):
    """Weights scaled so that a result is of the order of one."""
    return c.normal(*shape, scale=1.0 / np.sqrt(shape[0] * shape[1] * shape[2]))


def conv2d_equivalent(layout, w, stride, padding, dilation):
    def build(r, arrays):
        x = as_nhwc(layout, arrays[0])
        _, pads = pads_of(x.shape[1:3], w.shape[:2], stride, dilation, padding)
        x, wide = padded(x, pads), spread(w, dilation)
        groups = x.shape[3] // w.shape[2]
        parts = [r.op("Conv2D", r.const(xs), r.const(ws), strides=spatial("NHWC", 1, stride), padding="VALID")
                 for xs, ws in zip(np.split(x, groups, 3), np.split(wide, groups, 3))]
        y = parts[0] if groups == 1 else r.op("ConcatV2", parts, r.const(3))
        return [back(r, layout, y)]

    return build


@golden("Conv2D", least=24)
def conv2d(g):
    rows = [(row, "NHWC") for row in CONVOLUTIONS] + [(CONVOLUTIONS[i], "NCHW") for i in NCHW_CONVOLUTIONS]
    for k, ((text, shape, filter_shape, stride, padding, dilation), layout) in enumerate(rows):
        fed = k in FED_FILTERS
        c = g.case("%s, x %s w %s, %s%s" % (text, shape_text(in_layout(layout, shape)), shape_text(filter_shape),
                                           window_text(layout, stride, padding, dilation),
                                           ", filter fed" if fed else ""),
                   dynamic=k % 3 == 1)
        x = c.input(c.normal(*in_layout(layout, shape)))
        w = draw_filter(c, filter_shape)
        y = c.op("Conv2D", x, c.fixed_input(w) if fed else c.const(w),
                 **window_attrs(layout, stride, padding, dilation))
        c.out(y, itself=k % 5 == 0)
        if shape[0]:
            c.equivalent("NHWC VALID", conv2d_equivalent(layout, w, stride, padding, dilation))


# text, x (NHWC), filter, strides, padding, dilations
DEPTHWISE = [
    ("3x3", [1, 5, 5, 1], [3, 3, 1, 1], (1, 1), "SAME", (1, 1)),
    ("3x3", [2, 7, 9, 3], [3, 3, 3, 1], (1, 1), "SAME", (1, 1)),
    ("3x3", [2, 7, 8, 8], [3, 3, 8, 1], (2, 2), "SAME", (1, 1)),
    ("3x3", [1, 8, 6, 17], [3, 3, 17, 1], (1, 1), "SAME", (1, 1)),
    ("3x3", [2, 6, 7, 4], [3, 3, 4, 1], (1, 1), "VALID", (1, 1)),
    ("3x3, even size", [3, 8, 6, 2], [3, 3, 2, 1], (2, 2), "SAME", (1, 1)),
    ("3x3, rows left over", [1, 8, 8, 3], [3, 3, 3, 1], (2, 2), "VALID", (1, 1)),
    ("5x5", [2, 9, 7, 4], [5, 5, 4, 1], (1, 1), "SAME", (1, 1)),
    ("5x5", [1, 9, 10, 3], [5, 5, 3, 1], (2, 2), "SAME", (1, 1)),
    ("7x7", [1, 9, 8, 5], [7, 7, 5, 1], (1, 1), "SAME", (1, 1)),
    ("multiplier 2", [2, 6, 5, 3], [3, 3, 3, 2], (1, 1), "SAME", (1, 1)),
    ("multiplier 3", [2, 5, 7, 4], [3, 3, 4, 3], (2, 2), "SAME", (1, 1)),
    ("multiplier 2", [1, 6, 6, 2], [3, 3, 2, 2], (1, 1), "VALID", (1, 1)),
    ("multiplier 8, one channel", [1, 6, 5, 1], [3, 3, 1, 8], (1, 1), "SAME", (1, 1)),
    ("unequal strides", [1, 7, 9, 3], [3, 3, 3, 1], (1, 2), "SAME", (1, 1)),
    ("unequal strides", [2, 8, 7, 2], [3, 3, 2, 2], (2, 1), "VALID", (1, 1)),
    ("dilation", [2, 9, 8, 3], [3, 3, 3, 1], (1, 1), "SAME", (2, 2)),
    ("dilation", [1, 9, 11, 2], [3, 3, 2, 1], (1, 1), "VALID", (2, 3)),
    ("dilation, multiplier 2", [1, 8, 7, 3], [3, 3, 3, 2], (1, 1), "SAME", (3, 3)),
    ("lopsided", [1, 6, 7, 4], [3, 3, 4, 1], (1, 1), ((0, 1), (2, 1)), (1, 1)),
    ("pads of a Pad node", [2, 8, 8, 3], [3, 3, 3, 1], (2, 2), ((1, 1), (1, 1)), (1, 1)),
    ("1x1", [2, 4, 5, 6], [1, 1, 6, 1], (1, 1), "SAME", (1, 1)),
    ("1x1, multiplier 2", [1, 4, 5, 3], [1, 1, 3, 2], (2, 2), "SAME", (1, 1)),
    ("1x5", [2, 3, 9, 4], [1, 5, 4, 1], (1, 1), "SAME", (1, 1)),
    ("4x1, even filter", [1, 8, 3, 4], [4, 1, 4, 1], (1, 1), "SAME", (1, 1)),
    ("filter larger than the input", [1, 2, 3, 4], [5, 5, 4, 1], (1, 1), "SAME", (1, 1)),
    ("filter as large as the input", [2, 5, 4, 6], [5, 4, 6, 1], (1, 1), "VALID", (1, 1)),
    ("one pixel", [2, 1, 1, 8], [3, 3, 8, 1], (1, 1), "SAME", (1, 1)),
]
NCHW_DEPTHWISE = [1, 2, 4, 5, 7, 10, 11, 14, 16, 18, 19, 26]
FED_DEPTHWISE = {4, 11, 30}


def depthwise_equivalent(layout, w, stride, padding, dilation):
    """At stride 1, then every stride-th result: TensorFlow's own kernel wants equal strides."""

    def build(r, arrays):
        x = as_nhwc(layout, arrays[0])
        _, pads = pads_of(x.shape[1:3], w.shape[:2], stride, dilation, padding)
        y = r.op("DepthwiseConv2dNative", r.const(padded(x, pads)), r.const(spread(w, dilation)), strides=[1] * 4,
                 padding="VALID")
        y = r.op("StridedSlice", y, r.const([0] * 4), r.const([0] * 4), r.const([1] + list(stride) + [1]),
                 begin_mask=15, end_mask=15)
        return [back(r, layout, y)]

    return build


@golden("DepthwiseConv2dNative", least=24)
def depthwise(g):
    rows = [(row, "NHWC") for row in DEPTHWISE] + [(DEPTHWISE[i], "NCHW") for i in NCHW_DEPTHWISE]
    for k, ((text, shape, filter_shape, stride, padding, dilation), layout) in enumerate(rows):
        fed = k in FED_DEPTHWISE
        c = g.case("%s, x %s w %s, %s%s" % (text, shape_text(in_layout(layout, shape)), shape_text(filter_shape),
                                           window_text(layout, stride, padding, dilation),
                                           ", filter fed" if fed else ""),
                   dynamic=k % 3 == 1)
        x = c.input(c.normal(*in_layout(layout, shape)))
        w = c.normal(*filter_shape, scale=1.0 / np.sqrt(filter_shape[0] * filter_shape[1]))
        y = c.op("DepthwiseConv2dNative", x, c.fixed_input(w) if fed else c.const(w),
                 **window_attrs(layout, stride, padding, dilation))
        c.out(y, itself=k % 5 == 0)
        c.equivalent("NHWC VALID stride 1", depthwise_equivalent(layout, w, stride, padding, dilation))


# text, result (NHWC), filter [h, w, result channels, data channels], strides, padding, dilations
TRANSPOSED = [
    ("3x3", [1, 5, 5, 1], [3, 3, 1, 1], (1, 1), "SAME", (1, 1)),
    ("3x3", [2, 5, 6, 3], [3, 3, 3, 4], (1, 1), "SAME", (1, 1)),
    ("3x3", [2, 6, 7, 2], [3, 3, 2, 3], (1, 1), "VALID", (1, 1)),
    ("3x3, even result", [2, 8, 6, 3], [3, 3, 3, 4], (2, 2), "SAME", (1, 1)),
    ("3x3, odd result", [1, 7, 9, 2], [3, 3, 2, 3], (2, 2), "SAME", (1, 1)),
    ("4x4 stride 2: the usual decoder", [2, 8, 8, 3], [4, 4, 3, 5], (2, 2), "SAME", (1, 1)),
    ("2x2 stride 2: no overlap", [2, 6, 8, 2], [2, 2, 2, 4], (2, 2), "SAME", (1, 1)),
    ("2x2 stride 2", [1, 6, 8, 2], [2, 2, 2, 4], (2, 2), "VALID", (1, 1)),
    ("3x3 stride 2", [2, 7, 9, 3], [3, 3, 3, 2], (2, 2), "VALID", (1, 1)),
    ("3x3 stride 2, result beyond the last tap", [1, 8, 8, 2], [3, 3, 2, 3], (2, 2), "VALID", (1, 1)),
    ("1x1", [2, 4, 5, 6], [1, 1, 6, 3], (1, 1), "SAME", (1, 1)),
    ("1x1 stride 2: zeros between", [1, 5, 7, 3], [1, 1, 3, 4], (2, 2), "SAME", (1, 1)),
    ("filter smaller than the stride", [2, 9, 10, 2], [2, 2, 2, 3], (3, 3), "SAME", (1, 1)),
    ("5x5", [1, 9, 8, 2], [5, 5, 2, 3], (2, 2), "SAME", (1, 1)),
    ("unequal strides", [2, 7, 8, 3], [3, 3, 3, 2], (1, 2), "SAME", (1, 1)),
    ("unequal strides", [1, 9, 7, 2], [3, 2, 2, 3], (3, 1), "VALID", (1, 1)),
    ("16x16 stride 8 of a segmentation head", [1, 24, 16, 2], [16, 16, 2, 2], (8, 8), "SAME", (1, 1)),
    ("one pixel of data: the start of a generator", [2, 4, 4, 3], [4, 4, 3, 8], (1, 1), "VALID", (1, 1)),
    ("1x4 over one row", [2, 1, 12, 3], [1, 4, 3, 4], (1, 2), "SAME", (1, 1)),
    ("odd channel counts", [1, 4, 6, 13], [3, 3, 13, 17], (2, 2), "SAME", (1, 1)),
    ("dilation", [1, 7, 8, 2], [3, 3, 2, 3], (1, 1), "SAME", (2, 2)),
    ("dilation", [2, 9, 8, 2], [3, 3, 2, 3], (1, 1), "VALID", (2, 3)),
    ("explicit pads", [1, 7, 8, 2], [3, 3, 2, 3], (2, 2), ((1, 1), (1, 0)), (1, 1)),
    ("explicit pads", [2, 6, 5, 3], [4, 4, 3, 2], (1, 1), ((2, 1), (0, 2)), (1, 1)),
]
NCHW_TRANSPOSED = [1, 3, 4, 5, 8, 14, 20, 22]
FED_TRANSPOSED = {4, 13}


def transposed_equivalent(layout, result, w, stride, padding, dilation):
    """Scatters into the padded result with VALID, then cuts the pads off."""

    def build(r, arrays):
        data = as_nhwc(layout, arrays[0])
        hw = as_nhwc(layout, np.empty(result)).shape
        _, pads = pads_of(hw[1:3], w.shape[:2], stride, dilation, padding)
        full = [hw[0]] + [hw[1 + i] + sum(pads[i]) for i in range(2)] + [hw[3]]
        y = r.op("Conv2DBackpropInput", r.const(full), r.const(spread(w, dilation)), r.const(data),
                 strides=spatial("NHWC", 1, stride), padding="VALID")
        begin = [0, pads[0][0], pads[1][0], 0]
        y = r.op("StridedSlice", y, r.const(begin), r.const([b + s for b, s in zip(begin, hw)]), r.const([1] * 4))
        return [back(r, layout, y)]

    return build


def sizes_const(c, data, result, layout, stride):
    return c.const(result, name="input_sizes")


def sizes_any_batch(c, data, result, layout, stride):
    return c.const([-1] + result[1:], name="input_sizes")


def shape_dim(c, tensor, dim):
    """tf.shape(tensor)[dim]"""
    return c.op("StridedSlice", c.op("Shape", tensor), c.const([dim], name="stack"), c.const([dim + 1], name="stack_1"),
                c.const([1], name="stack_2"), name="strided_slice", shrink_axis_mask=1)


def sizes_batch_from_data(c, data, result, layout, stride):
    return c.op("Pack", [shape_dim(c, data, 0)] + [c.const(d, name="stack/%d" % i) for i, d in enumerate(result) if i])


def sizes_all_from_data(c, data, result, layout, stride):
    """Keras: every spatial size is the data's times the stride."""
    strides = spatial(layout, 1, stride)
    channel = 3 if layout == "NHWC" else 1
    parts = []
    for i in range(4):
        if i == channel:
            parts.append(c.const(result[i], name="channels"))
        else:
            dim = shape_dim(c, data, i)
            parts.append(dim if strides[i] == 1 else c.op("Mul", dim, c.const(strides[i], name="stride")))
    return c.op("Pack", parts)


@golden("Conv2DBackpropInput", least=24)
def transposed(g):
    forms = [("input_sizes Const", sizes_const), ("input_sizes Pack(Shape)", sizes_batch_from_data),
             ("input_sizes Const, batch -1", sizes_any_batch)]
    keras = ("input_sizes from Shape and strides", sizes_all_from_data)
    rows = [(row, "NHWC", None) for row in TRANSPOSED] + [(TRANSPOSED[i], "NCHW", None) for i in NCHW_TRANSPOSED]
    rows += [(TRANSPOSED[i], layout, keras) for i in (1, 3, 5, 6) for layout in ("NHWC", "NCHW")]
    for k, ((text, nhwc, filter_shape, stride, padding, dilation), layout, form) in enumerate(rows):
        words, write_sizes = form or forms[k % 3]
        out, _ = pads_of(nhwc[1:3], filter_shape[:2], stride, dilation, padding)
        data_shape = in_layout(layout, [nhwc[0]] + out + [filter_shape[3]])
        result, fed = in_layout(layout, nhwc), k in FED_TRANSPOSED
        c = g.case("%s, data %s w %s to %s, %s, %s%s" % (
            text, shape_text(data_shape), shape_text(filter_shape), shape_text(result),
            window_text(layout, stride, padding, dilation), words, ", filter fed" if fed else ""),
                   dynamic=write_sizes is not sizes_const and k % 4 != 0)
        data = c.input(c.normal(*data_shape))
        w = c.normal(*filter_shape, scale=1.0 / np.sqrt(filter_shape[0] * filter_shape[1] * filter_shape[3]))
        y = c.op("Conv2DBackpropInput", write_sizes(c, data, result, layout, stride),
                 c.fixed_input(w) if fed else c.const(w), data, **window_attrs(layout, stride, padding, dilation))
        c.out(y, itself=k % 5 == 0)
        c.equivalent("NHWC VALID", transposed_equivalent(layout, result, w, stride, padding, dilation))


# text, x (NHWC), window, strides, padding
POOLS = [
    ("2x2", [1, 4, 4, 1], (2, 2), (2, 2), "VALID"),
    ("2x2", [2, 6, 8, 3], (2, 2), (2, 2), "SAME"),
    ("2x2, odd size", [2, 7, 5, 3], (2, 2), (2, 2), "SAME"),
    ("2x2, odd size, rows left over", [1, 7, 5, 4], (2, 2), (2, 2), "VALID"),
    ("3x3", [3, 7, 9, 2], (3, 3), (2, 2), "SAME"),
    ("3x3, even size: window beyond one side only", [1, 8, 6, 17], (3, 3), (2, 2), "SAME"),
    ("3x3", [2, 9, 7, 3], (3, 3), (2, 2), "VALID"),
    ("3x3 stride 1", [2, 5, 6, 4], (3, 3), (1, 1), "SAME"),
    ("3x3 stride 1", [1, 5, 6, 4], (3, 3), (1, 1), "VALID"),
    ("5x5 stride 1: most windows over a border", [1, 6, 5, 3], (5, 5), (1, 1), "SAME"),
    ("window larger than the input", [2, 3, 2, 4], (5, 5), (2, 2), "SAME"),
    ("whole image", [2, 4, 5, 6], (4, 5), (1, 1), "VALID"),
    ("whole image, stride as large", [1, 7, 7, 8], (7, 7), (7, 7), "VALID"),
    ("1x1 window", [2, 5, 6, 3], (1, 1), (1, 1), "SAME"),
    ("1x1 window: subsampling", [2, 5, 6, 3], (1, 1), (2, 2), "SAME"),
    ("unequal window and strides", [1, 8, 9, 3], (2, 3), (1, 2), "SAME"),
    ("unequal window and strides", [2, 9, 7, 2], (3, 1), (3, 2), "VALID"),
    ("one row: a 1-D pooling", [2, 1, 11, 4], (1, 3), (1, 2), "SAME"),
    ("stride beyond the window", [1, 9, 10, 3], (2, 2), (3, 4), "SAME"),
    ("one pixel", [2, 1, 1, 5], (3, 3), (1, 1), "SAME"),
]
NCHW_POOLS = [1, 2, 4, 6, 7, 10, 11, 15]
EXPLICIT_POOLS = [
    ("3x3, ResNet's padding", [1, 8, 8, 3], (3, 3), (2, 2), ((1, 1), (1, 1))),
    ("3x3, lopsided", [2, 7, 6, 2], (3, 3), (1, 1), ((0, 2), (1, 0))),
    ("2x2, one side", [2, 5, 7, 4], (2, 2), (2, 2), ((0, 1), (1, 0))),
]


def pool_attrs(layout, window, stride, padding):
    return dict(window_attrs(layout, stride, padding), ksize=spatial(layout, 1, window))


def write_pools(g, op, rows, draw):
    for k, ((text, shape, window, stride, padding), layout) in enumerate(rows):
        c = g.case("%s, x %s window %dx%d, %s" % ((text, shape_text(in_layout(layout, shape))) + window + (
            window_text(layout, stride, padding),)), dynamic=k % 3 == 1)
        x = c.input(draw(c, in_layout(layout, shape)))
        c.out(c.op(op, x, **pool_attrs(layout, window, stride, padding)), itself=k % 5 == 0)

        def build(r, arrays, layout=layout, window=window, stride=stride, padding=padding):
            x = as_nhwc(layout, arrays[0])
            if not isinstance(padding, str):
                x, padding = padded(x, padding, -3e38), "VALID"
            return [back(r, layout, r.op(op, r.const(x), **pool_attrs("NHWC", window, stride, padding)))]
        c.equivalent("NHWC", build)


@golden("MaxPool")
def max_pool(g):
    rows = [(row, "NHWC") for row in POOLS] + [(POOLS[i], "NCHW") for i in NCHW_POOLS]
    rows += [(row, layout) for row in EXPLICIT_POOLS for layout in ("NHWC", "NCHW")]
    # shifted below zero: a zero in the border must not win
    write_pools(g, "MaxPool", rows, lambda c, shape: c.normal(*shape, shift=-2.0))


@golden("AvgPool")
def avg_pool(g):
    rows = [(row, "NHWC") for row in POOLS] + [(POOLS[i], "NCHW") for i in NCHW_POOLS]
    write_pools(g, "AvgPool", rows, lambda c, shape: c.normal(*shape, shift=1.0))


@golden("MatMul")
def mat_mul(g):
    rows = [  # m, k, n, transpose_a, transpose_b, right side
        (1, 1, 1, 0, 0, "Const"), (3, 5, 4, 0, 0, "Const"), (2, 7, 9, 0, 1, "Const"), (5, 3, 4, 1, 0, "Const"),
        (4, 6, 3, 1, 1, "Const"), (1, 37, 10, 0, 0, "Const"), (3, 16, 1, 0, 0, "Const"), (2, 64, 33, 0, 0, "Const"),
        (17, 19, 23, 0, 0, "Const"), (3, 1, 5, 0, 0, "Const"), (3, 5, 4, 0, 0, "fed"), (2, 7, 9, 0, 1, "fed"),
        (5, 3, 4, 1, 0, "fed"), (4, 6, 3, 1, 1, "fed"), (1, 8, 1, 0, 0, "fed"), (0, 3, 4, 0, 0, "Const"),
        (2, 130, 5, 0, 0, "Const"), (13, 4, 31, 0, 1, "Const")]
    for k, (m, inner, n, ta, tb, right) in enumerate(rows):
        c = g.case("m %d k %d n %d%s%s, right side %s" % (m, inner, n, ", transpose_a" * ta, ", transpose_b" * tb,
                                                          right),
                   dynamic=k % 3 == 1 and not ta)
        a = c.input(c.normal(*([inner, m] if ta else [m, inner])))
        b = c.normal(*([n, inner] if tb else [inner, n]), scale=1.0 / np.sqrt(inner))
        c.out(c.op("MatMul", a, c.fixed_input(b) if right == "fed" else c.const(b), transpose_a=ta, transpose_b=tb),
              itself=k % 5 == 0)
    c = g.case("left side Const m 3 k 4 n 2")
    c.out(c.op("MatMul", c.const(c.normal(3, 4)), c.input(c.normal(4, 2))))
    c = g.case("one tensor on both sides: Gram matrix [3,5]")
    x = c.input(c.normal(3, 5))
    c.out(c.op("MatMul", x, x, transpose_b=True))
    c = g.case("two layers with BiasAdd and Relu between [3,6]", dynamic=True)
    hidden = c.op("BiasAdd", c.op("MatMul", c.input(c.normal(3, 6)), c.const(c.normal(6, 8))), c.const(c.normal(8)))
    c.out(c.op("MatMul", c.op("Relu", hidden), c.const(c.normal(8, 2))))
    c = g.case("int32 m 2 k 3 n 2")
    c.out(c.op("MatMul", c.input(c.integers(-9, 9, 2, 3)), c.const(c.integers(-9, 9, 3, 2))))
