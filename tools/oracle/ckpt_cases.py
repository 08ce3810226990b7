"""The checkpoint cases: one function each, taking the folder to fill.  A function's docstring is its README entry."""
import os
import shutil

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

from ckpt_common import (build, conv_net, dense_net, draw, expect, initialise, load_by_name, load_meta, refill, save,
                         session, variable, write_lines)
from table_file import masked_crc32c, read_table, write_table

tf1 = tf.compat.v1
V1, V2 = tf1.train.SaverDef.V1, tf1.train.SaverDef.V2
CONV_IN, DENSE_IN = (3, 6, 6, 2), (3, 6)


def simple(case, network, shape, seed, cpus=1, step=None, prefix='model.ckpt', **saver_args):
    """Save, load through the .meta, expect: what most cases are."""
    path = save(build(network), seed, case, prefix, step, cpus, **saver_args)
    meta = os.path.join(case, (f'{prefix}-{step}' if step is not None else prefix) + '.meta')
    expect(case, load_meta(meta, path, cpus), {'input': draw(shape, seed)}, ['output'], path,
           {'folder': '.', 'outputs': 'output'})


def write_graph(case, graph, name='graph.pb', only=None):
    """A graph as a raw GraphDef, binary or text; all of it, or what the outputs `only` need."""
    graph_def = graph.as_graph_def()
    if only:
        graph_def = tf1.graph_util.extract_sub_graph(graph_def, only)
    tf.io.write_graph(graph_def, case, name, as_text=name.endswith('txt'))
    return graph_def


# ---- V2

def v2_ref(case):
    """Saver, V2, one shard, reference variables (VariableV2, `w/read`); `.meta` and state file."""
    simple(case, lambda: conv_net(False), CONV_IN, 101)


def v2_resource(case):
    """Resource variables (VarHandleOp, ReadVariableOp), a global step and its number in the prefix."""
    def network():
        dense_net(True)
        tf1.train.create_global_step()
    simple(case, network, DENSE_IN, 102, step=7)


def v2_two_shards(case):
    """Saver(sharded=True), variables on two devices: `.data-00000-of-00002` and `.data-00001-of-00002`."""
    simple(case, lambda: dense_net(False, devices=('/cpu:0', '/cpu:1')), DENSE_IN, 103, cpus=2, sharded=True)


def v2_three_shards(case):
    """Three shards, resource variables, spread over three devices."""
    def network():
        x = tf1.placeholder(tf.float32, [None, 4], 'input')
        for i in range(3):
            with tf1.device(f'/cpu:{i}'), tf1.variable_scope(f'layer{i}', use_resource=True):
                x = tf.tanh(tf1.matmul(x, variable('w', [4, 4])))
        tf.identity(x, name='output')
    simple(case, network, (3, 4), 104, cpus=3, sharded=True)


def v2_partitioned_rows(case):
    """Variables cut along axis 0 (fixed_size_partitioner): graph nodes `part_0`.., one sliced key each."""
    simple(case, lambda: dense_net(False, partitioner=tf1.fixed_size_partitioner(3, axis=0)), DENSE_IN, 105)


def v2_partitioned_columns(case):
    """Cut along axis 1, resource variables."""
    simple(case, lambda: dense_net(True, partitioner=tf1.fixed_size_partitioner(2, axis=1)), DENSE_IN, 106)


def v2_partitioned_shards(case):
    """Partitioned and sharded at once: the slices of one tensor lie in two data files."""
    def network():
        x = tf1.placeholder(tf.float32, [None, 6], 'input')
        turn = iter(range(100))
        with tf1.device(lambda op: f'/cpu:{next(turn) % 2}' if op.type == 'VariableV2' else ''):
            w = variable('big/w', [6, 10], partitioner=tf1.fixed_size_partitioner(4, axis=1), use_resource=False)
        tf.identity(tf.tanh(tf1.matmul(x, w)), name='output')
    simple(case, network, DENSE_IN, 107, cpus=2, sharded=True)


# ---- V1

def v1_single(case):
    """Saver(write_version=V1): one table named by the prefix itself, no `.index`."""
    simple(case, lambda: dense_net(False), DENSE_IN, 111, write_version=V1, step=20)


def v1_sharded(case):
    """V1, two shard tables `model.ckpt-00000-of-00002`; the state file holds a glob."""
    simple(case, lambda: dense_net(False, devices=('/cpu:0', '/cpu:1')), DENSE_IN, 112, cpus=2, sharded=True,
           write_version=V1)


def v1_partitioned(case):
    """V1, a partitioned variable: several slices of one name in one table."""
    simple(case, lambda: dense_net(False, partitioner=tf1.fixed_size_partitioner(2, axis=0)), DENSE_IN, 113,
           write_version=V1)


# ---- types and shapes

def typed_values(with_bfloat16):
    rng = np.random.RandomState(5)
    values = {
        'float': rng.standard_normal(4).astype(np.float32),
        'double': rng.standard_normal(4),
        'half': rng.standard_normal(4).astype(np.float16),
        'int32': np.array([-2147483648, -1, 7, 2147483647], np.int32),
        'int64': np.array([-(1 << 40), -1, 3, (1 << 40) + 1], np.int64),
        'int16': np.array([-32768, -2, 300, 32767], np.int16),
        'int8': np.array([-128, -1, 5, 127], np.int8),
        'uint8': np.array([0, 1, 128, 255], np.uint8),
        'uint16': np.array([0, 1, 40000, 65535], np.uint16),
        'bool': np.array([True, False, False, True]),
    }
    if with_bfloat16:
        values['bfloat16'] = np.array([1.5, -0.00390625, 3e38, -7.0], tf.bfloat16.as_numpy_dtype)
    return values


def typed_net(with_bfloat16):
    """One variable per type, each cast and added to the input; scalars; a zero-sized matrix.  Every second variable
    is a resource.  All start as zeros; returns their values."""
    held = {}

    def hold(name, value):
        held[name] = value
        return tf1.get_variable(name, initializer=np.zeros_like(value), use_resource=len(held) % 2 == 0)
    x = tf1.placeholder(tf.float32, [None, 4], 'input')
    for name, value in typed_values(with_bfloat16).items():
        tf.add(x, tf.cast(hold('v_' + name, value), tf.float32), name='out_' + name)
    scalar, counter = hold('scalar', np.float32(0.75)), hold('counter', np.int64(12345678901))
    empty = hold('empty', np.zeros((4, 0), np.float32))
    tf.concat([x * scalar, tf.matmul(x, empty)], 1, name='out_scalar')
    tf.cast(counter, tf.float32, name='out_counter')
    return held


def typed(case, seed, with_bfloat16, **saver_args):
    outputs = ['out_' + k for k in typed_values(with_bfloat16)] + ['out_scalar', 'out_counter']
    os.makedirs(case, exist_ok=True)
    graph = tf.Graph()
    with graph.as_default(), session(graph) as sess:
        values = typed_net(with_bfloat16)
        saver = tf1.train.Saver(save_relative_paths=True, **saver_args)
        sess.run(tf1.global_variables_initializer())
        for v in tf1.global_variables():
            sess.run(v.initializer, {v.initializer.inputs[1]: values[v.op.name]})
        path = saver.save(sess, os.path.join(case, 'model.ckpt'))
    expect(case, load_meta(os.path.join(case, 'model.ckpt.meta'), path), {'input': draw((2, 4), seed)}, outputs, path,
           {'folder': '.', 'outputs': ','.join(outputs)})


def v2_types(case):
    """Variables of float, double, half, bfloat16, int8..int64, uint8, uint16, bool, alternately reference and
    resource; float and int64 scalars; a zero-sized matrix."""
    typed(case, 121, True)


def v1_types(case):
    """The same types, without bfloat16 which V1 cannot hold, in a V1 table."""
    typed(case, 123, False, write_version=V1)


# ---- which checkpoint, which key

def ema_train(case, seed):
    """Save a training graph with moving averages after three steps; returns the prefix."""
    graph = build(lambda: dense_net(False))
    os.makedirs(case, exist_ok=True)
    with graph.as_default(), session(graph) as sess:
        ema = tf1.train.ExponentialMovingAverage(0.5)
        step = ema.apply(tf1.trainable_variables())
        saver = tf1.train.Saver(save_relative_paths=True)
        initialise(sess, seed)
        for i in range(3):
            refill(sess, seed + i)
            sess.run(step)
        return saver.save(sess, os.path.join(case, 'model.ckpt'), global_step=3)


def v2_ema_saver(case):
    """Evaluation graph whose saver restores `w` from key `w/ExponentialMovingAverage`; the checkpoint also holds `w`.
    Name matching would take the wrong weights: the saver's restore sub-graph decides."""
    path = ema_train(case, 131)
    meta = os.path.join(case, 'model.ckpt-3.meta')
    graph = build(lambda: dense_net(False))
    with graph.as_default():
        ema = tf1.train.ExponentialMovingAverage(0.5)
        tf1.train.Saver(ema.variables_to_restore()).export_meta_graph(meta)
    expect(case, load_meta(meta, path), {'input': draw(DENSE_IN, 131)}, ['output'], path,
           {'folder': '.', 'outputs': 'output'})


def v2_ema_extra(case):
    """Training graph with moving averages beside the variables.  `expected/` holds the plain weights' answer,
    `expected_ema/` the answer when the freezer is told to prefer moving averages."""
    path = ema_train(case, 132)
    meta = os.path.join(case, 'model.ckpt-3.meta')
    inputs = {'input': draw(DENSE_IN, 132)}
    freeze = {'folder': '.', 'outputs': 'output'}
    plain = expect(case, load_meta(meta, path), inputs, ['output'], path, freeze)
    graph, sess = load_meta(meta, path)
    with graph.as_default():
        averages = {v.op.name: v for v in tf1.global_variables() if v.op.name.endswith('/ExponentialMovingAverage')}
        sess.run([tf1.assign(v, averages[v.op.name + '/ExponentialMovingAverage'])
                  for v in tf1.global_variables() if v.op.name + '/ExponentialMovingAverage' in averages])
    averaged = expect(case, (graph, sess), inputs, ['output'], path, dict(freeze, prefer_ema=1), folder='expected_ema')
    shutil.rmtree(os.path.join(case, 'expected_ema', 'values'))
    assert np.max(np.abs(plain[0] - averaged[0])) > 1e-3


def several(case):
    """Steps 10, 20 and 30 in one folder, the state file naming the older 20; one `.meta`, of step 30 only."""
    graph = build(lambda: dense_net(True))
    os.makedirs(case, exist_ok=True)
    with graph.as_default(), session(graph) as sess:
        saver = tf1.train.Saver(save_relative_paths=True)
        initialise(sess, 130)
        for step in (10, 20, 30):
            refill(sess, 130 + step)
            saver.save(sess, os.path.join(case, 'model.ckpt'), global_step=step, write_meta_graph=step == 30)
    write_lines(os.path.join(case, 'checkpoint'), ['model_checkpoint_path: "model.ckpt-20"'] +
                [f'all_model_checkpoint_paths: "model.ckpt-{s}"' for s in (10, 20, 30)])
    path = os.path.join(case, 'model.ckpt-20')
    expect(case, load_meta(os.path.join(case, 'model.ckpt-30.meta'), path), {'input': draw(DENSE_IN, 133)}, ['output'],
           path, {'folder': '.', 'outputs': 'output'})


def stale_path(case):
    """The state file names an absolute path on another machine; the files lie beside it."""
    simple(case, lambda: dense_net(False), DENSE_IN, 134, step=5)
    write_lines(os.path.join(case, 'checkpoint'),
                [f'{k}: "/home/somebody/runs/3/model.ckpt-5"'
                 for k in ('model_checkpoint_path', 'all_model_checkpoint_paths')])


def graph_pb(case):
    """A raw binary GraphDef and a checkpoint with state file; no `.meta`, no saver nodes."""
    graph = build(lambda: conv_net(False))
    graph_def = write_graph(case, graph)
    path = save(graph, 135, case, meta=False)
    expect(case, load_by_name(graph_def, path), {'input': draw(CONV_IN, 135)}, ['output'], path,
           {'folder': '.', 'graph': 'graph.pb', 'outputs': 'output'})


def graph_pbtxt(case):
    """A GraphDef in text format and a checkpoint named by its prefix; no state file.  Resource variables."""
    graph = build(lambda: dense_net(True))
    graph_def = write_graph(case, graph, 'graph.pbtxt')
    path = save(graph, 136, case, 'weights', meta=False)
    os.remove(os.path.join(case, 'checkpoint'))
    expect(case, load_by_name(graph_def, path), {'input': draw(DENSE_IN, 136)}, ['output'], path,
           {'prefix': 'weights', 'graph': 'graph.pbtxt', 'outputs': 'output'})


# ---- training graphs

def batch_norm(x, training, resource):
    """Batch norm switched by tf.cond, its moving averages updated inside the training branch."""
    with tf1.variable_scope('bn', use_resource=resource):
        c = x.shape[-1]
        gamma, beta = variable('gamma', [c]), variable('beta', [c])
        mean = variable('moving_mean', [c], trainable=False)
        variance = variable('moving_variance', [c], trainable=False)

    def train():
        y, m, v = tf1.nn.fused_batch_norm(x, gamma, beta, epsilon=1e-3, is_training=True)
        with tf1.control_dependencies([tf1.assign_sub(mean, .1 * (mean - m)),
                                       tf1.assign_sub(variance, .1 * (variance - v))]):
            return tf.identity(y)

    def infer():
        return tf1.nn.fused_batch_norm(x, gamma, beta, mean, variance, epsilon=1e-3, is_training=False)[0]
    return tf1.cond(training, train, infer)


def training_net(resource, optimizer):
    """What a training script leaves in its graph; returns the train op: a whole Adam, or just a step counter."""
    x = tf1.placeholder(tf.float32, [None, 6, 6, 2], 'input')
    labels = tf1.placeholder(tf.int64, [None], 'labels')
    training = tf1.placeholder(tf.bool, [], 'is_training')
    phase = tf1.placeholder_with_default(False, [], 'keras_learning_phase')
    keep = tf1.placeholder_with_default(np.float32(1.0), [], 'keep_prob')
    with tf1.variable_scope('net', use_resource=resource):
        h = tf1.nn.conv2d(x, variable('conv/kernel', [3, 3, 2, 4]), strides=[1, 1, 1, 1], padding='SAME')
        h = tf1.nn.relu(batch_norm(h, training, resource))
        h = tf1.cond(phase, lambda: tf1.nn.dropout(h, rate=.5), lambda: tf.identity(h))
        h = tf1.nn.max_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], 'VALID')
        h = tf1.nn.dropout(tf.reshape(h, [-1, 36]), keep_prob=keep)
        dense = [variable('dense/kernel', [36, 3]), variable('dense/bias', [3])]
        logits = tf1.nn.xw_plus_b(h, *dense)
    tf.identity(tf1.nn.softmax(logits), name='output')
    loss = tf1.reduce_mean(tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    tf1.summary.scalar('loss', loss)
    tf1.summary.merge_all()
    step = tf1.train.create_global_step()
    if optimizer:
        return tf1.train.AdamOptimizer(1e-2).minimize(loss, global_step=step, var_list=dense)
    with tf1.control_dependencies([loss]):
        return tf1.assign_add(step, 1)


def training(case, seed, resource, optimizer=False):
    os.makedirs(case, exist_ok=True)
    graph = tf.Graph()
    with graph.as_default():
        tf1.set_random_seed(seed)                          # of the dropouts
        train = training_net(resource, optimizer)
        saver = tf1.train.Saver(save_relative_paths=True)
        with session(graph) as sess:
            initialise(sess, seed)
            for i in range(4):
                sess.run(train, {'input:0': draw((8, 6, 6, 2), seed + i), 'labels:0': np.arange(8) % 3,
                                 'is_training:0': True, 'keras_learning_phase:0': True, 'keep_prob:0': .8})
            path = saver.save(sess, os.path.join(case, 'model.ckpt'), global_step=4)
    expect(case, load_meta(os.path.join(case, 'model.ckpt-4.meta'), path), {'input': draw(CONV_IN, seed)}, ['output'],
           path, {'folder': '.', 'outputs': 'output'}, flags=[('is_training', False)], freezable=False)


def training_ref(case):
    """A training graph: Adam and its slots, summaries, dropouts (learning-phase cond and `keep_prob` default), batch
    norm in a Switch/Merge cond on placeholder `is_training`, moving averages updated inside the cond (RefSwitch)."""
    training(case, 141, False, optimizer=True)


def training_resource(case):
    """The same training graph with resource variables, without the optimizer."""
    training(case, 142, True)


def training_if(case):
    """The same with resource variables and control flow v2: functional If nodes whose branch functions capture
    variable handles."""
    tf1.enable_control_flow_v2()
    try:
        training(case, 143, True)
    finally:
        tf1.disable_control_flow_v2()


# ---- object-based checkpoints and SavedModels

def object_based(case):
    """tf.train.Checkpoint: keys are object paths; the graph's variables are found through the object graph's full
    names.  Raw GraphDef beside it."""
    os.makedirs(case, exist_ok=True)
    graph = tf.Graph()
    with graph.as_default():
        conv_net(True)
        names = {v.op.name: v for v in tf1.global_variables()}
        graph_def = write_graph(case, graph)
        conv = tf1.train.Checkpoint(kernel=names['net/conv/kernel'], bias=names['net/conv/bias'])
        dense = tf1.train.Checkpoint(w=names['net/dense/kernel'], b=names['net/dense/bias'])
        root = tf1.train.Checkpoint(encoder=conv, head=dense)
        with session(graph) as sess:
            initialise(sess, 151)
            path = root.save(os.path.join(case, 'ckpt'), session=sess)
    keys = {'net/conv/kernel': 'encoder/kernel', 'net/conv/bias': 'encoder/bias', 'net/dense/kernel': 'head/w',
            'net/dense/bias': 'head/b'}
    loaded = load_by_name(graph_def, path, lambda n: keys[n] + '/.ATTRIBUTES/VARIABLE_VALUE')
    expect(case, loaded, {'input': draw(CONV_IN, 151)}, ['output'], path,
           {'folder': '.', 'graph': 'graph.pb', 'outputs': 'output'})


def savedmodel_tf1(case):
    """TF1 SavedModel (simple_save): Saver nodes in the graph, tag `serve`, signature `serving_default`."""
    graph = build(lambda: dense_net(True))
    with graph.as_default(), session(graph) as sess:
        initialise(sess, 161)
        tf1.saved_model.simple_save(sess, case, {'row': graph.get_tensor_by_name('input:0')},
                                    {'scores': graph.get_tensor_by_name('output:0')})
    expect_savedmodel(case, {'row': draw(DENSE_IN, 161)})


class TwoHeads(tf.Module):
    """A TF2 model: nested tf.functions, a captured constant, two outputs."""

    def __init__(self, seed):
        super().__init__(name='two_heads')
        self.kernel = tf.Variable(draw((3, 3, 2, 4), seed) * .3, name='kernel')
        self.layers = [tf.Variable(draw((36, 5), seed + 1) * .2, name='w'), tf.Variable(draw((5,), seed + 2), name='b')]
        self.shift = tf.constant(draw((4,), seed + 3))

    @tf.function
    def features(self, x):
        h = tf.nn.relu(tf.nn.conv2d(x, self.kernel, 1, 'SAME') + self.shift)
        return tf.nn.max_pool2d(h, 2, 2, 'VALID')

    @tf.function(input_signature=[tf.TensorSpec([None, 6, 6, 2], tf.float32, name='image')])
    def serve(self, image):
        f = self.features(image)
        y = tf.matmul(tf.reshape(f, [-1, 36]), self.layers[0]) + self.layers[1]
        return {'scores': tf.nn.softmax(y), 'features': f}


def savedmodel_tf2(case):
    """TF2 SavedModel of a tf.Module: nested functions, a captured constant, outputs `features` and `scores`."""
    model = TwoHeads(162)
    tf.saved_model.save(model, case, signatures=model.serve)
    expect_savedmodel(case, {'image': draw(CONV_IN, 162)})


def savedmodel_tf2_blocks(case):
    """Saved with a maximum shard size: several data files, a matrix and a rank-3 variable cut into blocks."""
    class Large(tf.Module):
        def __init__(self):
            super().__init__(name='large')
            self.w = tf.Variable(draw((9, 11), 4) * .3, name='w')
            self.cube = tf.Variable(draw((3, 5, 7), 5) * .3, name='cube')

        @tf.function(input_signature=[tf.TensorSpec([None, 9], tf.float32, name='x')])
        def serve(self, x):
            return {'y': tf.tanh(tf.matmul(x, self.w)), 'z': self.cube + x[0, 0]}
    model = Large()
    policy = tf.train.experimental.MaxShardSizePolicy(max_shard_size=160)
    tf.saved_model.save(model, case, signatures=model.serve,
                        options=tf.saved_model.SaveOptions(experimental_sharding_callback=policy))
    assert len([f for f in os.listdir(os.path.join(case, 'variables')) if '.data-' in f]) > 2
    expect_savedmodel(case, {'x': draw((3, 9), 163)})


def savedmodel_tf2_same_names(case):
    """Two variables of the same name: full names in the object graph are not unique, so matching by name takes the
    wrong weights; the restore function or the object graph's structure must be followed."""
    class Twins(tf.Module):
        def __init__(self):
            super().__init__(name='twins')
            self.second = tf.Variable(draw((4, 4), 1), name='same')
            self.first = tf.Variable(draw((4, 4), 2), name='same')

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name='x')])
        def serve(self, x):
            return {'y': tf.tanh(tf.matmul(tf.matmul(x, self.first) * .5, self.second) * .5)}
    model = Twins()
    tf.saved_model.save(model, case, signatures=model.serve)
    expect_savedmodel(case, {'x': draw((3, 4), 164)})


def savedmodel_tf2_while(case):
    """TF2 SavedModel with a functional While whose body reads a captured variable."""
    class Loop(tf.Module):
        def __init__(self):
            super().__init__(name='loop')
            self.w = tf.Variable(draw((4, 4), 3) * .5, name='w')

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name='x')])
        def serve(self, x):
            for _ in tf.range(3):
                x = tf.tanh(tf.matmul(x, self.w))
            return {'y': x}
    model = Loop()
    tf.saved_model.save(model, case, signatures=model.serve)
    expect_savedmodel(case, {'x': draw((3, 4), 165)})


def keras_model():
    import keras
    model = keras.Sequential([keras.Input((6,), name='row'), keras.layers.Dense(4, activation='relu'),
                              keras.layers.Dense(3, activation='softmax')])
    for i, w in enumerate(model.weights):
        w.assign(np.abs(draw(w.shape, 500 + i)) * .3)
    return model


def savedmodel_keras3_export(case):
    """Keras 3 model.export(): every weight stored twice under different keys."""
    keras_model().export(case, verbose=False)
    expect_savedmodel(case, {'row': draw(DENSE_IN, 166)})


def savedmodel_keras3_save(case):
    """tf.saved_model.save of a Keras 3 model: the variables that the signature reads are restored by nothing; only
    the saved object graph ties them to checkpoint keys."""
    tf.saved_model.save(keras_model(), case)
    expect_savedmodel(case, {'inputs': draw(DENSE_IN, 167)})


def expect_savedmodel(case, inputs):
    """Answers by tf.saved_model.load, names by the SignatureDef, frozen graph by the TF2 or the TF1 converter."""
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    from ckpt_common import write_arrays, write_values
    for extra in ('fingerprint.pb', 'debug'):              # random or host-dependent, and no reader needs them
        path = os.path.join(case, extra)
        if os.path.exists(path):
            os.remove(path) if os.path.isfile(path) else shutil.rmtree(path)
    with open(os.path.join(case, 'saved_model.pb'), 'rb') as f:
        meta = saved_model_pb2.SavedModel.FromString(f.read()).meta_graphs[0]
    signature = meta.signature_def['serving_default']
    out_keys = sorted(signature.outputs)
    model = tf.saved_model.load(case)                      # kept alive: it owns the variables
    function = model.signatures['serving_default']
    answers = function(**{k: tf.constant(v) for k, v in inputs.items()})
    out = os.path.join(case, 'expected')
    os.makedirs(out, exist_ok=True)

    def name(info):
        return info.name[:-2] if info.name.endswith(':0') else info.name
    write_arrays(out, 'in', [name(signature.inputs[k]) for k in inputs], inputs.values(), 'inputs.txt')
    write_arrays(out, 'out', [name(signature.outputs[k]) for k in out_keys], [answers[k].numpy() for k in out_keys],
                 'outputs.txt')
    write_lines(os.path.join(out, 'signature.txt'), [f'input {k} {name(signature.inputs[k])}' for k in inputs] +
                [f'output {k} {name(signature.outputs[k])}' for k in out_keys])
    write_lines(os.path.join(out, 'freeze.txt'), ['folder .', 'signature serving_default'])
    write_values(os.path.join(out, 'values'), os.path.join(case, 'variables', 'variables'))
    frozen = convert_variables_to_constants_v2(function).graph.as_graph_def()
    with open(os.path.join(out, 'frozen_by_tf.pb'), 'wb') as f:
        f.write(frozen.SerializeToString(deterministic=True))


# ---- tables and bundles that TensorFlow 2.21 reads but no longer writes

def long_names():
    """input [N,4], then four times scale, shift and tanh: eight variables with long, similar names."""
    x = tf1.placeholder(tf.float32, [None, 4], 'input')
    for i in range(4):
        with tf1.variable_scope(f'tower_0/{"residual_" * 6}block_{i:02d}/normalization', use_resource=False):
            x = tf.tanh(x * variable('scale_of_every_channel', [4]) + variable('channel_shift', [4]))
    tf.identity(x, name='output')


def rewritten(case, seed, network, shape, rewrite):
    """A graph.pb case whose index (and data) `rewrite(prefix)` replaces before TensorFlow reads it back."""
    graph = build(network)
    graph_def = write_graph(case, graph, only=['output'])
    path = save(graph, seed, case, meta=False)
    before = {k: tf.train.load_checkpoint(path).get_tensor(k) for k, _ in tf.train.list_variables(path)}
    rewrite(path)
    reader = tf.train.load_checkpoint(path)
    assert all(np.array_equal(v, reader.get_tensor(k)) for k, v in before.items()), case
    expect(case, load_by_name(graph_def, path), {'input': draw(shape, seed)}, ['output'], path,
           {'folder': '.', 'graph': 'graph.pb', 'outputs': 'output'})


def v2_snappy(case):
    """Index with a Snappy-compressed data block (literals, 1- and 2-byte-offset copies, overlapping copies)."""
    def rewrite(prefix):
        assert write_table(prefix + '.index', read_table(prefix + '.index'), compress=True) == 1
    rewritten(case, 171, long_names, (3, 4), rewrite)


def v2_blocks(case):
    """Index with many raw data blocks of 150 bytes and shortened separator keys."""
    def rewrite(prefix):
        assert write_table(prefix + '.index', read_table(prefix + '.index'), 150) > 3
    rewritten(case, 172, long_names, (3, 4), rewrite)


def v2_blocks_snappy(case):
    """Index with several data blocks, every block Snappy-compressed."""
    def rewrite(prefix):
        assert write_table(prefix + '.index', read_table(prefix + '.index'), 250, compress=True) > 2
    rewritten(case, 173, long_names, (3, 4), rewrite)


def rewrite_bundle(prefix, align=1, big=False):
    """Move the tensors of a one-shard bundle apart, or turn it big-endian; only 4-byte types."""
    data_path = prefix + '.data-00000-of-00001'
    with open(data_path, 'rb') as f:
        old = f.read()
    new, entries = bytearray(), []
    for key, value in read_table(prefix + '.index'):
        if key == b'':
            header = tensor_bundle_pb2.BundleHeaderProto.FromString(value)
            header.endianness = header.BIG if big else header.LITTLE
            entries.append((key, header.SerializeToString()))
            continue
        entry = tensor_bundle_pb2.BundleEntryProto.FromString(value)
        raw = old[entry.offset:entry.offset + entry.size]
        raw = np.frombuffer(raw, '<u4').astype('>u4').tobytes() if big else raw
        new += b'\0' * (-len(new) % align)
        entry.offset, entry.crc32c = len(new), masked_crc32c(raw)
        new += raw
        entries.append((key, entry.SerializeToString()))
    with open(data_path, 'wb') as f:
        f.write(new)
    write_table(prefix + '.index', entries)


def v2_aligned(case):
    """Data file whose tensors start at multiples of 64, with zeros between."""
    rewritten(case, 174, lambda: dense_net(False), DENSE_IN, lambda prefix: rewrite_bundle(prefix, align=64))


def v2_big_endian(case):
    """A bundle whose header says big-endian, data swapped accordingly."""
    rewritten(case, 175, lambda: dense_net(False), DENSE_IN, lambda prefix: rewrite_bundle(prefix, big=True))


CASES = [v2_ref, v2_resource, v2_two_shards, v2_three_shards, v2_partitioned_rows, v2_partitioned_columns,
         v2_partitioned_shards, v2_snappy, v2_blocks, v2_blocks_snappy, v2_aligned, v2_big_endian, v1_single,
         v1_sharded, v1_partitioned, v2_types, v1_types, v2_ema_saver, v2_ema_extra, several,
         stale_path, graph_pb, graph_pbtxt, training_ref, training_resource, training_if, object_based,
         savedmodel_tf1, savedmodel_tf2, savedmodel_tf2_blocks, savedmodel_tf2_same_names, savedmodel_tf2_while,
         savedmodel_keras3_export, savedmodel_keras3_save]
