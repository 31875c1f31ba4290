# SPDX-License-Identifier: GPL-2.0-only
"""Runs gathered into results: the schema of report.json (docs/benchmarks.md), version 1."""

import statistics

SCHEMA = 1


def fold(bench, variant, unit, better, runs):
    """One entry of report.json from its runs: dicts with value, ops, p99, cost (counters.Span.end())."""
    values = [run["value"] for run in runs]
    entry = {"bench": bench, "variant": variant, "unit": unit, "better": better,
             "runs": [round(v, 3) for v in values], "median": round(statistics.median(values), 3),
             "min": round(min(values), 3), "max": round(max(values), 3)}
    tails = [run["p99"] for run in runs if run.get("p99") is not None]
    if tails:
        entry["p99_us"] = round(statistics.median(tails), 1)

    def per_op(key):
        rates = [run["cost"][key] / run["ops"] for run in runs if key in run["cost"] and run["ops"]]
        return round(statistics.median(rates), 4) if rates else None
    for name, key in (("exits_per_op", "exits_net"), ("exits_gross_per_op", "exits"),
                      ("halt_exits_per_op", "halt_exits"), ("irq_exits_per_op", "irq_exits"),
                      ("cpu_us_per_op", "host_us_net")):
        entry[name] = per_op(key)
    return entry


def find(results, bench, variant):
    return next((r for r in results if r["bench"] == bench and r["variant"] == variant), None)


def ratio(results, bench, variant, base):
    """How many times better `variant` is than `base`: above 1 is better, whichever way the unit points."""
    a, b = find(results, bench, variant), find(results, bench, base)
    if not a or not b or not a["median"] or not b["median"]:
        return None
    return a["median"] / b["median"] if a["better"] == "higher" else b["median"] / a["median"]
