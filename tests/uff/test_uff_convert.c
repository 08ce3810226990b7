/* test_uff_convert.c - TensorFlow graphs become UFF graphs: pairs of files by others, and each rule on a small graph.
 *
 * The small graphs are protobuf text made by the macros below; what they become is compared as text, one line a node in the
 * order of the file (show_graph). The pairs are a frozen .pb and the .uff that NVIDIA's converter made of it.
 */
#include "uff_case.h"

#include "tensorflow/tf_convert.h"

/* ---- graphs as text */

#define D(n)             "dim { size: " #n " } "
#define IN(x)            "input: '" x "' "
#define ATTR(k, v)       "attr { key: '" k "' value { " v " } } "
#define S(k, v)          ATTR(k, "s: '" v "'")
#define I(k, v)          ATTR(k, "i: " #v)
#define B(k, v)          ATTR(k, "b: " #v)
#define F(k, v)          ATTR(k, "f: " #v)
#define T(k, v)          ATTR(k, "type: DT_" #v)
#define L(k, v)          ATTR(k, "list { i: " v " }")
#define OP(name, op, x)  "node { name: '" name "' op: '" op "' " x "}\n"
#define INPUT(name, dims) OP(name, "Placeholder", T("dtype", FLOAT) ATTR("shape", "shape { " dims "}"))
#define ANY_INPUT(name)  OP(name, "Placeholder", T("dtype", FLOAT))
/* float constants are zeros */
#define WEIGHTS(name, dims) \
    OP(name, "Const", T("dtype", FLOAT) ATTR("value", "tensor { dtype: DT_FLOAT tensor_shape { " dims "} }"))
#define INTS(name, dims, v) \
    OP(name, "Const", T("dtype", INT32) ATTR("value", "tensor { dtype: DT_INT32 tensor_shape { " dims "} int_val: " v " }"))
#define VERSION "versions { producer: 1087 }\n"

#define NHWC_INPUT  INPUT("x", D(-1) D(8) D(8) D(4))
#define NCHW_INPUT  INPUT("x", D(-1) D(4) D(8) D(8))
#define CONV(name, x, w, more) \
    OP(name, "Conv2D", IN(x) IN(w) T("T", FLOAT) L("strides", "[1, 1, 1, 1]") more)

static fl_tf_graph *graph_of(const char *text)
{
    fl_tf_graph *g = NULL;
    floe_error err = {0};
    assert_ok(fl_tf_graph_parse(&g, NULL, text, strlen(text), "test.pbtxt", &err), &err);
    return g;
}

static void convert_as(const char *name, const char *graph, const char *const *outputs, size_t n_outputs, const char *expected)
{
    const fl_tf_convert_options options = {.outputs = outputs, .n_outputs = n_outputs};
    fl_tf_graph *tf = graph_of(graph);
    fl_uff_graph *g = NULL;
    floe_error err = {0};

    assert_ok(fl_tf_to_uff(&g, tf, &options, &err), &err);
    char *text = show_graph(g);
    if (strcmp(text, expected) != 0)
        fail_msg("%s:\nfound\n%sexpected\n%s", name, text, expected);
    free(text);
    fl_uff_free(g);
    fl_tf_graph_free(tf);
}

typedef struct rule_case {
    const char *name, *graph, *expected; /* the output is the node called "y" */
} rule_case;

static void check_cases(const rule_case *cases, size_t count)
{
    static const char *const y[] = {"y"};

    for (size_t i = 0; i < count; i++)
        convert_as(cases[i].name, cases[i].graph, y, 1, cases[i].expected);
}

#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof(cases)[0])

#define X_NHWC "x Input() dtype=#20020 shape=[-1,8,8,4]\n"
#define X_NCHW "x Input() dtype=#20020 shape=[-1,4,8,8]\n"
#define X_ANY  "x Input() dtype=#20020 shape=[]\n"

/* ---- convolutions and pools */

static void convolutions_keep_core_form_where_it_is_exact(void **state)
{
    static const rule_case cases[] = {
        {"same",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(4) D(6))
         OP("y", "Conv2D", IN("x") IN("w") L("strides", "[1, 2, 3, 1]") L("dilations", "[1, 1, 1, 1]") S("padding", "SAME")),
         "y Conv(x, w) dilation=[1,1] implicit_padding=same inputs_orders=@orders_N+C_+CK strides=[2,3]\n"
         "w Const() dtype=#20020 shape=[3,3,4,6]\n" X_NHWC},
        {"valid, dilated, NCHW",
         NCHW_INPUT WEIGHTS("w", D(3) D(3) D(4) D(6))
         OP("y", "Conv2D", IN("x") IN("w") L("strides", "[1, 1, 2, 3]") L("dilations", "[1, 1, 4, 5]") S("padding", "VALID")
            S("data_format", "NCHW")),
         "y Conv(x, w) dilation=[4,5] inputs_orders=@orders_NC+_+CK strides=[2,3]\n"
         "w Const() dtype=#20020 shape=[3,3,4,6]\n" X_NCHW},
        {"explicit and symmetric",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(4) D(6))
         CONV("y", "x", "w", S("padding", "EXPLICIT") L("explicit_paddings", "[0, 0, 1, 1, 2, 2, 0, 0]")),
         "y Conv(x, w) inputs_orders=@orders_N+C_+CK padding=[1,2] strides=[1,1]\n"
         "w Const() dtype=#20020 shape=[3,3,4,6]\n" X_NHWC},
        {"explicit and asymmetric",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(4) D(6))
         CONV("y", "x", "w", S("padding", "EXPLICIT") L("explicit_paddings", "[0, 0, 0, 1, 2, 2, 0, 0]")),
         "y _Conv2D(x, w) T=#20020 explicit_paddings=[0,0,0,1,2,2,0,0] padding=EXPLICIT strides=[1,1,1,1]\n"
         "w Const() dtype=#20020 shape=[3,3,4,6]\n" X_NHWC},
        {"explicit over channels",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(4) D(6))
         CONV("y", "x", "w", S("padding", "EXPLICIT") L("explicit_paddings", "[0, 0, 1, 1, 2, 2, 3, 3]")),
         "y _Conv2D(x, w) T=#20020 explicit_paddings=[0,0,1,1,2,2,3,3] padding=EXPLICIT strides=[1,1,1,1]\n"
         "w Const() dtype=#20020 shape=[3,3,4,6]\n" X_NHWC},
        {"groups",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(2) D(6)) CONV("y", "x", "w", S("padding", "SAME")),
         "y _Conv2D(x, w) T=#20020 padding=SAME strides=[1,1,1,1]\n"
         "w Const() dtype=#20020 shape=[3,3,2,6]\n" X_NHWC},
        {"NCHW_VECT_C is not ours",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(4) D(6)) CONV("y", "x", "w", S("padding", "SAME") S("data_format", "NCHW_VECT_C")),
         "y _Conv2D(x, w) T=#20020 data_format=NCHW_VECT_C padding=SAME strides=[1,1,1,1]\n"
         "w Const() dtype=#20020 shape=[3,3,4,6]\n" X_NHWC},
        {"depthwise",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(4) D(2))
         OP("y", "DepthwiseConv2dNative", IN("x") IN("w") L("strides", "[1, 1, 1, 1]") S("padding", "SAME")),
         "y Conv(x, w) implicit_padding=same inputs_orders=@orders_N+C_+CK number_groups=4 strides=[1,1]\n"
         "w Const() dtype=#20020 shape=[3,3,4,2]\n" X_NHWC},
        {"depthwise with a kernel of unknown shape",
         NHWC_INPUT ANY_INPUT("w")
         OP("y", "DepthwiseConv2dNative", IN("x") IN("w") L("strides", "[1, 1, 1, 1]") S("padding", "SAME")),
         "y _DepthwiseConv2dNative(x, w) padding=SAME strides=[1,1,1,1]\n"
         "w Input() dtype=#20020 shape=[]\n" X_NHWC},
    };
    CHECK(cases);
    (void)state;
}

#define PADDED(pads, last) \
    NHWC_INPUT INTS("p", D(4) D(2), pads) WEIGHTS("w", D(3) D(3) D(4) D(6)) OP("pad", "Pad", IN("x") IN("p")) last
#define PAD_LEFT(y, w) y "w Const() dtype=#20020 shape=[3,3,4,6]\n" w \
    "pad Pad(x, p)\np Const() dtype=#10020 shape=[4,2]\n" X_NHWC

static void only_a_convolution_absorbs_a_pad_and_only_one_that_it_can(void **state)
{
    static const rule_case cases[] = {
        {"absorbed", PADDED("[0, 0, 1, 1, 2, 2, 0, 0]", CONV("y", "pad", "w", S("padding", "VALID"))),
         "y Conv(x, w) inputs_orders=@orders_N+C_+CK padding=[1,2] strides=[1,1]\n"
         "w Const() dtype=#20020 shape=[3,3,4,6]\n" X_NHWC},
        {"asymmetric", PADDED("[0, 0, 0, 1, 2, 2, 0, 0]", CONV("y", "pad", "w", S("padding", "VALID"))),
         PAD_LEFT("y Conv(pad, w) inputs_orders=@orders_N+C_+CK strides=[1,1]\n", "")},
        {"batch", PADDED("[1, 1, 1, 1, 2, 2, 0, 0]", CONV("y", "pad", "w", S("padding", "VALID"))),
         PAD_LEFT("y Conv(pad, w) inputs_orders=@orders_N+C_+CK strides=[1,1]\n", "")},
        {"in front of SAME", PADDED("[0, 0, 1, 1, 2, 2, 0, 0]", CONV("y", "pad", "w", S("padding", "SAME"))),
         PAD_LEFT("y Conv(pad, w) implicit_padding=same inputs_orders=@orders_N+C_+CK strides=[1,1]\n", "")},
        {"in front of a pool",
         PADDED("[0, 0, 1, 1, 2, 2, 0, 0]", OP("y", "MaxPool", IN("pad") L("ksize", "[1, 2, 2, 1]") L("strides", "[1, 2, 2, 1]")
                                               S("padding", "VALID"))),
         "y Pool(pad) func=max inputs_orders=@orders_N+C kernel=[2,2] strides=[2,2]\n"
         "pad Pad(x, p)\np Const() dtype=#10020 shape=[4,2]\n" X_NHWC},
        {"PadV2 and MirrorPad are custom",
         NHWC_INPUT INTS("p", D(4) D(2), "[0, 0, 1, 1, 2, 2, 0, 0]") WEIGHTS("v", "")
         OP("m", "MirrorPad", IN("x") IN("p") S("mode", "REFLECT")) OP("y", "PadV2", IN("m") IN("p") IN("v")),
         "y _PadV2(m, p, v)\nv Const() dtype=#20020 shape=[]\np Const() dtype=#10020 shape=[4,2]\n"
         "m _MirrorPad(x, p) mode=REFLECT\n" X_NHWC},
    };
    CHECK(cases);
    (void)state;
}

static void pools_and_transposed_convolutions(void **state)
{
    static const rule_case cases[] = {
        {"average, NCHW",
         NCHW_INPUT OP("y", "AvgPool", IN("x") L("ksize", "[1, 1, 3, 2]") L("strides", "[1, 1, 2, 1]") S("padding", "SAME")
                       S("data_format", "NCHW")),
         "y Pool(x) func=avg implicit_padding=same inputs_orders=@orders_NC+ kernel=[3,2] strides=[2,1]\n" X_NCHW},
        {"explicit", NHWC_INPUT OP("y", "MaxPool", IN("x") L("ksize", "[1, 2, 2, 1]") L("strides", "[1, 2, 2, 1]")
                                   S("padding", "EXPLICIT") L("explicit_paddings", "[0, 0, 1, 1, 1, 1, 0, 0]")),
         "y _MaxPool(x) explicit_paddings=[0,0,1,1,1,1,0,0] ksize=[1,2,2,1] padding=EXPLICIT strides=[1,2,2,1]\n" X_NHWC},
        {"over channels", NHWC_INPUT OP("y", "MaxPool", IN("x") L("ksize", "[1, 1, 1, 2]") L("strides", "[1, 1, 1, 2]")
                                        S("padding", "VALID")),
         "y _MaxPool(x) ksize=[1,1,1,2] padding=VALID strides=[1,1,1,2]\n" X_NHWC},
        {"transposed",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(6) D(4)) INTS("s", D(4), "[1, 16, 16, 6]")
         OP("y", "Conv2DBackpropInput", IN("s") IN("w") IN("x") L("strides", "[1, 2, 2, 1]") S("padding", "SAME")),
         "y ConvTranspose(x, w, s) implicit_padding=same inputs_orders=@orders_N+C_+KC strides=[2,2]\n"
         "s Const() dtype=#10020 shape=[4]\nw Const() dtype=#20020 shape=[3,3,6,4]\n" X_NHWC},
        {"transposed and dilated",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(6) D(4)) INTS("s", D(4), "[1, 16, 16, 6]")
         OP("y", "Conv2DBackpropInput", IN("s") IN("w") IN("x") L("strides", "[1, 1, 1, 1]") L("dilations", "[1, 2, 2, 1]")
            S("padding", "VALID")),
         "y _Conv2DBackpropInput(s, w, x) dilations=[1,2,2,1] padding=VALID strides=[1,1,1,1]\n"
         X_NHWC "w Const() dtype=#20020 shape=[3,3,6,4]\ns Const() dtype=#10020 shape=[4]\n"},
        {"transposed with height and width alone",
         NHWC_INPUT WEIGHTS("w", D(3) D(3) D(6) D(4)) INTS("s", D(2), "[16, 16]")
         OP("y", "Conv2DBackpropInput", IN("s") IN("w") IN("x") L("strides", "[1, 2, 2, 1]") S("padding", "SAME")),
         "y _Conv2DBackpropInput(s, w, x) padding=SAME strides=[1,2,2,1]\n"
         X_NHWC "w Const() dtype=#20020 shape=[3,3,6,4]\ns Const() dtype=#10020 shape=[2]\n"},
    };
    CHECK(cases);
    (void)state;
}

/* ---- bias and normalisation */

static void a_bias_is_core_where_its_axis_is_sure(void **state)
{
    static const rule_case cases[] = {
        {"NHWC", ANY_INPUT("x") WEIGHTS("b", D(4)) OP("y", "BiasAdd", IN("x") IN("b")),
         "b Const() dtype=#20020 shape=[4]\ny Binary(x, b) func=add\n" X_ANY},
        {"through an Identity", ANY_INPUT("x") WEIGHTS("b", D(4)) OP("b/read", "Identity", IN("b"))
         OP("y", "BiasAdd", IN("x") IN("b/read")),
         "b Const() dtype=#20020 shape=[4]\ny Binary(x, b) func=add\n" X_ANY},
        {"NCHW behind a convolution of unknown input",
         ANY_INPUT("x") WEIGHTS("w", D(3) D(3) D(4) D(6)) WEIGHTS("b", D(6))
         CONV("c", "x", "w", S("padding", "SAME") S("data_format", "NCHW"))
         OP("r", "Relu", IN("c")) OP("y", "BiasAdd", IN("r") IN("b") S("data_format", "NCHW")),
         "b Const() dtype=#20020 shape=[6,1,1]\ny Binary(r, b) func=add\nr Activation(c) func=relu\n"
         "c Conv(x, w) implicit_padding=same inputs_orders=@orders_NC+_+CK strides=[1,1]\n"
         "w Const() dtype=#20020 shape=[3,3,4,6]\n" X_ANY},
        {"NCHW of unknown rank", ANY_INPUT("x") WEIGHTS("b", D(4)) OP("y", "BiasAdd", IN("x") IN("b") S("data_format", "NCHW")),
         "y _BiasAdd(x, b) data_format=NCHW\nb Const() dtype=#20020 shape=[4]\n" X_ANY},
        {"NCHW of rank 2", INPUT("x", D(-1) D(4)) WEIGHTS("b", D(4))
         OP("y", "BiasAdd", IN("x") IN("b") S("data_format", "NCHW")),
         "y _BiasAdd(x, b) data_format=NCHW\nb Const() dtype=#20020 shape=[4]\nx Input() dtype=#20020 shape=[-1,4]\n"},
        {"NCHW, and the bias has other readers",
         NCHW_INPUT WEIGHTS("b", D(4)) OP("a", "BiasAdd", IN("x") IN("b") S("data_format", "NCHW"))
         OP("y", "Mul", IN("a") IN("b")),
         "y Binary(a, b) func=mul\nb Const() dtype=#20020 shape=[4]\na _BiasAdd(x, b) data_format=NCHW\n" X_NCHW},
        {"NCHW, one bias twice",
         NCHW_INPUT WEIGHTS("b", D(4)) OP("a", "BiasAdd", IN("x") IN("b") S("data_format", "NCHW"))
         OP("y", "BiasAdd", IN("a") IN("b") S("data_format", "NCHW")),
         "b Const() dtype=#20020 shape=[4,1,1]\ny Binary(a, b) func=add\na Binary(x, b) func=add\n" X_NCHW},
        {"computed", ANY_INPUT("x") ANY_INPUT("b") OP("y", "BiasAdd", IN("x") IN("b")),
         "y _BiasAdd(x, b)\nb Input() dtype=#20020 shape=[]\n" X_ANY},
    };
    CHECK(cases);
    (void)state;
}

#define STATISTICS WEIGHTS("g", D(4)) WEIGHTS("b", D(4)) WEIGHTS("m", D(4)) WEIGHTS("v", D(4))
#define NORM(name, op, more) OP(name, op, IN("x") IN("g") IN("b") IN("m") IN("v") more)
#define STATISTICS_BEHIND                                                                             \
    "v Const() dtype=#20020 shape=[4]\nm Const() dtype=#20020 shape=[4]\nb Const() dtype=#20020 shape=[4]\n" \
    "g Const() dtype=#20020 shape=[4]\n" X_NHWC

static void batch_norm_is_core_in_inference_only(void **state)
{
    static const rule_case cases[] = {
        {"inference", NHWC_INPUT STATISTICS NORM("y", "FusedBatchNormV3", F("epsilon", 0.5) B("is_training", false)),
         "y BatchNorm(x, g, b, m, v) epsilon=0.5 inputs_orders=@orders_N+C\n" STATISTICS_BEHIND},
        {"epsilon left out, NCHW",
         NHWC_INPUT STATISTICS NORM("y", "FusedBatchNorm", B("is_training", false) S("data_format", "NCHW")),
         "y BatchNorm(x, g, b, m, v) epsilon=0.0001 inputs_orders=@orders_NC+\n" STATISTICS_BEHIND},
        {"training", NHWC_INPUT STATISTICS NORM("y", "FusedBatchNormV2", B("is_training", true)),
         "y _FusedBatchNormV2(x, g, b, m, v) is_training=true\n" STATISTICS_BEHIND},
        {"left out, which means training", NHWC_INPUT STATISTICS NORM("y", "FusedBatchNorm", ""),
         "y _FusedBatchNorm(x, g, b, m, v)\n" STATISTICS_BEHIND},
        {"its second output is read",
         NHWC_INPUT STATISTICS NORM("n", "FusedBatchNorm", B("is_training", false)) OP("y", "Add", IN("n") IN("n:1")),
         "y Binary(n, n:1) func=add\nn _FusedBatchNorm(x, g, b, m, v) is_training=false\n" STATISTICS_BEHIND},
        {"local response", NHWC_INPUT OP("y", "LRN", IN("x") F("alpha", 0.25)),
         "y LRN(x) alpha=0.25 beta=0.5 inputs_orders=@orders_N+C k=1 window_size=5\n" X_NHWC},
    };
    CHECK(cases);
    (void)state;
}

/* ---- element-wise, matrices, shapes */

static void plain_operations(void **state)
{
    static const rule_case cases[] = {
        {"binary", ANY_INPUT("x") OP("a", "RealDiv", IN("x") IN("x")) OP("b", "Pow", IN("a") IN("x"))
         OP("c", "Minimum", IN("b") IN("a")) OP("y", "AddV2", IN("c") IN("b")),
         "y Binary(c, b) func=add\nb Binary(a, x) func=pow\n" X_ANY "a Binary(x, x) func=div\nc Binary(b, a) func=min\n"},
        {"unary and activations",
         ANY_INPUT("x") OP("a", "Rsqrt", IN("x")) OP("b", "Relu6", IN("a")) OP("c", "LeakyRelu", IN("b"))
         OP("y", "LeakyRelu", IN("c") F("alpha", 0.5)),
         "y LeakyRelu(c) alpha=0.5\nc LeakyRelu(b) alpha=0.2\nb Activation(a) func=relu6\na Unary(x) func=rsqrt\n" X_ANY},
        {"matrix products",
         ANY_INPUT("x") WEIGHTS("w", D(4) D(4)) OP("a", "MatMul", IN("x") IN("w"))
         OP("y", "MatMul", IN("a") IN("w") B("transpose_a", true) B("transpose_b", true)),
         "y FullyConnected(a, w) inputs_orders=@orders_CN_KC\nw Const() dtype=#20020 shape=[4,4]\n"
         "a FullyConnected(x, w) inputs_orders=@orders_NC_CK\n" X_ANY},
        {"softmax", ANY_INPUT("x") OP("y", "Softmax", IN("x")), "y Softmax(x) axis=0 inputs_orders=@orders_N+C\n" X_ANY},
        {"operations without a word in core UFF",
         ANY_INPUT("x") OP("a", "SquaredDifference", IN("x") IN("x")) OP("y", "GreaterEqual", IN("a") IN("x") T("T", FLOAT)),
         "y _GreaterEqual(a, x) T=#20020\n" X_ANY "a _SquaredDifference(x, x)\n"},
        {"control inputs are dropped",
         ANY_INPUT("x") OP("n", "NoOp", "") OP("a", "Relu", IN("x") IN("^n")) OP("y", "Erf", IN("a") IN("^n")),
         "y _Erf(a)\na Activation(x) func=relu\n" X_ANY},
    };
    CHECK(cases);
    (void)state;
}

static void axes_and_permutations_become_fields(void **state)
{
    static const rule_case cases[] = {
        {"reductions", ANY_INPUT("x") INTS("one", "", "-1") INTS("two", D(2), "[1, 2]")
         OP("a", "Mean", IN("x") IN("two") B("keep_dims", true)) OP("y", "Max", IN("a") IN("one")),
         "y Reduce(a) axes=[-1] func=max keepdims=false\na Reduce(x) axes=[1,2] func=mean keepdims=true\n" X_ANY},
        {"no axes", ANY_INPUT("x") INTS("none", D(0), "[]") OP("y", "Sum", IN("x") IN("none")),
         "y _Sum(x, none)\nnone Const() dtype=#10020 shape=[0]\n" X_ANY},
        {"axes from data", ANY_INPUT("x") ANY_INPUT("k") OP("y", "Sum", IN("x") IN("k")),
         "y _Sum(x, k)\nk Input() dtype=#20020 shape=[]\n" X_ANY},
        {"axes by Range", INPUT("x", D(-1) D(5) D(6)) INTS("one", "", "1") OP("r", "Rank", IN("x"))
         OP("k", "Range", IN("one") IN("r") IN("one")) OP("y", "Sum", IN("x") IN("k")),
         "y Reduce(x) axes=[1,2] func=sum keepdims=false\nx Input() dtype=#20020 shape=[-1,5,6]\n"},
        {"concatenation, both kinds", ANY_INPUT("x") INTS("k", "", "-1") OP("a", "ConcatV2", IN("x") IN("x") IN("k"))
         OP("y", "Concat", IN("k") IN("a") IN("x")),
         "y Concat(a, x) axis=-1\n" X_ANY "a Concat(x, x) axis=-1\n"},
        {"transposition, expansion, index of the largest",
         ANY_INPUT("x") INTS("k", D(3), "[0, 2, 1]") INTS("e", D(1), "[1]") OP("a", "Transpose", IN("x") IN("k"))
         OP("b", "ExpandDims", IN("a") IN("e")) OP("y", "ArgMax", IN("b") IN("e") T("output_type", INT32)),
         "y ArgMax(b) axis=1\nb ExpandDims(a) axis=1\na Transpose(x) permutation=[0,2,1]\n" X_ANY},
        {"squeezing", ANY_INPUT("x") OP("a", "Squeeze", IN("x") L("squeeze_dims", "[1, 2]")) OP("y", "Squeeze", IN("a")),
         "y _Squeeze(a)\na Squeeze(x) axes=[1,2]\n" X_ANY},
        {"squeezing all of a known batch", INPUT("x", D(-1) D(1) D(5)) OP("y", "Squeeze", IN("x")),
         "y Squeeze(x) axes=[]\nx Input() dtype=#20020 shape=[-1,1,5]\n"},
        {"gathering", ANY_INPUT("x") INTS("i", D(1), "[0]") INTS("k", "", "1")
         OP("a", "GatherV2", IN("x") IN("i") IN("k") T("Tparams", FLOAT) T("Tindices", INT32))
         OP("b", "Gather", IN("a") IN("i") T("Tparams", FLOAT) T("Tindices", INT32) B("validate_indices", true))
         OP("y", "GatherV2", IN("b") IN("i") IN("k") I("batch_dims", 1)),
         "y _GatherV2(b, i, k) batch_dims=1\nk Const() dtype=#10020 shape=[]\ni Const() dtype=#10020 shape=[1]\n"
         "b Gather(a, i) indices_dtype=#10020 params_dtype=#20020 validate_indices=true\n"
         "a GatherV2(x, i) axis=1 indices_dtype=#10020 params_dtype=#20020\n" X_ANY},
        {"strided slices", ANY_INPUT("x") INTS("i", D(1), "[1]")
         OP("a", "StridedSlice", IN("x") IN("i") IN("i") IN("i") I("shrink_axis_mask", 1))
         OP("y", "StridedSlice", IN("a") IN("i") IN("i") IN("i") I("new_axis_mask", 1)),
         "y _StridedSlice(a, i, i, i) new_axis_mask=1\ni Const() dtype=#10020 shape=[1]\n"
         "a StridedSlice(x, i, i, i) begin_mask=0 end_mask=0 shrink_axis_mask=1\n" X_ANY},
        {"stacking", ANY_INPUT("x") OP("y", "Pack", IN("x") IN("x") I("axis", 2)), "y Stack(x, x) axis=2\n" X_ANY},
    };
    CHECK(cases);
    (void)state;
}

/* ---- patterns */

#define BATCH_OF_X                                                                                      \
    INTS("0", D(1), "[0]") INTS("1", D(1), "[1]") OP("shape", "Shape", IN("x"))                         \
    OP("batch", "StridedSlice", IN("shape") IN("0") IN("1") IN("1") I("shrink_axis_mask", 1)) INTS("-1", "", "-1")
#define FLATTEN_NAME "flatten_1/Reshape"

static void a_reshape_called_flatten_is_one_only_if_it_is(void **state)
{
    static const char *const output[] = {FLATTEN_NAME};
    static const rule_case cases[] = {
        {"by Pack", ANY_INPUT("x") BATCH_OF_X OP("t", "Pack", IN("batch") IN("-1")) OP(FLATTEN_NAME, "Reshape", IN("x") IN("t")),
         "flatten_1/Reshape Flatten(x)\n" X_ANY},
        {"by the product of the rest", ANY_INPUT("x") BATCH_OF_X INTS("none", D(1), "[0]")
         OP("rest", "StridedSlice", IN("shape") IN("1") IN("none") IN("1") I("end_mask", 1))
         OP("k", "Prod", IN("rest") IN("0")) OP("t", "Pack", IN("-1") IN("k")) OP(FLATTEN_NAME, "Reshape", IN("x") IN("t")),
         "flatten_1/Reshape Flatten(x)\n" X_ANY},
        {"by a constant that fits", INPUT("x", D(-1) D(4) D(5)) INTS("t", D(2), "[-1, 20]")
         OP(FLATTEN_NAME, "Reshape", IN("x") IN("t")),
         "flatten_1/Reshape Flatten(x)\nx Input() dtype=#20020 shape=[-1,4,5]\n"},
        {"of the one batch there is", INPUT("x", D(3) D(4) D(5)) INTS("t", D(2), "[3, -1]")
         OP(FLATTEN_NAME, "Reshape", IN("x") IN("t")),
         "flatten_1/Reshape Flatten(x)\nx Input() dtype=#20020 shape=[3,4,5]\n"},
        {"by a constant that mixes the batch in", INPUT("x", D(-1) D(4) D(5)) INTS("t", D(2), "[-1, 5]")
         OP(FLATTEN_NAME, "Reshape", IN("x") IN("t")),
         "flatten_1/Reshape Reshape(x, t)\nt Const() dtype=#10020 shape=[2]\nx Input() dtype=#20020 shape=[-1,4,5]\n"},
        {"of unknown sizes", ANY_INPUT("x") INTS("t", D(2), "[-1, 20]") OP(FLATTEN_NAME, "Reshape", IN("x") IN("t")),
         "flatten_1/Reshape Reshape(x, t)\nt Const() dtype=#10020 shape=[2]\n" X_ANY},
        {"of another tensor's batch", ANY_INPUT("x") ANY_INPUT("z") BATCH_OF_X OP("t", "Pack", IN("batch") IN("-1"))
         OP(FLATTEN_NAME, "Reshape", IN("z") IN("t")),
         "flatten_1/Reshape Reshape(z, t)\nt Stack(batch, -1) axis=0\n-1 Const() dtype=#10020 shape=[]\n"
         "batch StridedSlice(shape, 0, 1, 1) begin_mask=0 end_mask=0 shrink_axis_mask=1\n"
         "1 Const() dtype=#10020 shape=[1]\n0 Const() dtype=#10020 shape=[1]\nshape Shape(x)\n" X_ANY
         "z Input() dtype=#20020 shape=[]\n"},
        {"to rank 3", INPUT("x", D(-1) D(4) D(5)) INTS("t", D(3), "[-1, 4, 5]") OP(FLATTEN_NAME, "Reshape", IN("x") IN("t")),
         "flatten_1/Reshape Reshape(x, t)\nt Const() dtype=#10020 shape=[3]\nx Input() dtype=#20020 shape=[-1,4,5]\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        convert_as(cases[i].name, cases[i].graph, output, 1, cases[i].expected);
    convert_as("not called so", INPUT("y/x", D(-1) D(4) D(5)) INTS("t", D(2), "[-1, 20]") OP("y", "Reshape", IN("y/x") IN("t")),
               (const char *[]){"y"}, 1,
               "y Reshape(y/x, t)\nt Const() dtype=#10020 shape=[2]\ny/x Input() dtype=#20020 shape=[-1,4,5]\n");
    (void)state;
}

#define SOFTMAX_OF_ROWS(rows)                                                                      \
    OP("a", "Reshape", IN("x") IN(rows)) OP("s", "Softmax", IN("a")) OP("y", "Reshape", IN("s") IN("shape"))

static void an_expanded_softmax_is_one_softmax(void **state)
{
    static const rule_case cases[] = {
        {"as TensorFlow 1 writes it",
         INPUT("x", D(-1) D(3) D(4) D(5)) OP("shape", "Shape", IN("x")) INTS("rank", "", "4") INTS("one", "", "1")
         INTS("-1", D(1), "[-1]") INTS("1", D(1), "[1]") INTS("zero", "", "0") OP("last", "Sub", IN("rank") IN("one"))
         OP("begin", "Pack", IN("last")) OP("cut", "Slice", IN("shape") IN("begin") IN("1"))
         OP("rows", "ConcatV2", IN("-1") IN("cut") IN("zero")) SOFTMAX_OF_ROWS("rows"),
         "y Softmax(x) axis=0 inputs_orders=@orders_N+C\nx Input() dtype=#20020 shape=[-1,3,4,5]\n"},
        {"by a constant", INPUT("x", D(-1) D(7)) OP("shape", "Shape", IN("x")) INTS("rows", D(2), "[-1, 7]")
         SOFTMAX_OF_ROWS("rows"),
         "y Softmax(x) axis=0 inputs_orders=@orders_N+C\nx Input() dtype=#20020 shape=[-1,7]\n"},
        {"of rows that are not the last axis", INPUT("x", D(-1) D(3) D(4)) OP("shape", "Shape", IN("x"))
         INTS("rows", D(2), "[-1, 12]") SOFTMAX_OF_ROWS("rows"),
         "y Reshape(s, shape)\nshape Shape(x)\nx Input() dtype=#20020 shape=[-1,3,4]\n"
         "s Softmax(a) axis=0 inputs_orders=@orders_N+C\na Reshape(x, rows)\nrows Const() dtype=#10020 shape=[2]\n"},
    };
    CHECK(cases);
    (void)state;
}

#define DILATED(op, block, pads, crops)                                                                    \
    INTS("r", D(2), block) INTS("p", D(2) D(2), pads) INTS("c", D(2) D(2), crops)                          \
    OP("s2b", "SpaceToBatchND", IN("x") IN("r") IN("p"))                                                   \
    OP("conv", op, IN("s2b") IN("w") T("T", FLOAT) L("strides", "[1, 1, 1, 1]") S("padding", "VALID"))     \
    OP("y", "BatchToSpaceND", IN("conv") IN("r") IN("c"))
#define W3 WEIGHTS("w", D(3) D(3) D(4) D(6))
#define W3_BEHIND "w Const() dtype=#20020 shape=[3,3,4,6]\n"

static void dilated_convolutions_are_folded(void **state)
{
    static const rule_case cases[] = {
        {"symmetric", NHWC_INPUT W3 DILATED("Conv2D", "[2, 3]", "[2, 2, 3, 4]", "[0, 0, 0, 1]"),
         "y Conv(x, w) dilation=[2,3] inputs_orders=@orders_N+C_+CK padding=[2,3] strides=[1,1]\n" W3_BEHIND X_NHWC},
        {"SAME of an even kernel",
         NHWC_INPUT WEIGHTS("w", D(2) D(2) D(4) D(6)) DILATED("Conv2D", "[3, 3]", "[1, 3, 1, 2]", "[0, 1, 0, 0]"),
         "y Conv(x, w) dilation=[3,3] implicit_padding=same inputs_orders=@orders_N+C_+CK strides=[1,1]\n"
         "w Const() dtype=#20020 shape=[2,2,4,6]\n" X_NHWC},
        {"asymmetric", NHWC_INPUT W3 DILATED("Conv2D", "[2, 2]", "[0, 4, 2, 2]", "[0, 0, 0, 0]"),
         "y _Conv2D(x, w) T=#20020 dilations=[1,2,2,1] explicit_paddings=[0,0,0,4,2,2,0,0] padding=EXPLICIT "
         "strides=[1,1,1,1]\n" W3_BEHIND X_NHWC},
        {"depthwise", NHWC_INPUT WEIGHTS("w", D(3) D(3) D(4) D(1))
         DILATED("DepthwiseConv2dNative", "[2, 2]", "[0, 0, 0, 0]", "[0, 0, 0, 0]"),
         "y Conv(x, w) dilation=[2,2] inputs_orders=@orders_N+C_+CK number_groups=4 padding=[0,0] strides=[1,1]\n"
         "w Const() dtype=#20020 shape=[3,3,4,1]\n" X_NHWC},
        {"cropping more than was padded", NHWC_INPUT W3 DILATED("Conv2D", "[2, 2]", "[0, 0, 0, 0]", "[1, 1, 0, 0]"),
         "y _BatchToSpaceND(conv, r, c)\nc Const() dtype=#10020 shape=[2,2]\nr Const() dtype=#10020 shape=[2]\n"
         "conv Conv(s2b, w) inputs_orders=@orders_N+C_+CK strides=[1,1]\n" W3_BEHIND
         "s2b _SpaceToBatchND(x, r, p)\np Const() dtype=#10020 shape=[2,2]\n" X_NHWC},
        {"in one dimension",
         INPUT("x", D(-1) D(9) D(4)) WEIGHTS("w", D(1) D(3) D(4) D(6)) INTS("r", D(1), "[2]") INTS("p", D(1) D(2), "[2, 3]")
         INTS("c", D(1) D(2), "[0, 1]") INTS("k", "", "1") OP("s2b", "SpaceToBatchND", IN("x") IN("r") IN("p"))
         OP("e", "ExpandDims", IN("s2b") IN("k")) CONV("conv", "e", "w", S("padding", "VALID"))
         OP("q", "Squeeze", IN("conv") L("squeeze_dims", "[-3]")) OP("y", "BatchToSpaceND", IN("q") IN("r") IN("c")),
         "y Squeeze(y/Conv2D) axes=[1]\n"
         "y/Conv2D Conv(y/ExpandDims, w) dilation=[1,2] inputs_orders=@orders_N+C_+CK padding=[0,2] strides=[1,1]\n"
         "y/ExpandDims ExpandDims(x) axis=1\nw Const() dtype=#20020 shape=[1,3,4,6]\nx Input() dtype=#20020 shape=[-1,9,4]\n"},
    };
    CHECK(cases);
    (void)state;
}

/* Height and width unknown: the paddings are computed as TensorFlow's required_space_to_batch_paddings does, here for one
 * axis and used for both. extra = (2 - (size + 4) mod 2) mod 2 */
#define COMPUTED_PADS                                                                                              \
    ANY_INPUT("x") W3 INTS("two", "", "2") INTS("four", "", "4") INTS("zero", "", "0") INTS("1", D(1), "[1]")      \
    INTS("2", D(1), "[2]") OP("shape", "Shape", IN("x"))                                                           \
    OP("size", "StridedSlice", IN("shape") IN("1") IN("2") IN("1") I("shrink_axis_mask", 1))                       \
    OP("full", "Add", IN("size") IN("four")) OP("over", "FloorMod", IN("full") IN("two"))                          \
    OP("left", "Sub", IN("two") IN("over")) OP("extra", "FloorMod", IN("left") IN("two"))
#define COMPUTED_DILATION(after)                                                                                   \
    OP("end", "Add", IN("two") IN(after)) OP("row", "Pack", IN("two") IN("end")) OP("pads", "Pack", IN("row") IN("row")) \
    OP("crop", "Pack", IN("zero") IN("extra")) OP("crops", "Pack", IN("crop") IN("crop")) INTS("r", D(2), "[2, 2]") \
    OP("s2b", "SpaceToBatchND", IN("x") IN("r") IN("pads")) CONV("conv", "s2b", "w", S("padding", "VALID"))        \
    OP("y", "BatchToSpaceND", IN("conv") IN("r") IN("crops"))

static void dilations_with_computed_paddings_are_folded_if_they_do_not_depend_on_sizes(void **state)
{
    static const rule_case folded[] = {
        {"what TensorFlow writes", COMPUTED_PADS COMPUTED_DILATION("extra"),
         "y Conv(x, w) dilation=[2,2] inputs_orders=@orders_N+C_+CK padding=[2,2] strides=[1,1]\n" W3_BEHIND X_ANY},
    };
    static const char *const y[] = {"y"};
    const fl_tf_convert_options options = {.outputs = y, .n_outputs = 1};
    fl_tf_graph *tf = graph_of(COMPUTED_PADS COMPUTED_DILATION("size")); /* pads by the size itself: not the same for all */
    fl_uff_graph *g = NULL;
    floe_error err = {0};

    CHECK(folded);
    assert_ok(fl_tf_to_uff(&g, tf, &options, &err), &err);
    assert_string_equal(fl_uff_find(g, "y")->operation, "_BatchToSpaceND");
    fl_uff_free(g);
    fl_tf_graph_free(tf);
    (void)state;
}

/* ---- types, ports, and what a file keeps of them */

#define EVERY_TYPE                                                                                                           \
    OP("x", "Placeholder", T("dtype", UINT8) ATTR("shape", "shape { " D(-1) D(2) "}"))                                       \
    OP("half", "Const", T("dtype", HALF) ATTR("value", "tensor { dtype: DT_HALF tensor_shape { " D(3) "} half_val: [15360, 0] }")) \
    OP("long", "Const", T("dtype", INT64) ATTR("value", "tensor { dtype: DT_INT64 tensor_shape {} int64_val: -5 }"))         \
    OP("real", "Const", T("dtype", DOUBLE) ATTR("value", "tensor { dtype: DT_DOUBLE tensor_shape { " D(2) "} double_val: 0.5 }")) \
    OP("flag", "Const", T("dtype", BOOL) ATTR("value", "tensor { dtype: DT_BOOL tensor_shape {} bool_val: true }"))          \
    OP("text", "Const", T("dtype", STRING) ATTR("value", "tensor { dtype: DT_STRING tensor_shape {} string_val: 'a' }"))     \
    OP("s", "Split", IN("long") IN("x") I("num_split", 2))                                                                   \
    OP("c", "Cast", IN("s:1") T("SrcT", UINT8) T("DstT", BOOL) B("Truncate", false))                                         \
    OP("n", "Shape", IN("x") T("out_type", INT64))                                                                           \
    OP("y", "Many", IN("half") IN("long") IN("real") IN("flag") IN("text") IN("c") IN("s:0") IN("n")                         \
       ATTR("types", "list { type: [DT_FLOAT, DT_BOOL] }") ATTR("names", "list { s: ['a', 'b'] }")                           \
       ATTR("scales", "list { f: [0.5, 2] }") ATTR("bits", "list { b: [true, false] }") ATTR("none", "list { }")             \
       ATTR("shapes", "list { shape: { } }") ATTR("body", "func { name: 'f' }") ATTR("unknown", "shape { unknown_rank: true }") \
       ATTR("t", "tensor { dtype: DT_FLOAT }"))

static const char every_type_expected[] =
    "s _Split(long, x) num_split=2\nx Input() dtype=#7 shape=[-1,2]\nlong Const() dtype=#10040 shape=[]\n"
    "y _Many(half, long, real, flag, text, c, s, n) bits=[true,false] body=f names=[a,b] scales=[0.5,2] types=[131104,7] "
    "unknown=[] +types=[1,10]\n"
    "n Shape(x)\n"
    "c _Cast(s:1) DstT=? SrcT=? Truncate=false +DstT=10 +SrcT=4\n"
    "text _Const() dtype=? shape=[]\nflag Const() dtype=#7 shape=[]\nreal Const() dtype=#7 shape=[2]\n"
    "half Const() dtype=#20010 shape=[3]\n";

static void check_types(const fl_uff_graph *g)
{
    static const struct {
        const char *id;
        int         dtype;
    } known[] = {{"x", FL_TF_UINT8}, {"real", FL_TF_DOUBLE}, {"text", FL_TF_STRING}, {"n", FL_TF_INT64}, {"c", FL_TF_BOOL}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_int_equal(fl_uff_find(g, known[i].id)->tf_dtype, known[i].dtype);
    const fl_uff_node *c = fl_uff_find(g, "c");
    assert_int_equal(fl_uff_tf_type(g, c, "DstT", 0), FL_TF_BOOL);
    assert_int_equal(fl_uff_tf_type(g, c, "SrcT", 0), FL_TF_UINT8);
    assert_int_equal(fl_uff_tf_type(g, fl_uff_find(g, "half"), "dtype", 0), FL_TF_HALF);
    const fl_uff_data *half = fl_uff_field_of(g, fl_uff_find(g, "half"), "values");
    assert_int_equal(half->count, 6);
    assert_memory_equal(half->u.blob, "\x00\x3c\x00\x00\x00\x00", 6);
    const fl_uff_data *number = fl_uff_field_of(g, fl_uff_find(g, "long"), "values");
    assert_int_equal(number->count, 8);
    assert_memory_equal(number->u.blob, "\xfb\xff\xff\xff\xff\xff\xff\xff", 8);
    const double half_and_half[] = {0.5, 0.5};
    const fl_uff_data *real = fl_uff_field_of(g, fl_uff_find(g, "real"), "values");
    assert_int_equal(real->count, 16);
    assert_memory_equal(real->u.blob, half_and_half, 16);
    const fl_uff_data *flag = fl_uff_field_of(g, fl_uff_find(g, "flag"), "values");
    assert_int_equal(flag->count, 1);
    assert_int_equal(flag->u.blob[0], 1);
}

static void types_and_ports_survive_the_file(void **state)
{
    static const char *const y[] = {"y", "s:1"};
    const fl_tf_convert_options options = {.outputs = y, .n_outputs = 2};
    fl_tf_graph *tf = graph_of(EVERY_TYPE);
    fl_uff_graph *g = NULL, *again = NULL;
    floe_error err = {0};
    fl_buf file = fl_buf_make(NULL);

    assert_ok(fl_tf_to_uff(&g, tf, &options, &err), &err);
    assert_ok(fl_uff_write(&file, g, &err), &err);
    assert_ok(fl_uff_parse(&again, NULL, file.data, file.size, "again.uff", &err), &err);
    char *text = show_graph(g), *text_again = show_graph(again);
    assert_string_equal(text, every_type_expected);
    assert_string_equal(text_again, every_type_expected);
    check_types(g);
    check_types(again);
    assert_int_equal(fl_uff_port(fl_uff_find(again, "MarkOutput_1"), 0), 1);
    assert_int_equal(again->n_descriptor, 2);
    assert_string_equal(again->descriptor[1].id, "custom");
    free(text);
    free(text_again);
    fl_buf_free(&file);
    fl_uff_free(g);
    fl_uff_free(again);
    fl_tf_graph_free(tf);
    (void)state;
}

/* ---- outputs, overrides, walking */

static void the_walk_visits_the_last_input_first_and_skips_one_identity(void **state)
{
    static const rule_case cases[] = {
        {"order", ANY_INPUT("x") WEIGHTS("a", "") WEIGHTS("b", "") OP("l", "Add", IN("x") IN("a"))
         OP("r", "Sub", IN("x") IN("b")) OP("y", "Mul", IN("l") IN("r")),
         "y Binary(l, r) func=mul\nr Binary(x, b) func=sub\nb Const() dtype=#20020 shape=[]\n" X_ANY
         "l Binary(x, a) func=add\na Const() dtype=#20020 shape=[]\n"},
        {"one Identity", ANY_INPUT("x") OP("i", "Identity", IN("x:0")) OP("y", "Relu", IN("i")),
         "y Activation(x) func=relu\n" X_ANY},
        {"two leave one", ANY_INPUT("x") OP("i", "Identity", IN("x")) OP("j", "Identity", IN("i")) OP("y", "Relu", IN("j")),
         "y Activation(i) func=relu\ni Identity(x)\n" X_ANY},
        {"an output stays", ANY_INPUT("x") OP("y", "Identity", IN("x")), "y Identity(x)\n" X_ANY},
    };
    CHECK(cases);
    (void)state;
}

static void outputs_are_deduced_without_what_only_checks_read(void **state)
{
    convert_as("asserts and groups",
               ANY_INPUT("x") ANY_INPUT("unused") WEIGHTS("limit", "") OP("y", "Relu", IN("x") IN("^check"))
               OP("test", "Less", IN("x") IN("limit")) OP("all", "All", IN("test")) OP("check", "Assert", IN("all") IN("test"))
               OP("z", "Tanh", IN("x")) OP("done", "NoOp", IN("^z") IN("^check")),
               NULL, 0, "z Activation(x) func=tanh\n" X_ANY "y Activation(x) func=relu\n");
    convert_as("nothing but a placeholder", ANY_INPUT("x"), NULL, 0, X_ANY);
    (void)state;
}

static void outputs_may_be_given_by_number_and_port(void **state)
{
    convert_as("first and last", ANY_INPUT("x") OP("a", "Relu", IN("x")) OP("b", "Tanh", IN("a")),
               (const char *[]){"2", "-1"}, 2, "b Activation(a) func=tanh\na Activation(x) func=relu\n" X_ANY);
    (void)state;
}

static void inputs_can_be_put_in_the_place_of_nodes(void **state)
{
    static const fl_tf_input_override overrides[] = {
        {.name = "decode", .new_name = "image", .dtype = FL_TF_UINT8, .rank = 3, .dim = {-1, 4, 4}},
        {.name = "i", .new_name = NULL, .dtype = FL_TF_FLOAT, .rank = 1, .dim = {7}},
    };
    static const char *const y[] = {"y"};
    const fl_tf_convert_options options = {.outputs = y, .n_outputs = 1, .inputs = overrides, .n_inputs = 2};
    fl_tf_graph *tf = graph_of(OP("bytes", "Placeholder", T("dtype", STRING)) OP("decode", "DecodePng", IN("bytes"))
                               OP("c", "Relu", IN("decode")) OP("i", "Identity", IN("c")) OP("y", "Add", IN("c") IN("i")));
    fl_uff_graph *g = NULL;
    floe_error err = {0};

    assert_ok(fl_tf_to_uff(&g, tf, &options, &err), &err);
    char *text = show_graph(g);
    assert_string_equal(text, "y Binary(c, i) func=add\ni Input() dtype=#20020 shape=[7]\nc Activation(image) func=relu\n"
                              "image Input() dtype=#7 shape=[-1,4,4]\n");
    assert_int_equal(fl_uff_find(g, "image")->tf_dtype, FL_TF_UINT8);
    free(text);
    fl_uff_free(g);
    fl_tf_graph_free(tf);
    (void)state;
}

static void conversion_fails(const char *graph, const char *output, floe_status expected, const char *part)
{
    const char *outputs[] = {output};
    const fl_tf_convert_options options = {.outputs = outputs, .n_outputs = output ? 1 : 0};
    fl_tf_graph *tf = graph_of(graph);
    fl_uff_graph *g = NULL;
    floe_error err = {0};

    assert_int_equal(fl_tf_to_uff(&g, tf, &options, &err), expected);
    assert_null(g);
    if (!strstr(err.message, part))
        fail_msg("expected '%s' in: %s", part, err.message);
    fl_tf_graph_free(tf);
}

static void mistakes_are_named(void **state)
{
    conversion_fails(ANY_INPUT("image") OP("logits", "Relu", IN("image")), "logit", FLOE_ERR_NOT_FOUND,
                     "'logit' was not found in the graph; did you mean 'logits'? The -l option lists its nodes.");
    conversion_fails(ANY_INPUT("x"), "0", FLOE_ERR_NOT_FOUND, "'0' was not found");
    conversion_fails(OP("y", "Relu", IN("gone:2")), "y", FLOE_ERR_FORMAT, "node 'y': its input 'gone:2' is not in the graph");
    conversion_fails(ANY_INPUT("x") OP("y", "Conv2D", IN("x")), "y", FLOE_ERR_FORMAT, "node 'y' (Conv2D): 1 inputs, expected 2");
    conversion_fails(ANY_INPUT("x") INTS("k", "", "0") OP("y", "ConcatV2", IN("k")), "y", FLOE_ERR_FORMAT,
                     "an axis and nothing else");
    conversion_fails(OP("y", "Const", T("dtype", FLOAT)), "y", FLOE_ERR_FORMAT, "node 'y': Const without a value");
    conversion_fails(OP("n", "NoOp", ""), NULL, FLOE_ERR_ARGUMENT, "no node that could be an output");
    (void)state;
}

static void loops_and_long_chains_are_walked(void **state)
{
    fl_buf b = fl_buf_make(NULL);
    static const char *const last[] = {"n99999"};
    const fl_tf_convert_options options = {.outputs = last, .n_outputs = 1};
    fl_uff_graph *g = NULL;
    floe_error err = {0};

    convert_as("a loop", ANY_INPUT("x") OP("m", "Merge", IN("x") IN("next")) OP("next", "NextIteration", IN("y"))
               OP("y", "Exit", IN("m")), (const char *[]){"y"}, 1,
               "y _Exit(m)\nm _Merge(x, next)\nnext _NextIteration(y)\n" X_ANY);
    convert_as("Identities in a circle", OP("a", "Identity", IN("b")) OP("b", "Identity", IN("a")) OP("y", "Relu", IN("a")),
               (const char *[]){"y"}, 1, "y Activation(b) func=relu\nb Identity(b)\n");
    fl_put_text(&b, ANY_INPUT("n0"));
    for (int i = 1; i < 100000; i++)
        fl_put_format(&b, "node { name: 'n%d' op: 'Add' input: 'n%d' input: 'n%d' }\n", i, i - 1, i - 1);
    fl_tf_graph *tf = NULL;
    assert_ok(fl_tf_graph_parse(&tf, NULL, b.data, b.size, "chain.pbtxt", &err), &err);
    assert_ok(fl_tf_to_uff(&g, tf, &options, &err), &err);
    assert_int_equal(g->n_node, 100001);
    fl_uff_free(g);
    fl_tf_graph_free(tf);
    fl_buf_free(&b);
    (void)state;
}

/* The same chain as the target of a Reshape: paths through it are without number. */
static void evaluation_gives_up_in_time(void **state)
{
    fl_buf b = fl_buf_make(NULL);
    static const char *const y[] = {"flatten/y"};
    const fl_tf_convert_options options = {.outputs = y, .n_outputs = 1};
    fl_uff_graph *g = NULL;
    fl_tf_graph *tf = NULL;
    floe_error err = {0};

    fl_put_text(&b, ANY_INPUT("x") INTS("n0", D(2), "[0, 0]"));
    for (int i = 1; i < 38; i++)
        fl_put_format(&b, "node { name: 'n%d' op: 'Add' input: 'n%d' input: 'n%d' }\n", i, i - 1, i - 1);
    fl_put_text(&b, OP("flatten/y", "Reshape", IN("x") IN("n37")));
    assert_ok(fl_tf_graph_parse(&tf, NULL, b.data, b.size, "wide.pbtxt", &err), &err);
    assert_ok(fl_tf_to_uff(&g, tf, &options, &err), &err);
    assert_string_equal(fl_uff_find(g, "flatten/y")->operation, "Reshape");
    fl_uff_free(g);
    fl_tf_graph_free(tf);
    fl_buf_free(&b);
    (void)state;
}

/* ---- pairs: what NVIDIA's converter made of the same graph */

typedef struct pair {
    fl_tf_graph  *tf;
    fl_uff_graph *real, *ours;
    fl_buf        bytes; /* of ours */
    uint8_t      *file;
    size_t        file_size;
} pair;

/* Converts the .pb with the outputs that the .uff marks. */
static pair make_pair(const char *models, const char *pb, const char *uff)
{
    pair p = {.bytes = fl_buf_make(NULL)};
    char path[PATH_MAX];
    const char *outputs[8];
    size_t n = 0;
    floe_error err = {0};

    snprintf(path, sizeof path, "%s/%s", models, uff);
    p.file = read_whole(path, &p.file_size);
    assert_ok(fl_uff_parse(&p.real, NULL, p.file, p.file_size, path, &err), &err);
    for (size_t i = 0; i < p.real->n_node; i++)
        for (size_t k = 0; strcmp(p.real->node[i].operation, "MarkOutput") == 0 && k < p.real->node[i].n_input; k++)
            outputs[n++] = p.real->node[i].input[k];
    snprintf(path, sizeof path, "%s/%s", models, pb);
    assert_ok(fl_tf_graph_load(&p.tf, NULL, path, &err), &err);
    const fl_tf_convert_options options = {.outputs = outputs, .n_outputs = n};
    assert_ok(fl_tf_to_uff(&p.ours, p.tf, &options, &err), &err);
    return p;
}

static void free_pair(pair *p)
{
    free(p->file);
    fl_buf_free(&p->bytes);
    fl_uff_free(p->real);
    fl_uff_free(p->ours);
    fl_tf_graph_free(p->tf);
}

static void pairs_are_equal_to_every_weight_byte(void **state)
{
    static const char *const pairs[][2] = {
        {"uff-lenet/models/model.pb", "uff-lenet/models/model.uff"},
        {"uff-ppo/model.pb", "uff-ppo/model.uff"},
    };
    const char *models = golden_shared_models();
    floe_error err = {0};

    if (!models)
        skip();
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        pair p = make_pair(models, pairs[i][0], pairs[i][1]);
        assert_ok(fl_uff_write(&p.bytes, p.ours, &err), &err);
        assert_int_equal(p.bytes.size, p.file_size);
        assert_same_uff(p.bytes.data, p.bytes.size, p.file, p.file_size, false, pairs[i][1]);
        free_pair(&p);
    }
    (void)state;
}

static void drop_field(fl_uff_node *n, const char *key)
{
    for (size_t i = 0; i < n->n_field; i++)
        if (strcmp(n->field[i].key, key) == 0)
            n->field[i--] = n->field[--n->n_field];
}

/* TensorRT 3's converter: no shapes of inputs, and no dilation, axis of softmax and keepdims. */
static void apply_tensorrt_3(fl_uff_graph *g)
{
    for (size_t i = 0; i < g->n_node; i++) {
        fl_uff_node *n = &g->node[i];
        for (size_t k = 0; strcmp(n->operation, "Input") == 0 && k < n->n_field; k++)
            if (strcmp(n->field[k].key, "shape") == 0)
                n->field[k].value.count = 0;
        if (strcmp(n->operation, "Conv") == 0)
            drop_field(n, "dilation");
        if (strcmp(n->operation, "Softmax") == 0)
            drop_field(n, "axis");
        if (strcmp(n->operation, "Reduce") == 0)
            drop_field(n, "keepdims");
    }
}

static void rename_everywhere(fl_uff_graph *g, const char *from, const char *to)
{
    for (size_t i = 0; i < g->n_node; i++) {
        if (strcmp(g->node[i].id, from) == 0)
            g->node[i].id = to;
        for (size_t k = 0; k < g->node[i].n_input; k++)
            if (strcmp(g->node[i].input[k], from) == 0)
                g->node[i].input[k] = to;
    }
}

/* The two files hold weights of other trainings than the .pb, and one another name for the input: sizes of weights and all
 * else are compared. */
static void tensorrt_3_pairs_are_equal_in_structure(void **state)
{
    static const struct {
        const char *uff, *input;
    } pairs[] = {{"uff-allcnn/all_cnn.uff", "input_layer_1"}, {"uff-allcnn/test.uff", "input_image"}};
    const char *models = golden_shared_models();
    floe_error err = {0};

    if (!models)
        skip();
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        pair p = make_pair(models, "uff-allcnn/all_cnn3.pb", pairs[i].uff);
        apply_tensorrt_3(p.ours);
        rename_everywhere(p.ours, "input_layer_1", pairs[i].input);
        assert_ok(fl_uff_write(&p.bytes, p.ours, &err), &err);
        assert_same_uff(p.bytes.data, p.bytes.size, p.file, p.file_size, true, pairs[i].uff);
        free_pair(&p);
    }
    (void)state;
}

/* ---- every graph there is */

typedef struct suite {
    size_t converted, refused, not_graphs;
} suite;

static void convert_one(const char *path, void *arg)
{
    suite *s = arg;
    fl_tf_graph *tf = NULL;
    fl_uff_graph *g = NULL, *again = NULL;
    floe_error err = {0};
    fl_buf b = fl_buf_make(NULL);

    if (!ends_with(path, ".pb") || ends_with(path, "saved_model.pb"))
        return;
    if (fl_tf_graph_load(&tf, NULL, path, &err) != FLOE_OK) {
        s->not_graphs++;
        return;
    }
    const floe_status st = fl_tf_to_uff(&g, tf, NULL, &err);
    assert_ok_or_sentence(st, &err);
    if (st == FLOE_OK) {
        assert_ok(fl_uff_write(&b, g, &err), &err);
        assert_ok(fl_uff_parse(&again, NULL, b.data, b.size, path, &err), &err);
        char *first = show_graph(g), *second = show_graph(again);
        assert_string_equal(first, second);
        free(first);
        free(second);
        s->converted++;
    } else {
        print_message("refused: %s\n", err.message);
        s->refused++;
    }
    fl_buf_free(&b);
    fl_uff_free(again);
    fl_uff_free(g);
    fl_tf_graph_free(tf);
}

static void all_graphs_of_others_convert(void **state)
{
    const char *models = golden_shared_models();
    suite s = {0};

    if (!models)
        skip();
    walk_files(models, convert_one, &s);
    print_message("%zu graphs converted, %zu refused, %zu files are no graphs\n", s.converted, s.refused, s.not_graphs);
    assert_true(s.converted > 400);
    assert_true(s.refused <= s.converted / 100);
    (void)state;
}

/* ---- damage */

static void convert_damaged(const uint8_t *data, size_t size, void *arg)
{
    fl_tf_graph *tf = NULL;
    fl_uff_graph *g = NULL;
    floe_error err = {0};
    fl_buf b = fl_buf_make(NULL);

    if (fl_tf_graph_parse(&tf, NULL, data, size, "damaged.pb", &err) == FLOE_OK) {
        const floe_status st = fl_tf_to_uff(&g, tf, arg, &err);
        assert_ok_or_sentence(st, &err);
        if (st == FLOE_OK)
            assert_ok(fl_uff_write(&b, g, &err), &err);
    }
    fl_buf_free(&b);
    fl_uff_free(g);
    fl_tf_graph_free(tf);
}

static void damaged_graphs_never_do_harm(void **state)
{
    static const char *const graphs[] = {
        EVERY_TYPE,
        NHWC_INPUT W3 DILATED("Conv2D", "[2, 3]", "[2, 2, 3, 4]", "[0, 0, 0, 1]"),
        COMPUTED_PADS COMPUTED_DILATION("extra"),
        ANY_INPUT("x") BATCH_OF_X OP("t", "Pack", IN("batch") IN("-1")) OP(FLATTEN_NAME, "Reshape", IN("x") IN("t")),
        PADDED("[0, 0, 1, 1, 2, 2, 0, 0]", CONV("y", "pad", "w", S("padding", "VALID"))),
        NCHW_INPUT WEIGHTS("b", D(4)) OP("a", "BiasAdd", IN("x") IN("b") S("data_format", "NCHW"))
        OP("y", "BiasAdd", IN("a") IN("b") S("data_format", "NCHW")),
    };

    for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; i++) {
        fl_tf_graph *tf = graph_of(graphs[i]);
        fl_buf b = fl_buf_make(NULL);
        floe_error err = {0};
        assert_ok(fl_tf_graph_write(&b, tf, &err), &err);
        damage(b.data, b.size, 3000, convert_damaged, NULL);
        fl_buf_free(&b);
        fl_tf_graph_free(tf);
    }
    (void)state;
}

static void memory_that_runs_out_is_a_clean_error(void **state)
{
    static const char *const graphs[] = {EVERY_TYPE, COMPUTED_PADS COMPUTED_DILATION("extra")};
    static const char *const y[] = {"y"};
    const fl_tf_convert_options options = {.outputs = y, .n_outputs = 1};

    for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; i++) {
        bool done = false;
        for (size_t k = 0; !done && k < 5000; k++) {
            failing f = {k, 0};
            floe_env env = failing_env(&f);
            fl_tf_graph *tf = NULL;
            fl_uff_graph *g = NULL;
            floe_error err = {0};
            floe_status st = fl_tf_graph_parse(&tf, &env, graphs[i], strlen(graphs[i]), "oom.pbtxt", &err);
            if (st == FLOE_OK)
                st = fl_tf_to_uff(&g, tf, &options, &err);
            done = st == FLOE_OK;
            if (!done)
                assert_int_equal(st, FLOE_ERR_MEMORY);
            fl_uff_free(g);
            fl_tf_graph_free(tf);
            assert_int_equal(f.live, 0);
        }
        assert_true(done);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_keep_core_form_where_it_is_exact),
        cmocka_unit_test(only_a_convolution_absorbs_a_pad_and_only_one_that_it_can),
        cmocka_unit_test(pools_and_transposed_convolutions),
        cmocka_unit_test(a_bias_is_core_where_its_axis_is_sure),
        cmocka_unit_test(batch_norm_is_core_in_inference_only),
        cmocka_unit_test(plain_operations),
        cmocka_unit_test(axes_and_permutations_become_fields),
        cmocka_unit_test(a_reshape_called_flatten_is_one_only_if_it_is),
        cmocka_unit_test(an_expanded_softmax_is_one_softmax),
        cmocka_unit_test(dilated_convolutions_are_folded),
        cmocka_unit_test(dilations_with_computed_paddings_are_folded_if_they_do_not_depend_on_sizes),
        cmocka_unit_test(types_and_ports_survive_the_file),
        cmocka_unit_test(the_walk_visits_the_last_input_first_and_skips_one_identity),
        cmocka_unit_test(outputs_are_deduced_without_what_only_checks_read),
        cmocka_unit_test(outputs_may_be_given_by_number_and_port),
        cmocka_unit_test(inputs_can_be_put_in_the_place_of_nodes),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(loops_and_long_chains_are_walked),
        cmocka_unit_test(evaluation_gives_up_in_time),
        cmocka_unit_test(pairs_are_equal_to_every_weight_byte),
        cmocka_unit_test(tensorrt_3_pairs_are_equal_in_structure),
        cmocka_unit_test(all_graphs_of_others_convert),
        cmocka_unit_test(damaged_graphs_never_do_harm),
        cmocka_unit_test(memory_that_runs_out_is_a_clean_error),
    };
    return cmocka_run_group_tests_name("uff convert", tests, NULL, NULL);
}
