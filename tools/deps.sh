#!/bin/sh
# deps.sh - installs the Debian packages that floe is built and tested with, if any are missing.
#
# Asks first, unless it runs as root or in CI. With arguments: installs those packages instead of the default list.
set -eu
packages=${*:-"gcc libc6-dev make pkg-config libpng-dev libjpeg-dev libwebp-dev libjansson-dev libcmocka-dev python3"}
# nvcc, which is NVIDIA's to install, compiles with g++.
if [ $# = 0 ] && { command -v nvcc || [ -x /usr/local/cuda/bin/nvcc ]; } >/dev/null; then packages="$packages g++"; fi
missing=""
for p in $packages; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "floe: these packages (or your system's like) are needed:$missing" >&2
    exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
    sudo="sudo"
    if [ -z "${CI:-}" ]; then
        printf 'floe needs these packages:%s\nInstall them with sudo apt-get? [y/N] ' "$missing"
        read -r answer
        case "$answer" in y* | Y*) ;; *) exit 1 ;; esac
    fi
fi
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
