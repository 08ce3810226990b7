#!/bin/sh
# test_examples.sh - every program in examples/ runs and gives the right answer.
set -u
build=${FLOE_BUILD:-build}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
expect() { # name, pattern, command...
    name=$1 pattern=$2
    shift 2
    if out=$("$@" 2>&1) && printf '%s\n' "$out" | grep -q "$pattern"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: %s\n' "$name" "$out"
    fi
}
car=$(awk '$1 == "Car.png" {printf "%.4f", $3}' sample/expected.txt)
expect freeze . "$build/floe" freeze --checkpoint_folder=sample/checkpoint --output_node_names=softmax_tensor --output_graph="$dir/frozen.pb"
expect deploy "" "$build/floe" deploy --frozen_file="$dir/frozen.pb" --input_placeholder=images_placeholder --dimensions=3,224,224 \
    --output_placeholders=softmax_tensor --file_path="$dir/model.PLAN" --opt-level=0
expect lenet "^9: " "$build/examples/lenet"
expect walkthrough "class 1: ${car%?}" "$build/examples/walkthrough" sample/checkpoint softmax_tensor images_placeholder 3 224 224 images/Car.png
expect classify "class 1, probability ${car%?}" "$build/examples/classify" "$dir/model.PLAN" images/Car.png
expect threads "the same bits" "$build/examples/threads" "$dir/model.PLAN"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
