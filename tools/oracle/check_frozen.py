#!/usr/bin/env python3
"""Does a frozen graph give the answers of the checkpoint it was made from?  TensorFlow decides.

    check_frozen.py CASE FROZEN.pb [CASE FROZEN.pb ...] [--expected expected_ema]

CASE is a folder of tests/golden/ckpt, FROZEN.pb what `floe freeze` wrote for it.  For each pair the graph is loaded
into TensorFlow, run on the stored input and compared with the stored output; where TensorFlow's own frozen graph is
stored too, constants of the same name must have the same type, shape and bits.  What must not remain in the frozen
graph: variables, reads, assignments, restores, resource types, placeholders that are not inputs of the case.

Prints one line per pair and exits with 1 if any differs.  Names: an input or output is looked up under its node name,
then under its signature key; failing that, the placeholders (or the nodes nobody reads) are taken in their order, if
there are as many as inputs (outputs).
"""
import argparse
import os
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework import tensor_util

tf1 = tf.compat.v1
FORBIDDEN = {'Variable', 'VariableV2', 'VarHandleOp', 'ReadVariableOp', 'ResourceGather', 'Assign', 'AssignVariableOp',
             'RestoreV2', 'SaveV2', 'DisableCopyOnRead', 'VarIsInitializedOp'}
LOWERED = 'unused_control_flow_input'                      # dangling placeholders of TensorFlow's loop lowering
TOLERANCE = 1e-5                                           # relative to the largest value; CPUs differ in the last bits


class Mismatch(Exception):
    """What is wrong with the frozen graph, as a sentence."""


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [line.strip() for line in f if line.strip()]


def read_graph(path):
    try:
        with open(path, 'rb') as f:
            return graph_pb2.GraphDef.FromString(f.read())
    except Exception as why:
        raise Mismatch(f'{path} is no GraphDef: {why}') from None


def node_of(name):
    return name.lstrip('^').split(':')[0]


def resolve(names, keys, present, spare):
    """Tensor names in the frozen graph for the case's inputs or outputs."""
    found = []
    for i, name in enumerate(names):
        key = keys.get(name)
        if node_of(name) in present:
            found.append(name if ':' in name else name + ':0')
        elif key in present:
            found.append(key + ':0')
        elif len(names) == len(spare):
            found.append(spare[i] + ':0')
        else:
            raise Mismatch(f'no node {name}' + (f' or {key}' if key else '') + f'; unclaimed nodes: {spare[:6]}')
    return found


def check_nodes(graph, allowed):
    """Nothing of the checkpoint's machinery is left, in the graph or in its functions."""
    nodes = list(graph.node) + [n for f in graph.library.function for n in f.node_def]
    left = sorted({n.op for n in nodes} & FORBIDDEN)
    if left:
        raise Mismatch(f'still contains {", ".join(left)}')
    for n in nodes:
        kinds = [a.type for a in n.attr.values()] + [t for a in n.attr.values() for t in a.list.type]
        if any(t == tf.resource.as_datatype_enum or t > 100 for t in kinds):
            raise Mismatch(f'node {n.name} ({n.op}) still has a resource or reference type')
    extra = [n.name for n in graph.node if n.op == 'Placeholder' and n.name not in allowed
             and not n.name.startswith(LOWERED)]
    if extra:
        raise Mismatch(f'placeholders that are no inputs: {", ".join(extra)}')


def check_constants(graph, reference):
    """Bit-equality of constants that both graphs have; returns how many."""
    ours = {n.name: n for n in graph.node if n.op == 'Const'}
    same = 0
    for n in reference.node:
        if n.op != 'Const' or n.name not in ours:
            continue
        a = tensor_util.MakeNdarray(ours[n.name].attr['value'].tensor)
        b = tensor_util.MakeNdarray(n.attr['value'].tensor)
        if a.dtype != b.dtype or a.shape != b.shape:
            raise Mismatch(f'constant {n.name} is {a.dtype}{list(a.shape)}, should be {b.dtype}{list(b.shape)}')
        if a.tobytes() != b.tobytes():
            raise Mismatch(f'constant {n.name} has other values')
        same += 1
    return same


def run(graph, feeds, fetches):
    loaded = tf.Graph()
    try:
        with loaded.as_default():
            tf.import_graph_def(graph, name='')
        config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1,
                                 device_count={'CPU': 4}, allow_soft_placement=True)
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        config.graph_options.optimizer_options.opt_level = tf1.OptimizerOptions.L0
        with tf1.Session(graph=loaded, config=config) as sess:
            return sess.run(fetches, feeds)
    except Exception as why:
        raise Mismatch(f'TensorFlow refuses it: {str(why).splitlines()[0]}') from None


def check(case, frozen, expected):
    """Raises Mismatch, or returns the text for the line of a good case."""
    folder = os.path.join(case, expected)
    inputs, outputs = read_lines(os.path.join(folder, 'inputs.txt')), read_lines(os.path.join(folder, 'outputs.txt'))
    if not inputs or not outputs:
        raise SystemExit(f'{folder}: no inputs.txt and outputs.txt, not a case')
    keys = {line.split()[2]: line.split()[1] for line in read_lines(os.path.join(folder, 'signature.txt'))}
    flags = dict(line.split() for line in read_lines(os.path.join(folder, 'flags.txt')))
    graph = read_graph(frozen)
    present = {n.name: n for n in graph.node}
    read = {node_of(i) for n in graph.node for i in n.input}

    placeholders = [n.name for n in graph.node if n.op == 'Placeholder' and not n.name.startswith(LOWERED)]
    feeds_at = resolve(inputs, keys, present, [p for p in placeholders if p not in flags])
    fetches = resolve(outputs, keys, present,
                      [n.name for n in graph.node if n.name not in read and not n.name.startswith(LOWERED)])
    check_nodes(graph, {node_of(f) for f in feeds_at} | set(flags))
    feeds = {name: np.load(os.path.join(folder, f'in{i}.npy')) for i, name in enumerate(feeds_at)}
    for name, value in flags.items():
        if name in present:
            kind = tf.as_dtype(present[name].attr['dtype'].type)
            feeds[name + ':0'] = np.array(float(value)).astype(kind.as_numpy_dtype)

    exact, worst = True, 0.0
    for i, got in enumerate(run(graph, feeds, fetches)):
        want = np.load(os.path.join(folder, f'out{i}.npy'))
        if got.shape != want.shape or got.dtype != want.dtype:
            raise Mismatch(f'output {outputs[i]} is {got.dtype}{list(got.shape)}, should be '
                           f'{want.dtype}{list(want.shape)}')
        exact = exact and got.tobytes() == want.tobytes()
        off = float(np.max(np.abs(got.astype(np.float64) - want)) / max(np.max(np.abs(want)), 1e-30))
        worst = max(worst, off)
        if not off <= TOLERANCE:
            raise Mismatch(f'output {outputs[i]} is off by {off:.3g} of its largest value')
    reference = os.path.join(folder, 'frozen_by_tf.pb')
    same = check_constants(graph, read_graph(reference)) if os.path.exists(reference) else 0
    return f'{len(graph.node)} nodes, {"bit-exact" if exact else f"within {worst:.1e}"}, {same} constants equal'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('pairs', nargs='+', metavar='CASE FROZEN.pb', help='case folder and frozen graph, in turn')
    parser.add_argument('--expected', default='expected', help='folder of expectations inside CASE')
    args = parser.parse_args()
    if len(args.pairs) % 2:
        parser.error('give a case folder and a frozen graph for each check')
    bad = 0
    for case, frozen in zip(args.pairs[::2], args.pairs[1::2]):
        name = os.path.basename(os.path.normpath(case))
        try:
            print(f'ok       {name}: {check(case, frozen, args.expected)}', flush=True)
        except Mismatch as why:
            bad += 1
            print(f'MISMATCH {name}: {why}', flush=True)
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
