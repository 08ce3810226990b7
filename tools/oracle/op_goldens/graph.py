"""The graph builder and the case recorder under make_op_goldens.py.

One operator is one OpFile: a GraphDef in which case k lives alone under the scope `cKK/`, with Placeholders
`cKK/in0`, ... and results `cKK/out0`, .... NodeDefs are written by hand from TensorFlow's own OpDefs rather than
through the Python wrappers: a wrapper may pick another op, fold a constant or rename a node, and none of them can
leave an attribute out, which stripped graphs do. An OpDef tells the type attributes (from the dtypes of the inputs),
the list lengths and the defaults; shapes are TensorFlow's business when the graph is imported.

Values come from numpy's RandomState, whose streams are frozen, seeded by operator and case number: a case added at
the end of one operator changes no other file.

    @golden("Relu")                         # registers the operator, 12 cases at least
    def relu(g):
        c = g.case("matrix", dynamic=True)  # in0 is declared [-1, ...]
        x = c.input(c.normal(3, 5))
        c.out(c.op("Relu", x))

A case whose kernel the CPU lacks names an equivalent: `c.equivalent("NHWC", build)`, where build(r, arrays) builds
another graph from the same arrays. It is run for every case that has one: where the wanted op runs as well, the two
must agree, otherwise the equivalent's values are the golden ones and cases.txt says so.
"""
import zlib

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, graph_pb2, node_def_pb2, tensor_pb2, types_pb2
from tensorflow.python.framework import op_def_registry

OPERATORS = {}  # name -> (function, least number of cases), in the order of registration


def golden(name, least=12):
    """Decorator: registers `function(OpFile)` as the case writer of one golden file."""

    def register(function):
        assert name not in OPERATORS, name
        OPERATORS[name] = (function, least)
        return function

    return register


def dtype_number(dtype):
    return tf.as_dtype(dtype).as_datatype_enum


def shape_text(shape):
    return "[" + ",".join(str(d) for d in shape) + "]"


def set_shape(proto, shape):
    """shape: a list with -1 for unknown dims, or None for unknown rank."""
    if shape is None:
        proto.unknown_rank = True
        return
    for size in shape:
        proto.dim.add().size = size


def attr_value(kind, value):
    """An AttrValue of the OpDef attribute type `kind`."""
    out = attr_value_pb2.AttrValue()
    if kind.startswith("list("):
        out.list.SetInParent()
        element = kind[5:-1]
        if element == "int":
            out.list.i.extend(int(v) for v in value)
        elif element == "type":
            out.list.type.extend(dtype_number(v) for v in value)
        else:
            raise ValueError("attribute type " + kind)
    elif kind == "int":
        out.i = int(value)
    elif kind == "float":
        out.f = float(value)
    elif kind == "bool":
        out.b = bool(value)
    elif kind == "string":
        out.s = value.encode()
    elif kind == "type":
        out.type = dtype_number(value)
    elif kind == "shape":
        out.shape.SetInParent()
        set_shape(out.shape, value)
    elif kind == "tensor":
        out.tensor.CopyFrom(value)
    else:
        raise ValueError("attribute type " + kind)
    return out


class Tensor:
    """Output `index` of a node."""

    def __init__(self, node, index, dtype):
        self.node, self.index, self.dtype = node, index, np.dtype(dtype)

    @property
    def name(self):
        return self.node.name if self.index == 0 else "%s:%d" % (self.node.name, self.index)


class Case:
    """One independent subgraph, its input arrays and the names of its results."""

    def __init__(self, scope, seed, text, dynamic=False, strip=False):
        self.scope, self.text = scope, text
        self.dynamic = dynamic  # declare dim 0 of the data inputs as -1; "rank": declare nothing
        self.strip = strip  # leave out every attribute that equals its default
        self.rng = np.random.RandomState(seed)
        self.nodes, self.arrays, self.results = [], [], []
        self.nan = False  # NaN results are meant
        self.random = False  # holds a random op: the golden comes from the equivalent alone
        self.reference = None
        self.names = set()

    # ---- values ----
    def normal(self, *shape, scale=1.0, shift=0.0):
        return np.asarray(self.rng.standard_normal(shape) * scale + shift, np.float32)

    def uniform(self, low, high, *shape):
        return np.asarray(self.rng.uniform(low, high, shape), np.float32)

    def integers(self, low, high, *shape, dtype=np.int32):
        return np.asarray(self.rng.randint(low, high, shape), dtype)

    # ---- nodes ----
    def node_name(self, base):
        name, count = base, 0
        while name in self.names:
            count += 1
            name = "%s_%d" % (base, count)
        self.names.add(name)
        return self.scope + name

    def input(self, array, declare="case"):
        """A Placeholder fed with `array`; declare: the shape attribute, "case" follows the case's `dynamic`."""
        array = np.asarray(array)
        if isinstance(declare, str):
            declare = list(array.shape)
            if self.dynamic == "rank":
                declare = None
            elif self.dynamic and array.ndim > 0:
                declare[0] = -1
        name = "in%d" % len(self.arrays)
        self.arrays.append(array)
        return self.op("Placeholder", name=name, dtype=array.dtype, shape=declare)

    def input_or_default(self, array, default, declare):
        """A PlaceholderWithDefault that is fed all the same."""
        name = "in%d" % len(self.arrays)
        self.arrays.append(np.asarray(array))
        return self.op("PlaceholderWithDefault", default, name=name, shape=declare)

    def fixed_input(self, array):
        """A second operand that is fed: always declared as it is."""
        return self.input(array, list(np.asarray(array).shape))

    def const(self, value, dtype=None, name="Const", control=()):
        """value: an array (without a dtype: float64 becomes float32, int64 int32) or a ready TensorProto."""
        if not isinstance(value, tensor_pb2.TensorProto):
            value = np.asarray(value)
            natural = {"float64": np.float32, "int64": np.int32}.get(value.dtype.name, value.dtype)
            value = tf.make_tensor_proto(value.astype(dtype or natural), shape=value.shape)
        return self.op("Const", name=name, value=value, dtype=tf.as_dtype(value.dtype).as_numpy_dtype,
                       control=control)

    def op(self, op, *inputs, name=None, control=(), outputs=None, **attrs):
        """Appends a node; returns its Tensor, or a tuple of them when the op has several outputs."""
        op_def = op_def_registry.get(op)
        assert op_def is not None, op
        node = node_def_pb2.NodeDef(name=self.node_name(name or op), op=op)
        attrs = dict(attrs)
        assert len(inputs) == len(op_def.input_arg), "%s takes %d inputs" % (op, len(op_def.input_arg))
        for arg, given in zip(op_def.input_arg, inputs):
            tensors = list(given) if arg.number_attr or arg.type_list_attr else [given]
            if arg.number_attr:
                attrs[arg.number_attr] = len(tensors)
            if arg.type_list_attr:
                attrs[arg.type_list_attr] = [t.dtype for t in tensors]
            if arg.type_attr:
                known = attrs.setdefault(arg.type_attr, tensors[0].dtype)
                assert all(np.dtype(t.dtype) == np.dtype(known) for t in tensors), "%s: mixed dtypes" % op
            node.input.extend(t.name for t in tensors)
        node.input.extend("^" + (c.name if isinstance(c, (Tensor, node_def_pb2.NodeDef)) else c) for c in control)
        self.write_attrs(node, op_def, attrs)
        self.nodes.append(node)
        return self.results_of(node, op_def, outputs)

    def write_attrs(self, node, op_def, attrs):
        known = {a.name for a in op_def.attr}
        assert set(attrs) <= known, "%s has no attribute %s" % (node.op, sorted(set(attrs) - known))
        for attr in op_def.attr:
            has_default = attr.HasField("default_value")
            if attr.name in attrs:
                value = attr_value(attr.type, attrs[attr.name])
            else:
                assert has_default, "%s needs attribute %s" % (node.op, attr.name)
                value = attr.default_value
            if not (self.strip and has_default and value == attr.default_value):
                node.attr[attr.name].CopyFrom(value)

    def results_of(self, node, op_def, outputs):
        defaults = {a.name: a.default_value for a in op_def.attr}
        tensors = []
        for arg in op_def.output_arg:
            number = arg.type
            if arg.type_attr:
                number = (node.attr[arg.type_attr] if arg.type_attr in node.attr else defaults[arg.type_attr]).type
            count = 1
            if arg.number_attr:
                count = node.attr[arg.number_attr].i
            dtype = tf.as_dtype(number).as_numpy_dtype if number != types_pb2.DT_INVALID else np.float32
            tensors += [Tensor(node, len(tensors) + i, dtype) for i in range(count)]
        if not tensors:
            return node
        return tensors[0] if len(tensors) == 1 else tuple(tensors)

    # ---- results ----
    def out(self, *tensors, itself=False):
        """Names results: an Identity each, or (itself) the op, which must be the newest node, renamed to out0."""
        for tensor in tensors:
            name = "%sout%d" % (self.scope, len(self.results))
            if itself:
                assert tensor.node is self.nodes[-1] and tensor.index == 0
                tensor.node.name = name
                self.results.append(name)
            else:
                self.results.append(self.op("Identity", tensor, name=name[len(self.scope):]).name)

    def equivalent(self, what, build):
        """build(r, arrays) -> list of result Tensors in the fresh case r, which has no feeds: arrays are constants."""
        self.reference = (what, build)


class OpFile:
    """All cases of one golden file."""

    def __init__(self, name):
        self.name, self.cases = name, []
        self.versions = True  # False: the graph is written without `versions`, as TensorFlow 1 froze it

    def case(self, text, dynamic=False, strip=None):
        """strip None: every fourth case is written without default-valued attributes."""
        k = len(self.cases)
        if strip is None:
            strip = k % 4 == 3
        case = Case("c%02d/" % k, zlib.crc32(("%s/%d" % (self.name, k)).encode()), text, dynamic, strip)
        self.cases.append(case)
        return case


def make_graph(cases, versions=True):
    graph = graph_pb2.GraphDef()
    if versions:
        graph.versions.producer = tf.version.GRAPH_DEF_VERSION
    for case in cases:
        graph.node.extend(case.nodes)
    return graph


def open_session(graph_def):
    """A fresh session in which nothing is folded, fused or laid out anew, single-threaded for fixed summation order."""
    graph = tf.compat.v1.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = tf.compat.v1.OptimizerOptions.L0
    return tf.compat.v1.Session(graph=graph, config=config)


def run_case(session, names, feeds):
    return [np.asarray(v) for v in session.run([n + ":0" for n in names], {n + ":0": a for n, a in feeds.items()})]


def run_equivalent(case):
    """The results of the case's equivalent graph."""
    build = case.reference[1]
    other = Case("ref/", 0, case.text)
    other.out(*build(other, case.arrays))
    with open_session(make_graph([other])) as session:
        return run_case(session, other.results, {})
