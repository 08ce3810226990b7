#!/usr/bin/env python3
"""Frozen TensorFlow graphs of well-known classifiers without their weights, for bench_cuda_nets.

Usage: make_splat_nets.py --out DIR [--nets resnet50,mobilenetv2,...]

Each weight is one value repeated (TensorProto allows it), so a graph is a few hundred kilobytes where VGG-16 has half a
gigabyte; the benchmark draws random weights in their place. Needs tensorflow-cpu (bench/requirements.txt).
"""
import argparse
import os

from peers import NETS, SEED


def splat(graph):
    """Large float constants keep their shape and one value."""
    for node in graph.node:
        if node.op != "Const":
            continue
        tensor = node.attr["value"].tensor
        count = 1
        for d in tensor.tensor_shape.dim:
            count *= d.size
        if tensor.dtype == 1 and count > 64 and len(tensor.tensor_content) == 4 * count:
            import numpy as np
            value = np.frombuffer(tensor.tensor_content[:4], "<f4")[0]
            tensor.tensor_content = b""
            tensor.float_val.append(float(value))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--nets", default="resnet50,mobilenetv2,inceptionv3,vgg16,efficientnetb0")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    os.makedirs(args.out, exist_ok=True)
    for name in args.nets.split(","):
        keras.utils.set_random_seed(SEED)
        model = getattr(keras.applications, NETS[name])(weights=None)
        shape = tuple(model.inputs[0].shape[1:])
        fn = tf.function(lambda x: model(x, training=False))
        frozen = convert_variables_to_constants_v2(fn.get_concrete_function(tf.TensorSpec((None,) + shape, tf.float32, name="x")))
        graph = frozen.graph.as_graph_def()
        splat(graph)
        path = f"{args.out}/{name}.pb"
        with open(path, "wb") as f:
            f.write(graph.SerializeToString())
        print(f"{path}: {os.path.getsize(path)} bytes, input x {shape}, output {frozen.outputs[0].name}", flush=True)


if __name__ == "__main__":
    main()
