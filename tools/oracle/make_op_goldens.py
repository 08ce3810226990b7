#!/usr/bin/env python3
"""Writes tests/golden/op: for each TensorFlow operator a graph of small cases and their inputs and results.

    make_op_goldens.py [--out DIR] [NAME ...]     write all operators, or those named
    make_op_goldens.py --verify [NAME ...]        reload what is there, run every case again and compare

Per operator: NAME.pb (binary GraphDef; case k under the scope cKK/), NAME/cKK.inJ.npy, NAME/cKK.outJ.npy and
NAME/cases.txt, one line per case. ops.txt lists the operators with their number of cases. Results are TensorFlow's own
float32. Running again writes the same bytes.
"""
import argparse
import os
import re
import shutil
import sys

import op_goldens  # noqa: F401  first: sets the environment TensorFlow reads at import
import numpy as np
import tensorflow as tf

from op_goldens import graph as gr
from op_goldens import (dense, elementwise, movement, norm, patterns, reduction, sources)  # noqa: F401

DEFAULT_OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "op")
MARK = "[golden through "  # in cases.txt: the CPU lacks the kernel, or the graph is random


def close(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and (
        np.allclose(a, b, rtol=1e-5, atol=2e-5, equal_nan=True) if a.dtype.kind == "f" else np.array_equal(a, b))


def golden_results(session, case):
    """The case's results, and the text to add to its line when the op itself did not produce them."""
    feeds = {"%sin%d" % (case.scope, i): a for i, a in enumerate(case.arrays)}
    other = gr.run_equivalent(case) if case.reference else None
    if case.random:
        return other, " %s%s]" % (MARK, case.reference[0])
    try:
        direct = gr.run_case(session, case.results, feeds)
    except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
        if other is None:
            raise RuntimeError("%s (%s): %s" % (case.scope, case.text, error.message)) from None
        return other, " %s%s]" % (MARK, case.reference[0])
    if other is not None and not all(close(a, b) for a, b in zip(direct, other, strict=True)):
        raise RuntimeError("%s (%s): differs from its %s equivalent: %s, %s" % (
            case.scope, case.text, case.reference[0], direct, other))
    return direct, ""


def save_array(path, array):
    with open(path, "wb") as file:
        np.lib.format.write_array(file, np.array(array, order="C"), version=(1, 0), allow_pickle=False)


def write_operator(out, name):
    function, least = gr.OPERATORS[name]
    op = gr.OpFile(name)
    function(op)
    assert len(op.cases) >= least, "%s: %d cases, %d wanted" % (name, len(op.cases), least)
    graph = gr.make_graph(op.cases, op.versions)
    folder = os.path.join(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    lines = []
    with gr.open_session(graph) as session:
        for case in op.cases:
            results, mark = golden_results(session, case)
            tag = case.scope[:-1]
            for result in results:
                assert case.nan or result.dtype.kind != "f" or not np.isnan(result).any(), "%s %s: NaN" % (name, tag)
            for kind, arrays in (("in", case.arrays), ("out", results)):
                for i, array in enumerate(arrays):
                    save_array(os.path.join(folder, "%s.%s%d.npy" % (tag, kind, i)), array)
            notes = {True: ", batch unknown", "rank": ", rank unknown", False: ""}[case.dynamic]
            lines.append("%s: %s%s%s%s\n" % (tag, case.text, notes, ", defaults stripped" if case.strip else "", mark))
    with open(os.path.join(folder, "cases.txt"), "w") as file:
        file.writelines(lines)
    with open(os.path.join(out, name + ".pb"), "wb") as file:
        file.write(graph.SerializeToString(deterministic=True))
    return len(lines)


def read_cases(out, name):
    with open(os.path.join(out, name, "cases.txt")) as file:
        return dict(re.match(r"(c\d+): (.*)\n", line).groups() for line in file)


def load_arrays(folder, tag, kind):
    arrays = []
    while os.path.exists(path := os.path.join(folder, "%s.%s%d.npy" % (tag, kind, len(arrays)))):
        arrays.append(np.load(path))
    return arrays


def verify_operator(out, name):
    """Runs the written graph on the written arrays; returns (cases, cases equal to the bit, cases not runnable)."""
    folder = os.path.join(out, name)
    with open(os.path.join(out, name + ".pb"), "rb") as file:
        graph = tf.compat.v1.GraphDef.FromString(file.read())
    lines = read_cases(out, name)
    assert len(lines) >= gr.OPERATORS[name][1], name
    exact = skipped = 0
    with gr.open_session(graph) as session:
        for tag, line in lines.items():
            feeds = {"%s/in%d" % (tag, i): a for i, a in enumerate(load_arrays(folder, tag, "in"))}
            wanted = load_arrays(folder, tag, "out")
            names = sorted(n.name for n in graph.node if re.fullmatch(tag + r"/out\d+", n.name))
            declared = {n.name for n in graph.node if re.fullmatch(tag + r"/in\d+", n.name)}
            assert wanted and len(names) == len(wanted) and declared == set(feeds), "%s %s: files" % (name, tag)
            try:
                found = gr.run_case(session, names, feeds)
            except tf.errors.OpError as error:
                assert MARK in line, "%s %s: %s" % (name, tag, error.message)
                skipped += 1
                continue
            if MARK + "inference" in line:  # a random graph: it runs, and has the right form
                assert all(a.shape == b.shape and a.dtype == b.dtype for a, b in zip(found, wanted)), (name, tag)
                skipped += 1
                continue
            assert all(close(a, b) for a, b in zip(found, wanted)), "%s %s: differs" % (name, tag)
            exact += all(a.tobytes() == b.tobytes() for a, b in zip(found, wanted))
    return len(lines), exact, skipped


def write_index(out):
    """ops.txt from what lies there."""
    names = sorted(f[:-3] for f in os.listdir(out) if f.endswith(".pb"))
    with open(os.path.join(out, "ops.txt"), "w") as file:
        file.writelines("%s %d\n" % (name, len(read_cases(out, name))) for name in names)


def remove_stale(out):
    for entry in os.listdir(out):
        if entry.endswith(".pb") and entry[:-3] not in gr.OPERATORS:
            os.remove(os.path.join(out, entry))
            shutil.rmtree(os.path.join(out, entry[:-3]), ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.normpath(DEFAULT_OUT))
    parser.add_argument("--verify", action="store_true")
    parser.add_argument("name", nargs="*")
    args = parser.parse_args()
    for name in args.name:
        if name not in gr.OPERATORS:
            sys.exit("make_op_goldens: no operator '%s'; known: %s" % (name, " ".join(gr.OPERATORS)))
    names = args.name or list(gr.OPERATORS)
    if args.verify:
        total = np.zeros(3, int)
        for name in names:
            counts = verify_operator(args.out, name)
            total += counts
            print("%-24s %3d cases, %3d exact, %3d through an equivalent" % ((name,) + counts))
        print("%-24s %3d cases, %3d exact, %3d through an equivalent" % (("total",) + tuple(total)))
        return
    os.makedirs(args.out, exist_ok=True)
    for name in names:
        print("%-24s %3d cases" % (name, write_operator(args.out, name)))
    if not args.name:
        remove_stale(args.out)
    write_index(args.out)


if __name__ == "__main__":
    main()
