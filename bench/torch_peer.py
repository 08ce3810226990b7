#!/usr/bin/env python3
"""PyTorch's best on the networks of bench_cuda_nets: the peer of floe's CUDA backend, on the same GPU in the same session.

Usage: torch_peer.py [--nets resnet50,mobilenet_v2,...] [--batch 1,128] [--seconds 300]

FP16, channels_last, batch norms folded, torch.compile, captured in a CUDA graph; random weights, inputs on the device. One line
per network and batch: the median time between two events around a replay. Needs torch and torchvision.
"""
import argparse
import statistics
import time

import torch
import torchvision

NETS = "resnet50,mobilenet_v2,inception_v3,vgg16,efficientnet_b0"


def network(name):
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "inception_v3" else {}
    model = getattr(torchvision.models, name)(weights=None, **options).cuda()
    size = 299 if name == "inception_v3" else 224
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    if norms:  # statistics of what they see, so that activations keep a sane range
        for norm in norms:
            norm.momentum = None
            norm.reset_running_stats()
        model.train()
        with torch.no_grad():
            model(torch.randn(32, 3, size, size, device="cuda"))
    model.eval()
    from torch.fx.experimental.optimization import fuse
    try:
        model = fuse(model)
    except Exception as error:
        print(f"{name}: batch norms not folded: {error!r:.100}")
    return model.half().to(memory_format=torch.channels_last), size


def measure(model, x):
    compiled = torch.compile(model)
    with torch.no_grad():
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                compiled(x)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            compiled(x)
    end = time.time() + 0.3
    while time.time() < end:
        graph.replay()
        torch.cuda.synchronize()
    times, end = [], time.time() + 1
    while len(times) < 20 or (time.time() < end and len(times) < 2000):
        begin, after = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        after.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(after))
    return statistics.median(times), min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", default=NETS)
    parser.add_argument("--batch", default="1,128")
    parser.add_argument("--seconds", type=float, default=300)
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    deadline = time.time() + args.seconds
    print(f"torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}, {torch.cuda.get_device_name()}", flush=True)
    for name in args.nets.split(","):
        model, size = network(name)
        for batch in map(int, args.batch.split(",")):
            if time.time() > deadline:
                print("out of time")
                return
            x = torch.randn(batch, 3, size, size, device="cuda", dtype=torch.float16).to(memory_format=torch.channels_last)
            torch._dynamo.reset()
            try:
                median, best = measure(model, x)
                print(f"{name:16s} fp16 b{batch:<4d} median {median:8.4f} ms  best {best:8.4f}  {1e3 * batch / median:9.0f} /s", flush=True)
            except Exception as error:
                print(f"{name} b{batch}: {error!r:.200}", flush=True)
        del model
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
