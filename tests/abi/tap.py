# SPDX-License-Identifier: GPL-2.0-only
"""TAP output for test scripts: plan, results in order, exit status."""

import sys


class Tap:
    def __init__(self, planned):
        self.planned = planned
        self.done = 0
        self.failed = 0
        print(f"TAP version 13\n1..{planned}", flush=True)

    def result(self, ok, name, details=""):
        self.done += 1
        self.failed += not ok
        for line in str(details).splitlines() if not ok else []:
            print(f"# {line}")
        print(f"{'ok' if ok else 'not ok'} {self.done} {name}", flush=True)
        return ok

    def skip(self, name, reason):
        self.done += 1
        print(f"ok {self.done} {name} # SKIP {reason}", flush=True)

    def end(self):
        sys.exit(0 if not self.failed and self.done == self.planned else 1)
