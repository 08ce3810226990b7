#!/usr/bin/env python3
"""floe beside ONNX Runtime on the same weights, turn about: latency and peak memory, as ratios.

Usage: peers.py --floe build/floe --work build/peers [--nets resnet50,mobilenet,mobilenetv2] [--threads 1,2] [--batch 1]

Needs tensorflow-cpu, tf2onnx, onnx, onnxruntime (bench/requirements.txt). For each network (Keras, seeded random weights, batch
norms with sane statistics) a frozen GraphDef and an ONNX file are made once. Both engines run in processes of their own,
pinned to the same cores, one after the other for several rounds; a round's figure is its median, the result the median of
the rounds. Before timing, both answers are compared with TensorFlow's. Memory is floe's whole process at its peak; of ONNX
Runtime's, what Python and its imports took before the model was loaded is subtracted.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

SEED = 20261124
NETS = {"resnet50": "ResNet50", "mobilenet": "MobileNet", "mobilenetv2": "MobileNetV2", "inceptionv3": "InceptionV3",
        "vgg16": "VGG16", "efficientnetb0": "EfficientNetB0"}


def make_models(work, names, batch):
    """frozen.pb, model.onnx, input.npy, expected.npy per network; nothing is made twice."""
    missing = [n for n in names if not os.path.exists(f"{work}/{n}/b{batch}.onnx")]
    if not missing:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np
    import tensorflow as tf
    import keras
    import tf2onnx
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    for name in missing:
        keras.utils.set_random_seed(SEED)
        rng = np.random.default_rng(SEED)
        model = getattr(keras.applications, NETS[name])(weights=None)
        shape = tuple(model.inputs[0].shape[1:])
        # Glorot loses half the energy at each relu; batch norms get the statistics of what they see.
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                for v in layer.weights:
                    if "moving" not in v.path:
                        v.assign(v + 0.05 * rng.standard_normal(v.shape).astype("float32"))
                layer.momentum = 0.0
        x = rng.uniform(-1, 1, (4,) + shape).astype("float32")
        model(x, training=True)
        fn = tf.function(lambda x: model(x, training=False))
        concrete = fn.get_concrete_function(tf.TensorSpec((batch,) + shape, tf.float32, name="x"))
        frozen = convert_variables_to_constants_v2(concrete)
        folder = f"{work}/{name}"
        os.makedirs(folder, exist_ok=True)
        graph = frozen.graph.as_graph_def()
        with open(f"{folder}/b{batch}.pb", "wb") as f:
            f.write(graph.SerializeToString())
        x = rng.uniform(-1, 1, (batch,) + shape).astype("float32")
        np.save(f"{folder}/b{batch}.input.npy", x)
        np.save(f"{folder}/b{batch}.expected.npy", frozen(tf.constant(x))[0].numpy())
        output = frozen.outputs[0].name
        tf2onnx.convert.from_graph_def(graph, input_names=["x:0"], output_names=[output], opset=17, inputs_as_nchw=["x:0"],
                                       output_path=f"{folder}/b{batch}.onnx")
        with open(f"{folder}/b{batch}.json", "w") as f:
            json.dump({"output": output.split(":")[0]}, f)
        print(f"made {name} at batch {batch}", flush=True)


def hwm():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) * 1024


def ort_worker(path, threads, seconds):
    """One round of ONNX Runtime in this process; prints a JSON line."""
    import numpy as np
    import onnxruntime as ort
    before = hwm()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(path + ".onnx", options, providers=["CPUExecutionProvider"])
    x = np.ascontiguousarray(np.load(path + ".input.npy").transpose(0, 3, 1, 2))
    feed = {session.get_inputs()[0].name: x}
    answer = session.run(None, feed)[0]
    expected = np.load(path + ".expected.npy")
    times, end = [], time.perf_counter() + 0.5
    while time.perf_counter() < end:
        session.run(None, feed)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - start)
    print(json.dumps({"ms": statistics.median(times) * 1e3, "memory": hwm() - before,
                      "error": float(abs(answer - expected).max() / abs(expected).max())}))


def ort_round(path, threads, seconds, cores):
    out = subprocess.run(["taskset", "-c", cores, sys.executable, os.path.abspath(__file__), "--ort-worker", path, "--threads",
                          str(threads), "--seconds", str(seconds)], capture_output=True, text=True, check=True)
    return json.loads(out.stdout.strip().splitlines()[-1])


def floe_round(floe, path, threads, seconds, cores, batch):
    child = subprocess.Popen(["taskset", "-c", cores, floe, "bench", path + f".t{threads}.PLAN", f"--batch={batch}",
                              f"--threads={threads}", f"--duration={seconds}", "--json"], stdout=subprocess.PIPE, text=True)
    result = json.loads(child.stdout.read())
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit("floe bench failed")
    return {"ms": result["latency_ms"]["median"], "memory": usage.ru_maxrss * 1024}


def floe_build(floe, path, threads, cores, batch):
    import numpy as np
    plan = path + f".t{threads}.PLAN"
    with open(path + ".json") as f:
        output = json.load(f)["output"]
    shape = ",".join(str(d) for d in np.load(path + ".input.npy").shape[1:])
    start = time.time()
    subprocess.run(["taskset", "-c", cores, floe, "build", path + ".pb", "-o", plan, "--input_placeholder=x", f"--dimensions={shape}",
                    f"--output_placeholders={output}", f"--max_batch_size={batch}", "--max_workspace_size=26",
                    f"--threads={threads}"], check=True)
    took = time.time() - start
    folder = path + ".out"
    subprocess.run([floe, "infer", f"--plan_file={plan}", f"--input={path}.input.npy", f"--output_folder={folder}"], check=True,
                   stdout=subprocess.DEVNULL)
    found = np.load(os.path.join(folder, os.listdir(folder)[0]))
    expected = np.load(path + ".expected.npy")
    return took, float(abs(found - expected).max() / abs(expected).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--floe", default="build/floe")
    parser.add_argument("--work", default="build/peers")
    parser.add_argument("--nets", default="resnet50,mobilenet,mobilenetv2")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--ort-worker")
    parser.add_argument("--make-only", action="store_true", help="make the models and stop")
    options = parser.parse_args()
    if options.ort_worker:
        return ort_worker(options.ort_worker, int(options.threads), options.seconds)
    names = options.nets.split(",")
    if options.make_only:
        return make_models(options.work, names, options.batch)
    # In a process of its own: a child's peak memory starts from its parent's, and TensorFlow's is large.
    subprocess.run([sys.executable, os.path.abspath(__file__), "--make-only", "--work", options.work, "--nets", options.nets,
                    "--batch", str(options.batch)], check=True)
    print(f"{'network':14} {'threads':>7} {'floe ms':>9} {'ORT ms':>9} {'floe/ORT':>9} {'floe MB':>8} {'ORT MB':>8} "
          f"{'floe/ORT':>9} {'floe err':>9} {'ORT err':>9} {'build s':>8}")
    for name in names:
        for threads in (int(t) for t in options.threads.split(",")):
            path = f"{options.work}/{name}/b{options.batch}"
            cores = f"0-{threads - 1}"
            built, error = floe_build(options.floe, path, threads, cores, options.batch)
            ours, theirs = [], []
            for _ in range(options.rounds):
                ours.append(floe_round(options.floe, path, threads, options.seconds, cores, options.batch))
                theirs.append(ort_round(path, threads, options.seconds, cores))
            a = statistics.median(r["ms"] for r in ours)
            b = statistics.median(r["ms"] for r in theirs)
            ma, mb = max(r["memory"] for r in ours) / 1e6, max(r["memory"] for r in theirs) / 1e6
            print(f"{name:14} {threads:7} {a:9.2f} {b:9.2f} {a / b:9.2f} {ma:8.0f} {mb:8.0f} {ma / mb:9.2f} {error:9.1e} "
                  f"{theirs[0]['error']:9.1e} {built:8.1f}", flush=True)


if __name__ == "__main__":
    main()
