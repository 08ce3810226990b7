"""FusedBatchNorm in its three versions, and batch norm written out in Rsqrt, Mul, Sub and Add."""
import numpy as np

from .dense import as_nhwc, back, draw_filter, in_layout
from .graph import golden, shape_text

F32 = np.float32


def parameters(c, channels):
    """scale, offset, mean, variance"""
    return [c.uniform(0.5, 1.5, channels), c.normal(channels), c.normal(channels), c.uniform(0.3, 2.0, channels)]


# text, x (NHWC), layout, epsilon (None: the op's default), training, results asked for
ROWS = [
    ("inference", [2, 3, 4, 5], "NHWC", 0.001, False, 1),
    ("inference", [2, 3, 4, 5], "NCHW", 0.001, False, 1),
    ("inference, default epsilon", [3, 4, 4, 2], "NHWC", None, False, 1),
    ("inference, epsilon 1e-5", [1, 5, 3, 17], "NHWC", 1e-5, False, 1),
    ("inference, all three results", [2, 3, 3, 4], "NHWC", 0.001, False, 3),
    ("inference, one channel", [2, 4, 5, 1], "NHWC", 0.001, False, 1),
    ("inference, one pixel", [2, 1, 1, 8], "NHWC", 0.001, False, 1),
    ("inference, odd channels", [1, 3, 5, 13], "NCHW", 1e-5, False, 1),
    ("inference, all three results", [2, 3, 3, 4], "NCHW", 0.01, False, 3),
    ("training", [2, 3, 4, 5], "NHWC", 0.001, True, 1),
    ("training", [2, 3, 4, 5], "NCHW", 0.001, True, 1),
    ("training, all three results", [2, 3, 4, 3], "NHWC", 0.001, True, 3),
    ("training, all three results", [2, 4, 3, 3], "NCHW", 0.001, True, 3),
    ("training, one image", [1, 5, 5, 4], "NHWC", None, True, 2),
    ("training, one pixel per channel: variance 0", [1, 1, 1, 6], "NHWC", 0.001, True, 1),
    ("training, results 1 and 2 of 2 pixels", [2, 1, 1, 3], "NHWC", 0.001, True, 3),
]


def write_fused(g, op):
    def normalise(c, x, values, **attrs):
        scale, offset, mean, variance = values
        return c.op(op, x, c.const(scale, name="gamma"), c.const(offset, name="beta"),
                    c.const(mean, np.float32, name="moving_mean"),
                    c.const(variance, np.float32, name="moving_variance"),
                    **attrs)

    def add(text, nhwc, layout, epsilon, training, wanted, strip=None, fed=False, dynamic=False, shift=0.0, **extra):
        shape = in_layout(layout, nhwc)
        c = g.case("%s, %s %s%s" % (text, layout, shape_text(shape),
                                    "" if epsilon is None else ", epsilon %g" % epsilon),
                   dynamic, strip)
        x = c.input(c.normal(*shape, scale=1.5, shift=shift))
        values = parameters(c, nhwc[3])
        if training and not extra:
            values[2] = values[3] = np.empty([0], F32)
        attrs = dict({} if epsilon is None else {"epsilon": epsilon}, data_format=layout, is_training=training, **extra)
        if fed:
            out = c.op(op, x, *[c.fixed_input(v) for v in values], **attrs)
        else:
            out = normalise(c, x, values, **attrs)
        c.out(*out[:wanted], itself=wanted == 1 and len(g.cases) % 3 == 0)

        def build(r, arrays):
            results = normalise(r, r.const(as_nhwc(layout, arrays[0])), values, **dict(attrs, data_format="NHWC"))
            return ([back(r, layout, results[0])] + list(results[1:]))[:wanted]
        if layout == "NCHW":
            c.equivalent("NHWC", build)

    for k, row in enumerate(ROWS):
        add(*row, strip=k % 4 == 3, dynamic=k % 3 == 0)
    add("training as the default, attribute stripped", [2, 3, 3, 2], "NHWC", 0.001, True, 1, strip=True, dynamic=True)
    add("training as the default, attribute stripped", [3, 2, 3, 4], "NCHW", None, True, 3, strip=True)
    add("inference, parameters fed", [2, 3, 2, 4], "NHWC", 0.001, False, 1, fed=True)
    add("training, mean far from zero", [3, 4, 4, 3], "NHWC", 0.001, True, 1, shift=30.0)
    add("training, mean and variance given and passed over", [2, 3, 4, 3], "NHWC", 0.001, True, 1,
        exponential_avg_factor=0.5)

    for training in (False, True):
        c = g.case("behind a Conv2D, %s, NHWC [2,5,5,3]" % ("training" if training else "inference"), True, False)
        x = c.op("Conv2D", c.input(c.normal(2, 5, 5, 3)), c.const(draw_filter(c, [3, 3, 3, 4])), strides=[1, 1, 1, 1],
                 padding="SAME")
        values = parameters(c, 4)
        if training:
            values[2] = values[3] = np.empty([0], F32)
        c.out(c.op("Relu", normalise(c, x, values, epsilon=0.001, is_training=training)[0]))


@golden("FusedBatchNorm")
def fused_v1(g):
    write_fused(g, "FusedBatchNorm")


@golden("FusedBatchNormV2")
def fused_v2(g):
    write_fused(g, "FusedBatchNormV2")


@golden("FusedBatchNormV3")
def fused_v3(g):
    write_fused(g, "FusedBatchNormV3")


# ---- written out ----
def keras_form(c, x, p, add):
    """tf.nn.batch_normalization: x*inv + (beta - mean*inv); p: gamma, beta, mean, variance Tensors, epsilon"""
    inv = c.op("Rsqrt", c.op(add, p["variance"], p["epsilon"]))
    if p["gamma"] is not None:
        inv = c.op("Mul", inv, p["gamma"])
    if p["beta"] is None:
        return c.op(add, c.op("Mul", x, inv), c.op("Mul", c.op("Neg", p["mean"]), inv))
    return c.op(add, c.op("Mul", x, inv), c.op("Sub", p["beta"], c.op("Mul", p["mean"], inv)))


def centred_form(c, x, p, add):
    inv = c.op("Mul", c.op("Rsqrt", c.op(add, p["variance"], p["epsilon"])), p["gamma"])
    return c.op(add, c.op("Mul", c.op("Sub", x, p["mean"]), inv), p["beta"])


def divided_form(c, x, p, add):
    y = c.op("RealDiv", c.op("Sub", x, p["mean"]), c.op("Sqrt", c.op(add, p["variance"], p["epsilon"])))
    return c.op(add, c.op("Mul", y, p["gamma"]), p["beta"])


def half_folded_form(c, x, p, add):
    """Only a product and a sum by constants are left."""
    return c.op(add, c.op("Mul", x, p["gamma"]), p["beta"])


@golden("pattern_batch_norm")
def written_out(g):
    rows = [  # text, form, x, layout, add, what is missing, producer
        ("x*inv + (beta - mean*inv)", keras_form, [2, 3, 4, 5], "NHWC", "AddV2", (), None),
        ("x*inv + (beta - mean*inv)", keras_form, [3, 6], "NHWC", "Add", (), None),
        ("x*inv + (beta - mean*inv)", keras_form, [2, 4, 5], "NHWC", "AddV2", (), None),
        ("no gamma", keras_form, [2, 3, 4, 5], "NHWC", "Add", ("gamma",), None),
        ("no beta", keras_form, [2, 3, 4, 5], "NHWC", "AddV2", ("beta",), None),
        ("neither gamma nor beta", keras_form, [1, 3, 4, 7], "NHWC", "AddV2", ("gamma", "beta"), None),
        ("parameters reshaped to [1,C,1,1]", keras_form, [2, 5, 3, 4], "NCHW", "AddV2", (), None),
        ("(x - mean)*inv + beta", centred_form, [2, 3, 4, 5], "NHWC", "Add", (), None),
        ("(x - mean)*inv + beta", centred_form, [2, 5, 3, 4], "NCHW", "AddV2", (), None),
        ("(x - mean)/sqrt(variance + epsilon)", divided_form, [2, 3, 4, 5], "NHWC", "AddV2", (), None),
        ("x*c1 + c2", half_folded_form, [2, 3, 4, 5], "NHWC", "Add", (), None),
        ("behind a Conv2D", keras_form, [2, 5, 5, 3], "NHWC", "AddV2", (), "Conv2D"),
        ("behind a Conv2D, parameters reshaped to [1,C,1,1]", keras_form, [2, 3, 5, 5], "NCHW", "AddV2", (), "Conv2D"),
        ("behind a Conv2D", centred_form, [1, 4, 6, 2], "NHWC", "Add", (), "Conv2D"),
        ("behind a DepthwiseConv2dNative", keras_form, [2, 5, 5, 4], "NHWC", "AddV2", (), "DepthwiseConv2dNative"),
        ("behind a MatMul", keras_form, [3, 7], "NHWC", "Add", (), "MatMul"),
        ("behind a Conv2D with BiasAdd", half_folded_form, [2, 4, 4, 3], "NHWC", "AddV2", (), "BiasAdd"),
        ("behind a Conv2D that has a second consumer", keras_form, [2, 4, 4, 3], "NHWC", "AddV2", (), "shared"),
        ("before a SAME Conv2D", keras_form, [2, 4, 4, 3], "NHWC", "AddV2", (), "after"),
        ("before a VALID Conv2D", keras_form, [2, 5, 4, 3], "NHWC", "AddV2", (), "after VALID"),
    ]
    for k, (text, form, shape, layout, add, missing, producer) in enumerate(rows):
        c = g.case("%s, %s %s" % (text, layout, shape_text(shape)), dynamic=k % 2 == 0, strip=False)
        x = c.input(c.normal(*shape))
        channels = shape[-1] if layout == "NHWC" else shape[1]
        made = x
        if producer in ("Conv2D", "BiasAdd", "shared"):
            made = c.op("Conv2D", x, c.const(draw_filter(c, [3, 3, channels, 4])), strides=[1] * 4, padding="SAME",
                        data_format=layout)
            channels = 4
            if producer == "BiasAdd":
                made = c.op("BiasAdd", made, c.const(c.normal(channels)))
        elif producer == "DepthwiseConv2dNative":
            made = c.op(producer, x, c.const(c.normal(3, 3, channels, 2, scale=0.3)), strides=[1] * 4, padding="SAME")
            channels *= 2
        elif producer == "MatMul":
            made = c.op(producer, x, c.const(c.normal(channels, 5, scale=0.4)))
            channels = 5
        p = dict(zip(("gamma", "beta", "mean", "variance"), parameters(c, channels)))
        p = {key: None if key in missing else c.const(value, name=key) for key, value in p.items()}
        if layout == "NCHW":
            p = {key: c.op("Reshape", t, c.const([1, channels, 1, 1])) for key, t in p.items()}
        p["epsilon"] = c.const(F32(0.001), name="batchnorm/add/y")
        y = form(c, made, p, add)
        if producer and producer.startswith("after"):
            y = c.op("Conv2D", y, c.const(draw_filter(c, [3, 3, channels, 4])), strides=[1] * 4,
                     padding="VALID" if "VALID" in producer else "SAME")
        if producer in ("Conv2D", "MatMul"):
            y = c.op("Relu", y)
        c.out(y)
        if producer == "shared":
            c.out(c.op("Relu6", made))
