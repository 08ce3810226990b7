#!/bin/sh
# run.sh - each fuzzer given as an argument for SECONDS seconds, starting from its corpus in fuzz/corpus/<name>. New inputs
# stay in BUILD/corpus/<name>; crashing ones in BUILD/crashes. FUZZ_JOBS run at a time (as many as there are processors).
set -u
seconds=${SECONDS_EACH:-${SECONDS:-20}} build=${BUILD:-build-fuzz} jobs=${FUZZ_JOBS:-$(nproc)}
mkdir -p "$build/crashes"
one() {
    name=$(basename "$1" | sed 's/^fuzz_//')
    mkdir -p "$build/corpus/$name"
    seeds=fuzz/corpus/$name
    [ -d "$seeds" ] || seeds=
    if ASAN_OPTIONS=allocator_may_return_null=1 "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$name-" "$build/corpus/$name" $seeds >"$build/$name.log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
        echo "fuzz $name: clean, $runs runs in $2 s"
        exit 0
    fi
    echo "fuzz $name: FAILED, see $build/$name.log"
    grep -aE 'ERROR|SUMMARY|runtime error' "$build/$name.log" | head -5
    exit 1
}
if [ "${1:-}" = --one ]; then one "$2" "$3"; fi
printf '%s\n' "$@" | BUILD=$build xargs -P "$jobs" -I{} "$0" --one {} "$seconds" || { echo "0 passed, 1 failed"; exit 1; }
echo "$# passed, 0 failed"
