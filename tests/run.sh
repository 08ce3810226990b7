#!/bin/sh
# run.sh - runs the test programs given as arguments and sums them up.
#
# A program's output goes to <program>.log and is shown when it fails. The last line is "N passed, N failed, N skipped",
# counted in test functions: cmocka's for C programs, the closing "N passed, N failed" line for scripts. A line that
# starts with SKIPPED counts as one skipped test and is shown.
set -u
passed=0 failed=0 skipped=0 bad=""
for program in "$@"; do
    log="${FLOE_LOG_DIR:-/tmp}/$(basename "$program").log"
    start=$(date +%s)
    "$program" >"$log" 2>&1
    status=$?
    p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p; s/^\([0-9][0-9]*\) passed, [0-9]* failed.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
    f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p; s/^ *\([0-9][0-9]*\) FAILED TEST(S).*/\1/p; s/^[0-9]* passed, \([0-9][0-9]*\) failed.*/\1/p' "$log" | sort -u | awk '{n += $1} END {print n + 0}')
    s=$(grep -c '^SKIPPED' "$log")
    if [ $status -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    took=$(($(date +%s) - start))
    if [ $status -ne 0 ]; then
        bad="$bad $(basename "$program")"
        printf '%-32s FAILED (exit %d, %d s)\n' "$(basename "$program")" $status $took
        grep -aE 'FAILED|Error|error:|ERROR|AddressSanitizer|runtime error|WARNING: ThreadSanitizer|: off by|assert' "$log" | head -20 | sed 's/^/    /'
        tail -n 5 "$log" | sed 's/^/    /'
    else
        printf '%-32s %4d passed (%d s)\n' "$(basename "$program")" "$p" $took
    fi
    grep '^SKIPPED' "$log" | sed 's/^/    /'
done
[ -z "$bad" ] || echo "failed:$bad"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
