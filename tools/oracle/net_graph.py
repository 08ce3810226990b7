"""The smallest parts of a random network: eras, tensors, and a GraphDef under construction.

An Era says how a TensorFlow version would have written the graph: attributes that did not exist yet, how a frozen
variable is read, which batch norm and Add ops it used, what dropout looked like, the producer number.  A Side is one
GraphDef being written; it fills in attributes from TensorFlow's own op definitions, so that a node says exactly what
its era would have said.
"""
import numpy as np
from tensorflow.core.framework import attr_value_pb2, graph_pb2, node_def_pb2, tensor_pb2, types_pb2
from tensorflow.python.framework import op_def_registry

DTYPES = {'float32': types_pb2.DT_FLOAT, 'int32': types_pb2.DT_INT32, 'int64': types_pb2.DT_INT64,
          'bool': types_pb2.DT_BOOL}
FLOAT_TYPE_ATTRS = {'T', 'U', 'dtype', 'SrcT', 'DstT', 'Tparams'}     # other type attrs default to int32
NEW_ATTRS = {'explicit_paddings', 'dilations', 'grad_a', 'grad_b', 'grad_x', 'grad_y', 'exponential_avg_factor',
             'batch_dims', 'incompatible_shape_error'}                # absent from graphs of early TensorFlow 1


class Reject(Exception):
    """The draw broke a rule (too many weights, too small an image); the caller draws again."""


class Era:
    def __init__(self, name, producer, **kw):
        self.name, self.producer = name, producer
        self.attrs = kw.get('attrs', 'full')            # full | old (no NEW_ATTRS) | stripped (no defaults)
        self.read = kw.get('read', 'none')              # ref: w -> w/read   resource: w -> ReadVariableOp   none
        self.bn_op = kw.get('bn_op', 'FusedBatchNormV3')
        self.add = kw.get('add', 'AddV2')
        self.dropout = kw.get('dropout', 'select')      # floor | cast | select
        self.splat = kw.get('splat', False)             # compress constants as Grappler does
        self.keras3 = kw.get('keras3', False)           # parameters pass through Reshape nodes


ERAS = [
    Era('tf1.4', 24, attrs='old', read='ref', bn_op='FusedBatchNorm', add='Add', dropout='floor'),
    Era('tf1.8', None, read='ref', bn_op='FusedBatchNorm', add='Add', dropout='floor'),
    Era('tf1.14', None, read='resource', bn_op='FusedBatchNormV2', add='Add', dropout='cast'),
    Era('tf2.2', 440, read='resource', dropout='cast'),
    Era('tf2.11', 1286, attrs='stripped', dropout='select', splat=True),
    Era('keras3', 2474, read='resource', dropout='select', keras3=True),
]
PLAIN = Era('twin', 2474)


class Val:
    def __init__(self, ref, shape, layout=None):
        self.ref, self.shape, self.layout = ref, tuple(int(d) for d in shape), layout

    @property
    def channels(self):
        return self.shape[-1] if self.layout else self.shape[0]

    @property
    def size(self):
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def physical(self):
        """Shape without the batch as the wanted graph holds it."""
        if self.layout == 'NCHW':
            h, w, c = self.shape
            return [c, h, w]
        return list(self.shape)


def tensor_proto(array, splat):
    """A TensorProto as TensorFlow's Python layer writes it, or compressed to its distinct prefix when splat."""
    array = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
    t = tensor_pb2.TensorProto(dtype=DTYPES[array.dtype.name])
    for d in array.shape:
        t.tensor_shape.dim.add(size=d)
    field = {'float32': t.float_val, 'int32': t.int_val, 'int64': t.int64_val, 'bool': t.bool_val}[array.dtype.name]
    flat = array.reshape(-1)
    keep = flat.size
    if splat and flat.size > 1:
        while keep > 1 and flat[keep - 1] == flat[keep - 2]:
            keep -= 1
        if keep == 1 and not flat[0] and not np.signbit(flat[0]):
            keep = 0
    if keep > 1 and keep > flat.size // 2:
        t.tensor_content = flat.tobytes()
    else:
        field.extend(flat[:keep].tolist())
    return t


def set_attr(out, kind, value):
    """Write a Python value as the AttrValue of the kind the op definition asks for."""
    if kind == 'type':
        out.type = DTYPES[value] if isinstance(value, str) else value
    elif kind == 'int':
        out.i = int(value)
    elif kind == 'float':
        out.f = float(value)
    elif kind == 'bool':
        out.b = bool(value)
    elif kind == 'string':
        out.s = value.encode()
    elif kind == 'list(int)':
        out.list.i.extend(int(v) for v in value)
    elif kind == 'list(type)':
        out.list.type.extend(DTYPES[v] for v in value)
    elif kind == 'shape':
        for d in value:
            out.shape.dim.add(size=d)
    elif kind == 'tensor':
        out.tensor.CopyFrom(value)
    else:
        raise ValueError(f'attribute kind {kind}')


class Side:
    """One of the two graphs: a list of nodes in writing order."""

    def __init__(self, era, wanted):
        self.era, self.wanted, self.nodes = era, wanted, []

    def node(self, name, op, inputs=(), **attrs):
        n = node_def_pb2.NodeDef(name=name, op=op, input=list(inputs))
        loc = attrs.pop('loc', None)
        for a in op_def_registry.get(op).attr:
            v = attr_value_pb2.AttrValue()
            has_default = a.HasField('default_value')
            if a.name in attrs:
                set_attr(v, a.type, attrs.pop(a.name))
            elif has_default:
                v.CopyFrom(a.default_value)
            elif a.type == 'type':
                v.type = types_pb2.DT_FLOAT if a.name in FLOAT_TYPE_ATTRS else types_pb2.DT_INT32
            else:
                raise ValueError(f'{op}: attribute {a.name} not given')
            is_default = has_default and v == a.default_value
            drop = {'full': False, 'old': a.name in NEW_ATTRS, 'stripped': True}[self.era.attrs]
            if not (is_default and (drop or a.name == 'shape')):
                n.attr[a.name].CopyFrom(v)
        if attrs:
            raise ValueError(f'{op}: unknown attributes {sorted(attrs)}')
        if loc and self.wanted:
            n.attr['_class'].list.s.append(b'loc:@' + loc.encode())
        self.nodes.append(n)
        return name

    def const(self, name, array):
        array = np.asarray(array)
        return self.node(name, 'Const', dtype=array.dtype.name,
                         value=tensor_proto(array, self.wanted and self.era.splat))

    def graph(self):
        g = graph_pb2.GraphDef()
        g.node.extend(self.nodes)
        if self.era.producer is not None:
            g.versions.producer = self.era.producer
        return g


def spread(layout, h, w, n=1, c=1):
    """Strides, windows and the like in the order of the layout."""
    return [n, h, w, c] if layout == 'NHWC' else [n, c, h, w]


def same_pad(size, k, stride, dil):
    """(before, after) of SAME."""
    out = -(-size // stride)
    total = max(0, (out - 1) * stride + (k - 1) * dil + 1 - size)
    return total // 2, total - total // 2
