#!/bin/sh
# device_test.sh - packs what tests the CUDA backend into one folder that runs on a bare machine with a GPU and its driver:
# programs, the libraries they need beside libc, goldens, the sample. `make device-test` calls it; the folder's own ./run
# runs the tests there and closes with "N passed, N failed".
#
# Usage: device_test.sh BUILD OUT TEST_PROGRAM...
set -eu
build=$1 out=$2
shift 2
rm -rf "$out"
mkdir -p "$out/bin" "$out/lib" "$out/tests" "$out/build"
cp "$build/floe" "$@" "$out/bin/"
strip "$out"/bin/*
for program in "$out"/bin/*; do # not libc's own
    ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// && $1 !~ /^(libc|libm|libpthread|libdl|librt)\.so/ {print $3}'
done | sort -u | while read -r library; do cp -L "$library" "$out/lib/"; done
cp -R tests/golden "$out/tests/golden"
rm -rf "$out/tests/golden/ckpt" "$out/tests/golden/plan"
cp -R sample images "$out/"
cat > "$out/run" <<'RUN'
#!/bin/sh
# Every test here on the GPU of this machine, then one line with the sums. FLOE_TEST_FILTER=word picks programs by name.
cd "$(dirname "$0")"
export LD_LIBRARY_PATH="$PWD/lib" FLOE_CUDA_DRIVER="${FLOE_CUDA_DRIVER:-libcuda.so.1}"
passed=0 failed=0
count() { passed=$((passed + $1)); failed=$((failed + $2)); }
for program in bin/test_*; do
    case $program in *"${FLOE_TEST_FILTER:-}"*) ;; *) continue ;; esac
    name=$(basename "$program")
    start=$(date +%s)
    "$program" > "$name.log" 2>&1 && status=0 || status=$?
    p=$(grep -c '^\[       OK \]' "$name.log")
    f=$(grep -c '^\[  ERROR   \]' "$name.log")
    [ "$status" = 0 ] || [ "$f" -gt 0 ] || f=1
    count "$p" "$f"
    echo "$name: $p passed, $f failed, $(($(date +%s) - start)) s"
    [ "$f" = 0 ] || grep -A3 '^\[  ERROR   \]' "$name.log" | grep -v '^--$' | head -${FLOE_TEST_LINES:-40} | cut -c1-400
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
RUN
chmod +x "$out/run"
du -sm "$out" | awk '{print "'"$out"': " $1 " MiB"}'
