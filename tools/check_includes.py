#!/usr/bin/env python3
"""Prints each #include that the layering forbids; docs/architecture.md has the table.

A file may include its own folder, and what its row names. "backend.h" stands for src/backend/backend.h alone.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PUBLIC = {"floe.h", "floe_base.h", "floe_image.h"}
TABLE = {
    "base": {"floe_base.h"},
    "op": {"base", "floe_base.h"},
    "proto": {"base", "floe_base.h"},
    "image": {"base", "floe_base.h", "floe_image.h"},
    "network": {"base", "op", "floe_base.h"},
    "uff": {"base", "proto", "op", "network", "floe_base.h"},
    "tensorflow": {"base", "proto", "uff", "floe_base.h"},
    "optimizer": {"base", "op", "network", "floe_base.h"},
    "plan": {"base", "op", "floe_base.h"},
    "backend": {"base", "op", "floe_base.h"},
    "builder": {"base", "op", "network", "plan", "backend.h", "floe_base.h"},
    "runtime": {"base", "op", "plan", "backend.h", "floe_base.h"},
}


def folder_of(included):
    if included in PUBLIC:
        return included
    if included == "backend/backend.h":
        return "backend.h"
    return included.split("/")[0] if "/" in included else None


def check(path, own, allowed):
    bad = []
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m:
                continue
            folder = folder_of(m.group(1))
            if folder is None or folder == own or folder in allowed:
                continue
            if own == "backend" and folder == "backend.h":
                continue
            bad.append(f"{os.path.relpath(path, ROOT)}:{number}: {own} may not include {m.group(1)}")
    return bad


def main():
    bad = []
    for own, allowed in TABLE.items():
        for folder, _, files in os.walk(os.path.join(ROOT, "src", own)):
            for name in sorted(files):
                if name.endswith((".c", ".h", ".def", ".cu")):
                    bad += check(os.path.join(folder, name), own, allowed)
    for own, allowed in (("cli", PUBLIC | {"base"}), ("examples", PUBLIC)):
        top = os.path.join(ROOT, own)
        for name in sorted(os.listdir(top)) if os.path.isdir(top) else []:
            if name.endswith((".c", ".h")):
                bad += [b for b in check(os.path.join(top, name), own, allowed)]
    print("\n".join(bad) if bad else "layering: no violation")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
