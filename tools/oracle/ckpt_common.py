"""What every checkpoint case shares: sessions, small networks, loading a case back, and writing its expected/ folder.

A case is a folder as a user would have it (checkpoint, graph, state file, or a SavedModel) plus `expected/`:

    freeze.txt        how to freeze it, `key value` lines; paths are relative to the case folder
                      folder PATH | prefix PATH | graph PATH | outputs A,B | signature KEY | prefer_ema 1
    inputs.txt        input node names, one a line; values in in0.npy, in1.npy, ...
    outputs.txt       output names, one a line (`node`, or `node:port`); values in out0.npy, out1.npy, ...
    signature.txt     SavedModels only: `input KEY NAME`, `output KEY NAME` in the order of inputs.txt and outputs.txt
    flags.txt         placeholders that a freezer sets for inference and the value TensorFlow was fed: `NODE VALUE`
    frozen_by_tf.pb   TensorFlow's own convert_variables_to_constants; absent where TensorFlow cannot do it
    values/KEY.npy    every tensor of the checkpoint under its key, '/' written '__'; bfloat16 as its uint16 bits

Everything in expected/ is computed from the files on disk, in a fresh graph, never from the session that saved them.
"""
import os

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

tf1 = tf.compat.v1
OP_LISTS = {'v2_ref'}        # cases whose .meta keeps its op definitions


def session(graph, cpus=1):
    config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1,
                             device_count={'CPU': cpus}, allow_soft_placement=True)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = tf1.OptimizerOptions.L0
    return tf1.Session(graph=graph, config=config)


# ---- networks

def variable(name, shape, **kw):
    """A float variable whose initializer is zeros; refill() gives it values, so that no initializer reveals them."""
    return tf1.get_variable(name, shape, initializer=tf1.zeros_initializer(), **kw)


def ours(v):
    return v in tf1.trainable_variables() or 'moving_' in v.op.name


def refill(sess, seed, variables=None):
    """Seeded values for the model's variables: scales and variances around 1, the rest around 0."""
    rng = np.random.RandomState(seed)
    for v in variables or [v for v in tf1.global_variables() if ours(v)]:
        shape = v.shape.as_list()
        std = 1 / np.sqrt(np.prod(shape[:-1])) if len(shape) > 1 else 0.2
        mean = 1.0 if any(word in v.op.name for word in ('gamma', 'variance', 'scale')) else 0.0
        drawn = (rng.standard_normal(shape) * std + mean).astype(np.float32)
        sess.run(v.initializer, {v.initializer.inputs[1]: drawn})


def dense_net(resource, partitioner=None, devices=('', '')):
    """input [N,6] -> dense, softmax -> output; variables net/kernel [6,5] and net/bias [5]."""
    x = tf1.placeholder(tf.float32, [None, 6], 'input')
    with tf1.variable_scope('net', use_resource=resource):
        with tf1.device(devices[0]):
            w = variable('kernel', [6, 5], partitioner=partitioner)
        with tf1.device(devices[-1]):
            b = variable('bias', [5])
    y = tf1.nn.bias_add(tf1.matmul(x, w), b)
    return tf.identity(tf1.nn.softmax(y), name='output')


def conv_net(resource):
    """input [N,6,6,2] -> conv 3x3, bias, relu -> max pool -> flatten -> dense, softmax -> output."""
    x = tf1.placeholder(tf.float32, [None, 6, 6, 2], 'input')
    with tf1.variable_scope('net', use_resource=resource):
        k = variable('conv/kernel', [3, 3, 2, 4])
        b = variable('conv/bias', [4])
        w = variable('dense/kernel', [36, 5])
        c = variable('dense/bias', [5])
    h = tf1.nn.relu(tf1.nn.bias_add(tf1.nn.conv2d(x, k, strides=[1, 1, 1, 1], padding='SAME'), b))
    h = tf1.nn.max_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], 'VALID')
    y = tf1.nn.xw_plus_b(tf.reshape(h, [-1, 36]), w, c)
    return tf.identity(tf1.nn.softmax(y), name='output')


def build(network):
    """A graph with `network()` in it."""
    graph = tf.Graph()
    with graph.as_default():
        network()
    return graph


def initialise(sess, seed):
    """Run the initializers, then give every variable of the model that they left zero its values."""
    sess.run(tf1.global_variables_initializer())
    zero = [v for v in tf1.global_variables() if ours(v) and v.dtype.base_dtype == tf.float32 and v.shape.num_elements()
            and not np.any(sess.run(v))]
    if zero:
        refill(sess, seed, zero)


def drop_op_list(meta):
    """A .meta need not list its op definitions; without them it is smaller."""
    message = meta_graph_pb2.MetaGraphDef()
    with open(meta, 'rb') as f:
        message.ParseFromString(f.read())
    message.meta_info_def.ClearField('stripped_op_list')
    with open(meta, 'wb') as f:
        f.write(message.SerializeToString(deterministic=True))


def save(graph, seed, folder, prefix='model.ckpt', step=None, cpus=1, meta=True, **saver_args):
    """Initialise and save through a Saver, with a relative path in the state file.  Returns the prefix."""
    os.makedirs(folder, exist_ok=True)
    with graph.as_default(), session(graph, cpus) as sess:
        saver = tf1.train.Saver(save_relative_paths=True, **saver_args)
        initialise(sess, seed)
        return saver.save(sess, os.path.join(folder, prefix), global_step=step, write_meta_graph=meta)


# ---- loading back

def load_meta(meta, prefix, cpus=1):
    """(graph, session) restored by the SaverDef of a .meta file, whose op list most cases lose first."""
    if os.path.basename(os.path.dirname(meta)) not in OP_LISTS:
        drop_op_list(meta)
    graph = tf.Graph()
    with graph.as_default():
        saver = tf1.train.import_meta_graph(meta)
        sess = session(graph, cpus)
        saver.restore(sess, prefix)
    return graph, sess


def load_by_name(graph_def, prefix, key_of=lambda name: name):
    """(graph, session) of a bare GraphDef whose variables take the checkpoint's tensors by name."""
    graph = tf.Graph()
    reader = tf.train.load_checkpoint(prefix)
    with graph.as_default():
        tf.import_graph_def(graph_def, name='')
        puts, feeds = [], {}
        for op in graph.get_operations():
            if op.type not in ('VariableV2', 'VarHandleOp'):
                continue
            kind = op.get_attr('dtype')
            value = tf1.placeholder(kind)
            feeds[value] = reader.get_tensor(key_of(op.name))
            put = tf1.raw_ops.Assign(ref=op.outputs[0], value=value, validate_shape=False) \
                if op.type == 'VariableV2' else tf1.raw_ops.AssignVariableOp(resource=op.outputs[0], value=value)
            puts.append(put)
    sess = session(graph)
    sess.run(puts, feeds)
    return graph, sess


# ---- expected/

def write_values(folder, prefix):
    """Every tensor of the checkpoint but the object graph, read by RestoreV2, which knows V1 and slices as well."""
    os.makedirs(folder, exist_ok=True)
    kinds = tf.train.load_checkpoint(prefix).get_variable_to_dtype_map()
    for key in sorted(k for k in kinds if kinds[k] != tf.string):
        value = np.asarray(tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=[key], shape_and_slices=[''],
                                                dtypes=[kinds[key]])[0])
        if value.dtype.name == 'bfloat16':
            value = value.view(np.uint16)
        np.save(os.path.join(folder, key.replace('/', '__') + '.npy'), value)


def write_lines(path, lines):
    with open(path, 'w') as f:
        f.writelines(line + '\n' for line in lines)


def write_arrays(folder, stem, names, arrays, list_name):
    write_lines(os.path.join(folder, list_name), names)
    for i, a in enumerate(arrays):
        np.save(os.path.join(folder, f'{stem}{i}.npy'), np.asarray(a, order='C'))


def draw(shape, seed):
    return np.random.RandomState(seed).standard_normal(shape).astype(np.float32)


def port(name):
    return name if ':' in name else name + ':0'


def expect(case, loaded, inputs, outputs, prefix, freeze, flags=(), folder='expected', freezable=True):
    """Run the restored session and write expected/.  inputs: {node: array}; flags: (placeholder, value) pairs."""
    graph, sess = loaded
    out = os.path.join(case, folder)
    os.makedirs(out, exist_ok=True)
    feeds = {port(name): value for name, value in list(inputs.items()) + list(flags)}
    answers = sess.run([port(name) for name in outputs], feeds)
    for a in answers:
        assert np.all(np.isfinite(a)), case
    write_arrays(out, 'in', list(inputs), inputs.values(), 'inputs.txt')
    write_arrays(out, 'out', outputs, answers, 'outputs.txt')
    if flags:
        write_lines(os.path.join(out, 'flags.txt'), [f'{name} {float(value):g}' for name, value in flags])
    write_lines(os.path.join(out, 'freeze.txt'), [f'{k} {v}' for k, v in freeze.items()])
    write_values(os.path.join(out, 'values'), prefix)
    if freezable:
        with graph.as_default():
            frozen = tf1.graph_util.convert_variables_to_constants(
                sess, graph.as_graph_def(), [name.split(':')[0] for name in outputs])
        with open(os.path.join(out, 'frozen_by_tf.pb'), 'wb') as f:
            f.write(frozen.SerializeToString(deterministic=True))
    sess.close()
    return answers
