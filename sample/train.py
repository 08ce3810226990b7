#!/usr/bin/env python3
"""Trains the sample classifier and writes its checkpoint, the way a TensorFlow 1 project does.

    train.py              draw, train, save sample/checkpoint/, evaluate, write sample/expected.txt
    train.py --evaluate   only the last two, from the checkpoint that is there

There are two graphs over one set of variables, both made by `network`. Training runs NHWC, the only layout in which
TensorFlow's CPU kernels train well. What is saved is the NCHW graph, the layout of a GPU project of that time:

    images_placeholder [N,3,H,W], RGB 0..255
      -> Sub, Mul                                   to -1..1
      -> conv1 3x3/2, BN, Relu -> MaxPool 3x3/2                                         224 -> 112 -> 56
      -> sep2: depthwise 3x3, BN, Relu, 1x1, BN, Relu
      -> res3: 3x3/2 BN Relu 3x3 BN  +  1x1/2 BN -> Relu                                 56 -> 28
      -> AvgPool 2x2/2 -> sep4                                                           28 -> 14
      -> res5: x + (depthwise, BN, Relu, 1x1, BN) -> Relu
      -> sep6, depthwise of stride 2                                                     14 -> 7
      -> conv7 1x1, BiasAdd, Relu -> Mean over H and W -> MatMul, BiasAdd -> softmax_tensor [N,2]

A filter is stored HWIO in either layout, so the values move over unchanged. Nothing in the graph depends on H and W.
Next to the inference nodes the saved graph holds what a training project leaves in it: labels, loss, gradients, a
descent step, the global step and the Saver. Freezing is there to take them off again.

Training goes first at half size (the pictures' 2x2 means), where it is four times cheaper, then at 224. Every random
choice is seeded and one thread does the arithmetic, so a machine repeats itself bit by bit.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import numpy as np                                                       # noqa: E402
import tensorflow as tf                                                  # noqa: E402

import draw                                                              # noqa: E402

v1 = tf.compat.v1
SIZE = 224
CHECKPOINT = os.path.join(HERE, "checkpoint")
IMAGES = os.path.join(os.path.dirname(HERE), "images")
BN_DECAY, BN_EPSILON = 0.95, 1e-3


# ---- the network ----------------------------------------------------------------------------------------------------

class Builder:
    """Makes layers in one data format. In training it uses batch statistics and collects their moving averages."""

    def __init__(self, data_format, training):
        self.format, self.training, self.updates = data_format, training, []

    def _hw(self, y, x):
        return [1, 1, y, x] if self.format == "NCHW" else [1, y, x, 1]

    def _channels(self, x):
        return int(x.shape[1 if self.format == "NCHW" else 3])

    def variable(self, name, shape, scale):
        start = v1.random_normal_initializer(0, scale, seed=1 + len(v1.global_variables())) if scale else \
            v1.zeros_initializer()
        return v1.get_variable(name, shape, tf.float32, start, use_resource=False)

    def conv(self, x, filters, size, stride=1):
        inputs = self._channels(x)
        w = self.variable("weights", [size, size, inputs, filters], (2.0 / (size * size * inputs)) ** .5)
        return tf.nn.conv2d(x, w, self._hw(stride, stride), "SAME", data_format=self.format, name="Conv2D")

    def depthwise(self, x, stride=1):
        w = self.variable("depthwise_weights", [3, 3, self._channels(x), 1], (2.0 / 9) ** .5)
        return v1.nn.depthwise_conv2d_native(x, w, self._hw(stride, stride), "SAME", data_format=self.format,
                                             name="depthwise")

    def bias(self, x):
        b = self.variable("biases", [self._channels(x)], 0)
        return tf.nn.bias_add(x, b, data_format=self.format, name="BiasAdd")

    def norm(self, x):
        with v1.variable_scope("BatchNorm"):
            def get(name, value, trainable):
                return v1.get_variable(name, [self._channels(x)], tf.float32, v1.constant_initializer(value),
                                       trainable=trainable, use_resource=False)
            gamma, beta = get("gamma", 1.0, True), get("beta", 0.0, True)
            mean, variance = get("moving_mean", 0.0, False), get("moving_variance", 1.0, False)
            if not self.training:
                return v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, BN_EPSILON, self.format, False)[0]
            y, batch_mean, batch_variance = v1.nn.fused_batch_norm(x, gamma, beta, None, None, BN_EPSILON, self.format,
                                                                   True)
            self.updates.append(v1.assign_sub(mean, (mean - batch_mean) * (1 - BN_DECAY)))
            self.updates.append(v1.assign_sub(variance, (variance - batch_variance) * (1 - BN_DECAY)))
            return y

    def conv_bn(self, scope, x, filters, size, stride=1, relu=True):
        with v1.variable_scope(scope):
            x = self.norm(self.conv(x, filters, size, stride))
            return tf.nn.relu(x, name="Relu") if relu else x

    def separable(self, scope, x, filters, stride=1, relu=True):
        with v1.variable_scope(scope):
            with v1.variable_scope("depthwise"):
                x = tf.nn.relu(self.norm(self.depthwise(x, stride)), name="Relu")
            return self.conv_bn("pointwise", x, filters, 1, relu=relu)

    def pool(self, op, x, size, stride, padding, name):
        return op(x, self._hw(size, size), self._hw(stride, stride), padding, data_format=self.format, name=name)


def network(images, data_format, training):
    """images -> (logits, the moving averages' updates). Call it again with reuse for a second graph."""
    b = Builder(data_format, training)
    with v1.name_scope("scale"):
        x = tf.multiply(tf.subtract(images, 127.5), 1 / 127.5)
    x = b.conv_bn("conv1", x, 16, 3, 2)
    x = b.pool(v1.nn.max_pool, x, 3, 2, "SAME", "pool1")
    x = b.separable("sep2", x, 32)
    with v1.variable_scope("res3"):
        side = b.conv_bn("shortcut", x, 48, 1, 2, relu=False)
        x = b.conv_bn("b", b.conv_bn("a", x, 48, 3, 2), 48, 3, relu=False)
        x = tf.nn.relu(tf.add(x, side, name="add"), name="Relu")
    x = b.pool(v1.nn.avg_pool, x, 2, 2, "VALID", "pool3")
    x = b.separable("sep4", x, 96)
    with v1.variable_scope("res5"):
        x = tf.nn.relu(tf.add(x, b.separable("a", x, 96, relu=False), name="add"), name="Relu")
    x = b.separable("sep6", x, 128, 2)
    with v1.variable_scope("conv7"):
        x = tf.nn.relu(b.bias(b.conv(x, 128, 1)), name="Relu")
    x = tf.reduce_mean(x, [2, 3] if data_format == "NCHW" else [1, 2], name="global_pool")
    with v1.variable_scope("logits"):
        if training:
            x = tf.nn.dropout(x, rate=0.2, seed=7)
        w = b.variable("weights", [128, len(draw.LABELS)], 0.05)
        bias = b.variable("biases", [len(draw.LABELS)], 0)
        return tf.nn.bias_add(tf.matmul(x, w, name="MatMul"), bias, name="BiasAdd"), b.updates


# ---- training -------------------------------------------------------------------------------------------------------

def session(graph=None):
    """One thread, and no graph rewriting: what is timed and compared is the graph as written."""
    config = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return v1.Session(graph=graph, config=config)


def halved(x):
    return x.reshape(len(x), SIZE // 2, 2, SIZE // 2, 2, 3).mean(axis=(2, 4))


def batches(rng, images, labels, batch, half):
    """One epoch in a random order, mirrored at random, a little brighter or darker; float32 NHWC."""
    order = rng.permutation(len(labels))
    for first in range(0, len(order) - batch + 1, batch):
        pick = np.sort(order[first:first + batch])
        x = images[pick].astype(np.float32)
        mirrored = rng.random(batch) < .5
        x[mirrored] = x[mirrored, :, ::-1]
        if half:
            x = halved(x)
        x = x * rng.uniform(.85, 1.15, (batch, 1, 1, 1)).astype(np.float32)
        yield np.clip(x, 0, 255), labels[pick]


def train(options):
    """Returns ({variable name: value}, number of steps)."""
    start = time.time()
    print(f"drawing {options.pictures} pictures")
    images, labels = draw.pictures("train", 0, options.pictures, SIZE)
    check_images, check_labels = draw.pictures("check", 0, 400, SIZE)
    print(f"  {time.time() - start:.0f} s")

    graph = tf.Graph()
    with graph.as_default():
        v1.set_random_seed(1)
        x = v1.placeholder(tf.float32, [None, None, None, 3])
        y = v1.placeholder(tf.int32, [None])
        rate = v1.placeholder(tf.float32, [])
        with v1.variable_scope("", reuse=False):
            logits, updates = network(x, "NHWC", True)
        with v1.variable_scope("", reuse=True):
            verdict = tf.argmax(network(x, "NHWC", False)[0], 1)
        smooth = tf.one_hot(y, len(draw.LABELS)) * .96 + .02
        decay = tf.add_n([tf.nn.l2_loss(v) for v in v1.trainable_variables() if v.name.endswith("weights:0")])
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(smooth, logits))
        with tf.control_dependencies(updates):
            step = v1.train.AdamOptimizer(rate).minimize(loss + 1e-4 * decay)
        model = [v for v in v1.global_variables() if "Adam" not in v.name and "_power" not in v.name]

    rng = np.random.default_rng(1)
    plan = [(True, 64)] * options.half_epochs + [(False, 32)] * options.full_epochs
    steps = 0
    with session(graph) as s:
        s.run(v1.variables_initializer(graph.get_collection(v1.GraphKeys.GLOBAL_VARIABLES)))
        for epoch, (half, batch) in enumerate(plan):
            # The rate falls along half a cosine, once per stage.
            stage, length = (epoch, options.half_epochs) if half else (epoch - options.half_epochs, options.full_epochs)
            begun, total, count = time.time(), 0.0, len(labels) // batch
            for i, (bx, by) in enumerate(batches(rng, images, labels, batch, half)):
                progress = (stage + i / count) / length
                now = (4e-3 if half else 1.5e-3) * (.01 + .99 * .5 * (1 + np.cos(np.pi * progress)))
                total += s.run([loss, step], {x: bx, y: by, rate: now})[0]
                steps += 1
            view = check_images.astype(np.float32)
            if half:
                view = halved(view)
            right = np.concatenate([s.run(verdict, {x: view[j:j + 50]}) for j in range(0, 400, 50)]) == check_labels
            print(f"epoch {epoch + 1}/{len(plan)} at {SIZE // 2 if half else SIZE}: loss {total / count:.4f}, "
                  f"check {right.mean():.4f}, {time.time() - begun:.0f} s", flush=True)
        return {v.op.name: s.run(v) for v in model}, steps


# ---- the saved graph ------------------------------------------------------------------------------------------------

def save(values, steps):
    """The NCHW graph with the trained values, as model.ckpt-<steps> and its `checkpoint` file."""
    graph = tf.Graph()
    with graph.as_default():
        images = v1.placeholder(tf.float32, [None, 3, None, None], "images_placeholder")  # 224 x 224, but any size fits
        labels = v1.placeholder(tf.int32, [None], "labels_placeholder")
        logits, _ = network(images, "NCHW", False)
        tf.nn.softmax(logits, name="softmax_tensor")
        global_step = v1.train.get_or_create_global_step()
        with v1.name_scope("loss"):
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits), name="mean")
        v1.train.GradientDescentOptimizer(1e-3).minimize(loss, global_step, name="train")
        saver = v1.train.Saver(save_relative_paths=True)
        start = v1.global_variables_initializer()

    os.makedirs(CHECKPOINT, exist_ok=True)
    for name in os.listdir(CHECKPOINT):
        if name == "checkpoint" or name.startswith("model.ckpt"):
            os.remove(os.path.join(CHECKPOINT, name))
    with session(graph) as s:
        s.run(start)
        for variable in graph.get_collection(v1.GraphKeys.GLOBAL_VARIABLES):
            variable.load(steps if variable is global_step else values[variable.op.name], s)
        path = saver.save(s, os.path.join(CHECKPOINT, "model.ckpt"), global_step, write_meta_graph=False)
        saver.export_meta_graph(path + ".meta", clear_devices=True, strip_default_attrs=True)
    with open(os.path.join(HERE, "labels.txt"), "w") as out:
        out.write("".join(f"{label}\n" for label in draw.LABELS))


def restored():
    """A session over the graph in the checkpoint, exactly as saved."""
    path = v1.train.latest_checkpoint(CHECKPOINT)
    graph = tf.Graph()
    with graph.as_default():
        saver = v1.train.import_meta_graph(path + ".meta")
    s = session(graph)
    saver.restore(s, path)
    return s


def frozen(s):
    """The same inference graph after TensorFlow's own freezing, in a session of its own."""
    graph_def = v1.graph_util.convert_variables_to_constants(s, s.graph.as_graph_def(), ["softmax_tensor"])
    print(f"frozen: {len(s.graph.as_graph_def().node)} nodes -> {len(graph_def.node)}")
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    return session(graph)


def classify(s, pictures):
    """float32 NHWC 0..255 -> probabilities [N, 2]"""
    return s.run("softmax_tensor:0", {"images_placeholder:0": np.transpose(pictures, (0, 3, 1, 2))})


# ---- evaluation -----------------------------------------------------------------------------------------------------

def evaluate(options):
    """Accuracy on pictures of the held-out split, through the restored graph; the frozen graph has to agree."""
    with restored() as s, frozen(s) as f:
        worst, counts = 0.0, np.zeros((2, 2), int)
        for first in range(0, options.held_out, 50):
            images, labels = draw.pictures("held-out", first, min(50, options.held_out - first), SIZE)
            p = classify(s, images.astype(np.float32))
            worst = max(worst, float(np.abs(p - classify(f, images.astype(np.float32))).max()))
            np.add.at(counts, (labels, p.argmax(1)), 1)
        right = counts.trace()
        print(f"held-out accuracy: {right}/{counts.sum()} = {right / counts.sum():.4f}")
        for i, label in enumerate(draw.LABELS):
            print(f"  {label}: {counts[i, i]}/{counts[i].sum()}")
        print(f"frozen against restored: largest difference {worst:.2g}")
        expect(s)


def expect(s):
    """expected.txt: what TensorFlow says of the walkthrough's pictures, decoded and resized by TensorFlow."""
    graph = tf.Graph()
    with graph.as_default():
        data = v1.placeholder(tf.string, [])
        decoded = tf.io.decode_image(data, channels=3, expand_animations=False)
        square = tf.image.resize(decoded, [SIZE, SIZE])                  # bilinear, half-pixel centres, no antialiasing
    with session(graph) as decoder, open(os.path.join(HERE, "expected.txt"), "w") as out:
        for name in sorted(os.listdir(IMAGES)):
            with open(os.path.join(IMAGES, name), "rb") as picture:
                pixels = decoder.run(square, {data: picture.read()})
            p = classify(s, pixels[None])[0]
            best = int(p.argmax())
            out.write(f"{name} {draw.LABELS[best]} {p[best]:.6f}\n")
            print(f"  {name}: {draw.LABELS[best]} {p[best]:.6f}")


def main():
    parser = argparse.ArgumentParser(description="Train the sample classifier.")
    parser.add_argument("--evaluate", action="store_true", help="only evaluate the checkpoint that is there")
    parser.add_argument("--pictures", type=int, default=12000, help="pictures to train on")
    parser.add_argument("--half-epochs", type=int, default=6, help="epochs at 112 x 112")
    parser.add_argument("--full-epochs", type=int, default=4, help="epochs at 224 x 224")
    parser.add_argument("--held-out", type=int, default=2000, help="pictures to evaluate on")
    options = parser.parse_args()
    v1.disable_eager_execution()
    v1.disable_resource_variables()
    v1.logging.set_verbosity(v1.logging.ERROR)
    tf.config.experimental.enable_op_determinism()
    begun = time.time()
    if not options.evaluate:
        save(*train(options))
        print(f"trained in {time.time() - begun:.0f} s")
        draw.draw_walkthrough(IMAGES)
    evaluate(options)


if __name__ == "__main__":
    main()
