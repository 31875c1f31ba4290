# SPDX-License-Identifier: GPL-2.0-only
"""Check a model of hv-core/monitor/model with spin: as it is it must hold, and with each change it must not.

A model that cannot fail shows nothing: each change is a mistake that the checker has to find.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MODELS = pathlib.Path(__file__).resolve().parents[2] / "hv-core/monitor/model"
INCOMPLETE = re.compile(r"search not completed|max search depth too small|out of memory", re.I)


def check(model, change):
    """(was an assertion violated, number of errors, states searched, was the search complete) of one variant."""
    with tempfile.TemporaryDirectory(prefix="spin-model-") as work:
        def run(*command):
            return subprocess.run(command, cwd=work, check=True, capture_output=True, text=True).stdout
        run("spin", "-a", *([f"-D{change}"] if change else []), str(MODELS / model))
        run("gcc", "-O1", "-w", "-DSAFETY", "-DMEMLIM=2048", "-o", "pan", "pan.c")
        out = run("./pan", "-m1000000")
    errors = re.search(r"errors: (\d+)", out)
    states = re.search(r"(\d+) states, stored", out)
    if not errors or not states:
        sys.exit(f"spin's report is not understood:\n{out}")
    return "assertion violated" in out, int(errors[1]), int(states[1]), not INCOMPLETE.search(out)


def main(model, holds, breaks, changes):
    print("TAP version 13")
    if not shutil.which("spin"):
        print("1..0 # SKIP spin is not installed: apt-get install spin")
        return 0
    print(f"1..{1 + len(changes)}")
    _, errors, states, complete = check(model, None)
    passed = errors == 0 and complete
    print(f"# {states} states, {errors} errors, search {'complete' if complete else 'cut short'}")
    print(f"{'ok' if passed else 'not ok'} 1 {holds}")
    failed = not passed
    for number, change in enumerate(changes, 2):
        found, errors, states, _ = check(model, change)
        print(f"# {change}: {errors} errors after {states} states")
        print(f"{'ok' if found else 'not ok'} {number} {breaks} with {change}")
        failed |= not found
    return 1 if failed else 0
