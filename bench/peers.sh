#!/bin/sh
# peers.sh - floe beside ONNX Runtime; makes the Python environment on first use. PEERS_PYTHON names one that is there.
set -eu
build=${BUILD:-build}
python=${PEERS_PYTHON:-$build/peers-venv/bin/python}
if [ ! -x "$python" ]; then
    python3 -m venv "$build/peers-venv"
    "$build/peers-venv/bin/pip" install -q -r bench/requirements.txt
fi
exec "$python" bench/peers.py --floe "$build/floe" --work "$build/peers" "$@"
