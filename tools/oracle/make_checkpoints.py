#!/usr/bin/env python3
"""Checkpoints and SavedModels with known content, for tests of the freezer.

    make_checkpoints.py --out tests/golden/ckpt [--only NAME ...]

Writes one folder per case of ckpt_cases.py (see its docstrings, which become OUT/README.md) with the layout of
ckpt_common.py.  Every case is read back by TensorFlow from the written files before its expectations are stored.
Needs TensorFlow 2.x.  Everything is seeded and the program restarts itself with a fixed PYTHONHASHSEED, because
TensorFlow orders some attributes by set.  Two complete runs write the same bytes except for three things in
TensorFlow's hands: the order inside serialized cond contexts of a .meta, the order of variables in Keras SavedModels,
and the order of functions in one graph frozen by TensorFlow.
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import uuid

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')
os.environ.setdefault('TF_USE_LEGACY_KERAS', '0')
if os.environ.get('PYTHONHASHSEED') != '0':
    os.execve(sys.executable, [sys.executable] + sys.argv, dict(os.environ, PYTHONHASHSEED='0'))
import tensorflow as tf

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ckpt_common
from ckpt_cases import CASES

README = """# Checkpoints for the freezer

Written and read back by TensorFlow (`tools/oracle/make_checkpoints.py`). `tools/oracle/check_frozen.py` compares a
graph that `floe freeze` made from a case with its expectations.

"""


def fixed_uuids(seed):
    """Savers put a random uuid into the graph; a seeded one keeps the files reproducible."""
    rng = random.Random(seed)
    return lambda: uuid.UUID(int=rng.getrandbits(128), version=4)


def write_readme(out):
    layout = ckpt_common.__doc__.split('\n\n', 1)[1].rstrip()
    with open(os.path.join(out, 'README.md'), 'w') as f:
        f.write(f'{README}{layout}\n\n| folder | what it is |\n|---|---|\n')
        for case in CASES:
            f.write(f'| `{case.__name__}` | {" ".join(case.__doc__.split())} |\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', required=True, help='folder to write the case folders to')
    parser.add_argument('--only', nargs='*', help='names of cases (default: all)')
    args = parser.parse_args()
    tf.compat.v1.disable_control_flow_v2()
    os.makedirs(args.out, exist_ok=True)
    known = [c.__name__ for c in CASES]
    for name in args.only or []:
        if name not in known:
            raise SystemExit(f'no case {name}; there are {" ".join(known)}')
    for case in CASES:
        name = case.__name__
        if args.only and name not in args.only:
            continue
        uuid.uuid4 = fixed_uuids(name)
        with tempfile.TemporaryDirectory() as scratch:      # savers write their own absolute paths nowhere, but be sure
            folder = os.path.join(scratch, name)
            case(folder)
            target = os.path.join(args.out, name)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder, target)
        size = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(target) for f in files)
        print(f'{name}: {size} bytes', flush=True)
    write_readme(args.out)


if __name__ == '__main__':
    main()
