#!/bin/sh
# test_build.sh - what the build promises: exported names, linked libraries, headers that stand alone, the layering, the
# run half alone, no calls that end or print from a library.
set -u
build=${FLOE_BUILD:-build}
cc=${CC:-cc}
passed=0 failed=0
check() { # name, then the output that must be empty
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s:\n%s\n' "$1" "$2"
    fi
}
skip() { echo "SKIPPED $1"; }

for lib in floe floe_image; do
    so=$build/lib$lib.so
    check "$lib exports floe_ names only" "$(nm -D --defined-only "$so" | awk '{print $3}' | grep -v '^floe_')"
done
if [ -z "${FLOE_SANITIZED:-}" ]; then
    check "libfloe links libc, libm and pthreads only" \
        "$(readelf -d "$build/libfloe.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE '^(libc|libm|libpthread|ld-linux.*)\.so')"
    check "libfloe_image links the picture libraries and libc only" \
        "$(readelf -d "$build/libfloe_image.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
            grep -vE '^(libc|libm|libpthread|ld-linux.*|libpng16|libpng|libjpeg|libwebp)\.so')"
    # Nothing in the library may end the process or write to its streams. (make DEV=1 keeps assertions.)
    check "libfloe never exits, aborts or prints" \
        "$(nm -D --undefined-only "$build/libfloe.so" | awk '{print $2}' | sed 's/@.*//' |
            grep -xE "exit|_exit|abort${DEV:-|__assert_fail}|printf|puts|putchar|perror|stdout|stderr|__printf_chk|fputs|fputc")"
fi
for header in include/*.h; do
    check "$header alone as C11" "$(echo "#include \"$header\"" | $cc -std=c11 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c - 2>&1)"
    if command -v c++ >/dev/null || command -v g++ >/dev/null; then
        check "$header alone as C++" "$(echo "#include \"$header\"" | "$(command -v c++ || command -v g++)" -Wall -Iinclude -fsyntax-only -x c++ - 2>&1)"
    else
        skip "$header alone as C++: no C++ compiler"
    fi
done
if command -v python3 >/dev/null; then
    check "the layering" "$(python3 tools/check_includes.py | grep -v 'no violation')"
else
    skip "the layering: no python3"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
