#!/bin/sh
# freeze_all.sh FLOE PYTHON [CASE ...] - freezes every checkpoint case with floe and has real TensorFlow run the result.
#
# expected/freeze.txt of a case says how it is frozen; check_frozen.py compares outputs and constants.
set -u
floe=$1 python=$2
shift 2
cases=${*:-$(ls -d tests/golden/ckpt/*/)}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
pairs=""
for case in $cases; do
    case=${case%/}
    folder=$case prefix="" graph="" outputs="" signature="" ema=""
    while read -r key value; do
        case $key in
        folder) folder=$case/$value ;;
        prefix) prefix="--checkpoint_prefix=$case/$value" ;;
        graph) graph="--input_graph=$case/$value" ;;
        outputs) outputs=$(echo "$value" | tr ' ' ',') ;;
        signature) signature="--signature=$value" ;;
        prefer_ema) [ "$value" = 1 ] || [ "$value" = true ] && ema="--prefer-ema" ;;
        esac
    done <"$case/expected/freeze.txt"
    frozen=$out/$(basename "$case").pb
    if "$floe" freeze --checkpoint_folder="$folder" $prefix $graph $signature $ema ${outputs:+--output_node_names=$outputs} \
        --output_graph="$frozen" >"$out/log" 2>&1; then
        pairs="$pairs $case $frozen"
    else
        echo "$case: $(tail -n 1 "$out/log")"
    fi
done
"$python" tools/oracle/check_frozen.py $pairs
