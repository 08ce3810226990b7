#!/usr/bin/env python3
"""Random whole networks with TensorFlow's answers: golden files for tests of the complete pipeline.

    make_net_goldens.py --out DIR [--seeds 0:100]     write nets for a range of seeds, add lines to DIR/index.txt
    make_net_goldens.py --out DIR --commit-set        write exactly the nets kept in tests/golden/net

Seed s has family s % 7 (net_families.py) and layout s / 7 % 3 (NHWC, NCHW, mixed), so 21 seeds in a row cover every
pair.  For seed s the folder receives

    net_%03d.pb                 frozen GraphDef: placeholders input, input_1, ... with a free batch; Identity nodes
                                output, output_1, ...
    net_%03d.b1.in0.npy ...     float32 inputs at batch 1, in order; .b3 likewise at batch 3
    net_%03d.b1.out0.npy ...    TensorFlow's outputs

and index.txt one line per net.  How an answer comes about: Net writes the wanted graph and an NHWC twin.  TensorFlow
runs the wanted graph (leftover dropouts made Identity, since inference means that), Grappler and constant folding
off, and the twin as well; the two must agree.  If TensorFlow's CPU kernels refuse the wanted graph, the twin alone
answers and the index line says so.

A draw is thrown away, and the seed drawn again, when its values are unfit for a comparison: not finite, far from
order 1, constant, or so ill-conditioned that a relative change of 1e-4 in the input is amplified more than fifty
times.  Needs TensorFlow 2.x; everything is seeded, the graphs are the same bytes on every machine (TensorFlow's
outputs may differ in the last bits between CPUs).
"""
import argparse
import collections
import os
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')
import numpy as np
import tensorflow as tf

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from net_builder import Net
from net_families import FAMILIES
from net_graph import ERAS, Reject

LAYOUTS = ['NHWC', 'NCHW', 'mixed']
BATCHES = (1, 3)
TRIES = 200
LAYOUT_OPS = {'Conv2D', 'DepthwiseConv2dNative', 'Conv2DBackpropInput', 'MaxPool', 'AvgPool', 'BiasAdd',
              'FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'}
# How TensorFlow CPU kernels say that they lack a layout, when built or run without oneDNN.
REFUSALS = ('NHWC', 'data format', 'data_format', 'tensor format')


def session(graph):
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = tf.compat.v1.OptimizerOptions.L0
    return tf.compat.v1.Session(graph=graph, config=config)


class Runner:
    """One GraphDef loaded into TensorFlow; calling it maps a list of inputs to a list of outputs."""

    def __init__(self, graph_def, net):
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.import_graph_def(graph_def, name='')
        self.feeds = [f'{name}:0' for name, _ in net.inputs]
        self.fetches = [f'{name}:0' for name, _ in net.outputs]
        self.session = session(self.graph)

    def __call__(self, arrays):
        return self.session.run(self.fetches, dict(zip(self.feeds, arrays)))


def draw_inputs(net, seed, batch):
    rng = np.random.RandomState(900000 + seed * 16 + batch)
    return [rng.standard_normal([batch] + list(shape)).astype(np.float32) for _, shape in net.inputs]


def distance(a, b):
    """Largest difference relative to the largest value."""
    return max(float(np.max(np.abs(x - y)) / max(np.max(np.abs(y)), 1e-6)) for x, y in zip(a, b))


def check_values(outputs):
    for y in outputs:
        if not np.all(np.isfinite(y)) or np.max(np.abs(y)) > 30:
            raise Reject('values too large')
        if y.size > 1 and (np.std(y) < 1e-3 or np.max(np.abs(y)) < 1e-2):
            raise Reject('values all alike')
        if np.mean(y == 0) > 0.6:
            raise Reject('mostly zero')


def check_inner_values(run, inputs):
    """No float tensor inside may leave the range in which float32 comparisons mean something."""
    fetches = [t for op in run.graph.get_operations() if op.type not in ('Const', 'Placeholder')
               for t in op.outputs[:1] if t.dtype == tf.float32]
    for y in run.session.run(fetches, dict(zip(run.feeds, inputs))):
        if y.size and (not np.all(np.isfinite(y)) or np.max(np.abs(y)) > 1000):
            raise Reject('inner values too large')


def check_conditioning(run, inputs, outputs, seed):
    rng = np.random.RandomState(700000 + seed)
    nudged = [x * (1 + 1e-4 * rng.standard_normal(x.shape)).astype(np.float32) for x in inputs]
    if distance(run(nudged), outputs) > 50 * 1e-4:
        raise Reject('ill-conditioned')


def reachable(graph_def, names):
    """Names of the nodes that the outputs need; a discarded layer may leave others behind."""
    inputs = {n.name: [ref.lstrip('^').split(':')[0] for ref in n.input] for n in graph_def.node}
    seen, todo = set(), list(names)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += inputs[name]
    return seen


class Case:
    """A finished net: graphs, goldens and the facts for its index line."""

    def __init__(self, seed, attempt):
        self.seed = seed
        self.family, draw = FAMILIES[seed % len(FAMILIES)]
        self.layout = LAYOUTS[seed // len(FAMILIES) % len(LAYOUTS)]
        rng = np.random.RandomState(seed * TRIES + attempt)
        self.net = Net(rng, ERAS[rng.randint(len(ERAS))])
        draw(self.net, self.layout)
        if self.layout == 'mixed' and not self.has_both_layouts():
            raise Reject('layout never changes')
        self.want, runnable, twin = self.net.graphs()
        if self.net.era.attrs == 'old' or rng.random_sample() < .25:
            self.shuffle(rng)
        self.run_all(runnable, twin)

    def has_both_layouts(self):
        formats = {n.attr['data_format'].s if 'data_format' in n.attr else b'NHWC' for n in self.net.want.nodes
                   if n.op in LAYOUT_OPS}
        return len(formats) > 1

    def shuffle(self, rng):
        """GraphDef promises no node order."""
        nodes = list(self.want.node)
        order = rng.permutation(len(nodes))
        copies = [type(nodes[0]).FromString(nodes[i].SerializeToString()) for i in order]
        del self.want.node[:]
        self.want.node.extend(copies)

    def run_all(self, runnable, twin):
        plain = Runner(twin, self.net)
        Runner(self.want, self.net)                            # must load as it is
        try:
            exact = Runner(runnable, self.net)
            exact(draw_inputs(self.net, self.seed, 1))
        except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError) as refused:
            if not any(text in str(refused) for text in REFUSALS):
                raise
            exact = None
        self.by_twin = exact is None
        self.io, self.noise = {}, 0.0
        for batch in BATCHES:
            inputs = draw_inputs(self.net, self.seed, batch)
            outputs = (exact or plain)(inputs)
            check_values(outputs)
            check_inner_values(plain, inputs)
            check_conditioning(plain, inputs, plain(inputs), self.seed)
            self.noise = max(self.noise, distance(plain(inputs), outputs))
            if self.noise > 2e-5:
                raise AssertionError(f'net_{self.seed:03d}: twin and wanted graph differ by {self.noise:g}')
            for y, (name, shape) in zip(outputs, self.net.outputs):
                if tuple(y.shape) != (batch,) + tuple(shape):
                    raise AssertionError(f'net_{self.seed:03d}: {name} is {y.shape}, the builder thought {shape}')
            self.io[batch] = inputs, outputs
        alone, first = self.io[1][1], [y[:1] for y in self.io[3][1]]
        if distance(alone, first) < 1e-2:
            raise Reject('outputs hardly depend on the input')

    def write(self, out):
        stem = os.path.join(out, f'net_{self.seed:03d}')
        with open(stem + '.pb', 'wb') as f:
            f.write(self.want.SerializeToString(deterministic=True))
        for batch, (inputs, outputs) in self.io.items():
            for kind, arrays in (('in', inputs), ('out', outputs)):
                for i, a in enumerate(arrays):
                    np.save(f'{stem}.b{batch}.{kind}{i}.npy', np.ascontiguousarray(a))

    def line(self):
        def shapes(items):
            return ','.join(f'{name}[{"x".join(str(d) for d in ("N",) + tuple(shape))}]' for name, shape in items)
        live = reachable(self.want, [name for name, _ in self.net.outputs])
        ops = collections.Counter(n.op for n in self.want.node if n.name in live and n.op != 'Const')
        largest = max(float(np.max(np.abs(y))) for _, outs in self.io.values() for y in outs)
        return (f'net_{self.seed:03d} {self.family} {self.layout} nodes={len(self.want.node)} era={self.net.era.name} '
                f'in={shapes(self.net.inputs)} out={shapes(self.net.outputs)} weights={self.net.weight_bytes} '
                f'max={largest:.3g} noise={self.noise:.1e} dropouts={len(self.net.dropouts)} '
                f'oracle={"twin" if self.by_twin else "graph"} '
                f'ops={",".join(f"{op}:{c}" for op, c in sorted(ops.items()))}')


def make(seed):
    reasons = collections.Counter()
    for attempt in range(TRIES):
        try:
            return Case(seed, attempt)
        except Reject as why:
            reasons[str(why)] += 1
    raise SystemExit(f'net_{seed:03d}: no fit draw in {TRIES}: {dict(reasons)}')


def merge_index(out, lines):
    """Keep the lines of nets written earlier; one line per net, in order."""
    path = os.path.join(out, 'index.txt')
    known = {}
    if os.path.exists(path):
        with open(path) as f:
            known = {line.split()[0]: line.rstrip('\n') for line in f if line.strip()}
    known.update({line.split()[0]: line for line in lines})
    with open(path, 'w') as f:
        f.writelines(known[k] + '\n' for k in sorted(known))


# One seed for each of the 21 pairs of family and layout, then seven more 'mixed' nets, so that together they use
# every op, padding, mask and batch norm mode the families know, and every era at least three times.
COMMIT_SET = [8, 49, 52, 88, 117, 119, 120, 146, 168, 181, 184, 234, 250, 312, 324, 358, 363, 368, 380, 383, 416,
              20, 153, 223, 272, 286, 370, 398]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', required=True, help='folder to write to')
    parser.add_argument('--seeds', default='0:21', help='first:last, last excluded (default 0:21)')
    parser.add_argument('--commit-set', action='store_true', help='the seeds kept in tests/golden/net')
    args = parser.parse_args()
    first, last = (int(v) for v in args.seeds.split(':'))
    os.makedirs(args.out, exist_ok=True)
    lines = []
    for seed in COMMIT_SET if args.commit_set else range(first, last):
        case = make(seed)
        case.write(args.out)
        lines.append(case.line())
        print(lines[-1].split(' ops=')[0], flush=True)
    merge_index(args.out, lines)


if __name__ == '__main__':
    main()
