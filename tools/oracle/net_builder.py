"""Build one network description as two TensorFlow graphs at once.

Every layer method of Net writes its nodes twice: into `want`, the graph under test (its layout, its era's spelling
of things, decorations such as dropout leftovers), and into `twin`, the plainest NHWC spelling of the same
mathematics.  Both take the same inputs and give the same outputs, byte layout included, so the oracle can run both
and insist that they agree; where a TensorFlow CPU build cannot run the wanted graph, the twin alone gives the answer.

A Val is a tensor as both graphs see it.  `shape` leaves out the batch, which is always axis 0.

    layout 'NHWC'/'NCHW'   an image; shape is (H, W, C) whatever the layout; the twin holds it as NHWC
    layout None            anything else; shape is physical and the same in both graphs

The parts of this are elsewhere: eras and graphs in net_graph.py, layers in net_layers.py.

All randomness comes from the RandomState given to Net, whose stream numpy has promised never to change, so the same
seed gives the same bytes.
"""
import contextlib

import numpy as np
from tensorflow.core.framework import graph_pb2, types_pb2

from net_graph import PLAIN, Reject, Side, Val
from net_layers import Layers

WEIGHT_BUDGET = 60 * 1024


class Net(Layers):
    def __init__(self, rng, era):
        self.rng, self.era = rng, era
        self.want, self.twin = Side(era, True), Side(PLAIN, False)
        self.sides = (self.want, self.twin)
        self.names, self.prefix = {}, ''
        self.weight_bytes = 0
        self.inputs, self.outputs, self.dropouts = [], [], []
        self.aliases = set()

    # ---- drawing and naming

    def chance(self, p):
        return self.rng.random_sample() < p

    def pick(self, *choices):
        return choices[self.rng.randint(len(choices))]

    def between(self, low, high):
        return int(self.rng.randint(low, high + 1))

    def normal(self, shape, std, mean=0.0):
        return (self.rng.standard_normal(shape) * std + mean).astype(np.float32)

    def uniform(self, shape, low, high):
        return self.rng.uniform(low, high, shape).astype(np.float32)

    @contextlib.contextmanager
    def scope(self, name):
        outer, self.prefix = self.prefix, self.unique(name) + '/'
        yield
        self.prefix = outer

    def unique(self, base):
        """A fresh node name in the current scope, numbered as TensorFlow does: x, x_1, x_2."""
        full = self.prefix + base
        count = self.names.get(full, 0)
        self.names[full] = count + 1
        if not count:
            return full
        return self.unique(f'{base}_{count}')

    def layout_of(self, side, x):
        return x.layout if side is self.want or x.layout is None else 'NHWC'

    def axis(self, side, x, which):
        """Physical axis of logical 'h', 'w', 'c' of an image."""
        return {'NHWC': {'h': 1, 'w': 2, 'c': 3}, 'NCHW': {'c': 1, 'h': 2, 'w': 3}}[self.layout_of(side, x)][which]

    # ---- constants

    def weight(self, label, want, twin=None):
        """A trained parameter, read the way the era reads frozen variables."""
        twin = want if twin is None else twin
        self.weight_bytes += np.asarray(want).nbytes
        if self.weight_bytes > WEIGHT_BUDGET:
            raise Reject('weights')
        name = self.unique(label)
        if self.era.read == 'resource':
            read, held = self.unique(label + '/ReadVariableOp'), self.unique(label + '/ReadVariableOp/resource')
        elif self.era.read == 'ref':
            held, read = name, self.unique(label + '/read')
        else:
            held = read = name
        self.twin.const(read, twin)
        self.want.const(held, want)
        if read != held:
            self.want.node(read, 'Identity', [held], loc=held if self.era.read == 'ref' else None)
        return read

    def const(self, label, want, twin=None):
        name = self.unique(label)
        self.want.const(name, want)
        self.twin.const(name, want if twin is None else twin)
        return name

    def ints(self, label, want, twin=None, wide=False):
        kind = np.int64 if wide else np.int32
        return self.const(label, np.array(want, kind), None if twin is None else np.array(twin, kind))

    def vector(self, label, values, like):
        """A per-channel parameter shaped to broadcast against image `like` without relying on C being last."""
        c = values.shape[0]
        nhwc, nchw = values.reshape(1, 1, 1, c), values.reshape(1, c, 1, 1)
        if like.layout == 'NHWC':
            return self.weight(label, self.pick(values, nhwc), nhwc)
        return self.weight(label, self.pick(nchw, values.reshape(c, 1, 1)), nhwc)

    # ---- generic nodes

    def apply(self, op, label, refs, shape, layout=None, **attrs):
        """The same node in both graphs."""
        name = self.unique(label)
        for s in self.sides:
            s.node(name, op, refs, **attrs)
        return Val(name, shape, layout)

    def unary(self, op, x, label=None, **attrs):
        return self.apply(op, label or op, [x.ref], x.shape, x.layout, **attrs)

    def binary(self, op, x, ref, label=None, swap=False):
        """x op ref, where ref broadcasts to x."""
        refs = [ref, x.ref] if swap else [x.ref, ref]
        return self.apply(op, label or op, refs, x.shape, x.layout)

    def add_op(self):
        return self.era.add

    def add(self, x, y):
        y = self.to_layout(y, x.layout)
        assert x.shape == y.shape, (x.shape, y.shape)
        refs = self.pick([x.ref, y.ref], [y.ref, x.ref])
        return self.apply(self.add_op(), 'add', refs, x.shape, x.layout)

    def add_n(self, xs):
        xs = [self.to_layout(v, xs[0].layout) for v in xs]
        return self.apply('AddN', 'AddN', [v.ref for v in xs], xs[0].shape, xs[0].layout, N=len(xs))

    # ---- inputs, outputs, layouts

    def input(self, shape, layout=None):
        """A placeholder with a free batch; an image placeholder has `layout` in the wanted graph."""
        name = 'input' if not self.inputs else f'input_{len(self.inputs)}'
        self.unique(name)
        physical = list(shape)
        if layout == 'NCHW':
            physical = [shape[2], shape[0], shape[1]]
        self.inputs.append((name, physical))
        for s in self.sides:
            s.node(name, 'Placeholder', dtype='float32', shape=[-1] + physical)
        x = Val(name, physical)
        return self.as_image(x, layout) if layout else x

    def output(self, x):
        x = self.as_raw(x)
        name = 'output' if not self.outputs else f'output_{len(self.outputs)}'
        self.unique(name)
        self.outputs.append((name, x.shape))
        for s in self.sides:
            s.node(name, 'Identity', [x.ref])

    def as_image(self, x, layout):
        """Declare a rank-4 tensor an image of this layout."""
        if layout == 'NHWC':
            return Val(x.ref, x.shape, 'NHWC')
        c, h, w = x.shape
        return self._twin_transpose(x, [0, 2, 3, 1], (h, w, c), 'NCHW')

    def as_raw(self, x):
        """Forget that a tensor is an image; its physical shape is that of the wanted graph."""
        if x.layout is None:
            return x
        h, w, c = x.shape
        if x.layout == 'NHWC':
            return Val(x.ref, x.shape)
        return self._twin_transpose(x, [0, 3, 1, 2], (c, h, w), None)

    def _twin_transpose(self, x, perm, shape, layout):
        """Only the twin moves data.  The wanted graph has a node of another name, hence an alias there."""
        name = self.unique('relayout')
        self.twin.const(name + '/perm', np.array(perm, np.int32))
        self.twin.node(name, 'Transpose', [x.ref, name + '/perm'])
        self.want.node(name, 'Identity', [x.ref])
        self.aliases.add(name)
        return Val(name, shape, layout)

    def to_layout(self, x, layout):
        if x.layout == layout or layout is None:
            return x
        perm = [0, 3, 1, 2] if layout == 'NCHW' else [0, 2, 3, 1]
        label = self.pick('transpose', 'Transpose')
        name = self.unique(label)
        self.want.const(name + '/perm', np.array(perm, np.int32))
        self.want.node(name, 'Transpose', [x.ref, name + '/perm'])
        self.twin.node(name, 'Identity', [x.ref])
        return Val(name, x.shape, layout)

    # ---- leftovers of training and of converters

    def dropout(self, x, form=None):
        """A dropout that was never removed.  The twin, like inference, passes x on."""
        form = form or self.era.dropout
        keep = self.pick(0.5, 0.8, 0.9)
        s = self.want
        with self.scope('dropout'):
            shape = s.node(self.unique('Shape'), 'Shape', [x.ref])
            u = s.node(self.unique('random_uniform/RandomUniform'), 'RandomUniform', [shape], seed=87654321, seed2=7,
                       dtype='float32', T='int32')
            if form != 'select':
                low = s.const(self.unique('random_uniform/min'), np.float32(0))
                span = s.node(self.unique('random_uniform/sub'), 'Sub',
                              [s.const(self.unique('random_uniform/max'), np.float32(1)), low])
                u = s.node(self.unique('random_uniform/mul'), 'Mul', [u, span])
                u = s.node(self.unique('random_uniform'), self.era.add, [u, low])
            name = self._dropout_tail(s, x, u, keep, form)
        self.twin.node(name, 'Identity', [x.ref])
        self.dropouts.append((name, x.ref))
        return Val(name, x.shape, x.layout)

    def _dropout_tail(self, s, x, u, keep, form):
        if form == 'floor':
            k = s.const(self.unique('keep_prob'), np.float32(keep))
            mask = s.node(self.unique('Floor'), 'Floor', [s.node(self.unique('add'), 'Add', [k, u])])
            scaled = s.node(self.unique('div'), self.pick('RealDiv', 'Div'), [x.ref, k])
            return s.node(self.unique('mul_1'), 'Mul', [scaled, mask])
        rate = s.const(self.unique('rate'), np.float32(1 - keep))
        live = s.node(self.unique('GreaterEqual'), 'GreaterEqual', [u, rate])
        scaled = s.node(self.unique('mul'), 'Mul', [x.ref, s.const(self.unique('Const'), np.float32(1 / keep))])
        if form == 'cast':
            mask = s.node(self.unique('Cast'), 'Cast', [live], SrcT='bool', DstT='float32')
            return s.node(self.unique('mul_1'), 'Mul', self.pick([scaled, mask], [mask, scaled]))
        zero = s.const(self.unique('Const'), np.float32(0))
        return s.node(self.unique('SelectV2'), 'SelectV2', [live, scaled, zero])

    def pass_through(self, x):
        """A node that changes nothing, in the wanted graph only."""
        op = self.pick('Identity', 'StopGradient', 'CheckNumerics', 'PreventGradient', 'PlaceholderWithDefault',
                       'IdentityN', 'control')
        s, base = self.want, 'Identity' if op == 'control' else op
        name = self.unique(base)
        if op == 'PlaceholderWithDefault':
            s.node(name, op, [x.ref], dtype='float32', shape=[-1] + x.physical)
        elif op == 'IdentityN':
            s.node(name, op, [x.ref], T=['float32'])
        elif op == 'CheckNumerics':
            s.node(name, op, [x.ref], message='is finite')
        elif op == 'control':
            gate, group = self.unique('gate'), self.unique('group_deps')
            s.const(gate, np.float32(1))
            s.node(group, 'NoOp', ['^' + gate, '^' + x.ref])
            s.node(name, 'Identity', [x.ref, '^' + group, '^' + gate])
        else:
            s.node(name, op, [x.ref])
        self.twin.node(name, 'Identity', [x.ref])
        return Val(name, x.shape, x.layout)

    # ---- results

    def graphs(self):
        """(wanted, runnable form of wanted, twin): runnable means dropout made an Identity."""
        want = self._without_aliases(self.want.graph())
        runnable = graph_pb2.GraphDef()
        runnable.CopyFrom(want)
        gone = dict(self.dropouts)
        alias = self._alias_targets()
        for n in runnable.node:
            if n.name in gone:
                n.op = 'Identity'
                del n.input[:]
                n.input.append(self._follow(gone[n.name], alias))
                n.attr.clear()
                n.attr['T'].type = types_pb2.DT_FLOAT
        return want, runnable, self.twin.graph()

    def _alias_targets(self):
        return {n.name: n.input[0] for n in self.want.nodes if n.name in self.aliases}

    @staticmethod
    def _follow(ref, alias):
        while ref in alias:
            ref = alias[ref]
        return ref

    def _without_aliases(self, g):
        """The wanted graph's relayout aliases exist only to give both graphs one name; splice them out."""
        alias = self._alias_targets()
        out = graph_pb2.GraphDef()
        out.versions.CopyFrom(g.versions)
        if self.era.producer is None:
            out.ClearField('versions')
        for n in g.node:
            if n.name in alias:
                continue
            for i, ref in enumerate(n.input):
                control = ref.startswith('^')
                target = self._follow(ref.lstrip('^'), alias)
                n.input[i] = '^' + target if control else target
            out.node.add().CopyFrom(n)
        return out
