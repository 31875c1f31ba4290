# SPDX-License-Identifier: GPL-2.0-only
"""Runs gathered into results: the schema of report.json (docs/benchmarks.md), version 1."""

import math
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


def check(report):
    """What is wrong with a report of schema 1, one sentence each; an empty list when nothing is."""
    wrong = []
    if report.get("schema") != SCHEMA:
        wrong.append(f"schema is {report.get('schema')!r}, not {SCHEMA}")
    for key, kind in (("host", dict), ("results", list), ("failed", dict)):
        if not isinstance(report.get(key), kind):
            wrong.append(f"{key} is no {kind.__name__}")
    if wrong:
        return wrong
    if report["host"].get("kind") not in ("native", "testhost"):
        wrong.append(f"host.kind is {report['host'].get('kind')!r}")
    seen = set()
    for entry in report["results"]:
        name = f"{entry.get('bench')} {entry.get('variant')}"
        wrong += [f"{name}: {text}" for text in entry_wrong(entry)]
        if name in seen:
            wrong.append(f"{name}: twice")
        told = {**report["failed"], **report.get("not_run", {})}
        if name in told or entry.get("variant") in told:
            wrong.append(f"{name}: has a figure, and words why it has none")
        seen.add(name)
    for key in ("failed", "not_run"):
        wrong += [f"{key}: {name}: no words" for name, text in report.get(key, {}).items()
                  if not isinstance(text, str) or not text.strip()]
    return wrong


def entry_wrong(entry):
    wrong = [f"no {key}" for key in ("bench", "variant", "unit") if not isinstance(entry.get(key), str) or not entry[key]]
    if entry.get("better") not in ("higher", "lower"):
        wrong.append(f"better is {entry.get('better')!r}")
    runs = entry.get("runs")
    if not isinstance(runs, list) or not runs or not all(is_number(run) for run in runs):
        return wrong + ["runs is no list of numbers"]
    for key, want in (("median", statistics.median(runs)), ("min", min(runs)), ("max", max(runs))):
        if not is_number(entry.get(key)) or abs(entry[key] - want) > 0.001 + abs(want) * 1e-6:
            wrong.append(f"{key} is {entry.get(key)!r}, and that of its runs is {want:.3f}")
    for key, value in entry.items():
        if (key.endswith("_per_op") or key == "p99_us") and value is not None and not is_number(value):
            wrong.append(f"{key} is {value!r}: want a number, or null where it can't be had")
    return wrong


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def find(results, bench, variant):
    return next((r for r in results if r["bench"] == bench and r["variant"] == variant), None)


def ratio(results, bench, variant, base):
    """How many times better `variant` is than `base`: above 1 is better, whichever way the unit points."""
    a, b = find(results, bench, variant), find(results, bench, base)
    if not a or not b or not a["median"] or not b["median"]:
        return None
    return a["median"] / b["median"] if a["better"] == "higher" else b["median"] / a["median"]
