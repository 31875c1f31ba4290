# SPDX-License-Identifier: GPL-2.0-only
"""From what the sessions of bench-cpu saw to report.json, wall.json and their tables."""

import statistics

from . import cpu_variants, results
from .report import number

BASE = "hvm-stock"
ICOUNT_SLACK = 0.01
CPUID_OF = ("cpuid.1", "cpuid.7", "cpuid.80000001", "cpuid.80000007", "cpuid.80000008")
COUNTED = ("exits", "halt_exits", "irq_exits", "tlb_flush", "exit_cr3", "exit_cr4", "exit_invlpg")


def null_cost(session, variant, traced):
    """What asking for a bench costs in this guest, by counter: the median of the runs in which nothing was measured."""
    runs = [s["counters"] for s in session["samples"]
            if s["bench"] == "null" and s["variant"] == variant and s["traced"] == traced and s["round"] > 0]
    return {name: statistics.median(run[name] for run in runs) for name in COUNTED if runs and name in runs[0]}


def counted_rounds(session, traced):
    """{(bench, variant): {round: [sample, …]}}, the warm-up left out."""
    found = {}
    for sample in session["samples"]:
        if sample["bench"] != "null" and sample["round"] > 0 and sample["traced"] == traced:
            found.setdefault((sample["bench"], sample["variant"]), {}).setdefault(sample["round"], []).append(sample)
    return found


def total(samples, null):
    """One run of report.json from its samples: sums, with the cost of asking taken off the exits."""
    run = {"ops": sum(s["ops"] for s in samples), "ticks": sum(s["ticks"] for s in samples), "cost": {}}
    for name in COUNTED:
        if all(name in s["counters"] for s in samples):
            run["cost"][name] = sum(s["counters"][name] for s in samples)
            run["cost"][name + "_net"] = max(0, run["cost"][name] - null.get(name, 0) * len(samples))
    return run


def per_op(runs, names):
    rates = [sum(run["cost"][name] for name in names) / run["ops"] for run in runs
             if run["ops"] and all(name in run["cost"] for name in names)]
    return round(statistics.median(rates), 4) if rates else None


def entries(session, unit, scale, benches):
    """Entries of report.json; a run's value is ticks * scale / operations."""
    found = []
    rounds = counted_rounds(session, False)
    for bench in benches:
        for variant in (v.name for v in cpu_variants.VARIANTS):
            if (bench, variant) not in rounds or f"{bench} {variant}" in session["failed"]:
                continue
            null = null_cost(session, variant, False)
            runs = [total(samples, null) for _, samples in sorted(rounds[bench, variant].items())]
            for run in runs:
                run["value"] = run["ticks"] * scale / run["ops"]
            entry = results.fold(bench, variant, unit, "lower", runs)
            entry["kvm_tlb_flushes_per_op"] = per_op(runs, ["tlb_flush_net"])
            found.append(entry)
    return found


def add_loads(found, session):
    """CR3 loads and TLB flushes, from the round in which the host without nested paging saw each of them."""
    rounds = counted_rounds(session, True)
    for entry in found:
        key = entry["bench"], entry["variant"]
        samples = [s for these in rounds.get(key, {}).values() for s in these]
        runs = [total(samples, null_cost(session, entry["variant"], True))] if samples else []
        entry["cr3_loads_per_op"] = per_op(runs, ["exit_cr3_net"])
        entry["tlb_flushes_per_op"] = per_op(runs, ["exit_cr3_net", "exit_cr4_net", "exit_invlpg_net"])
        entry["exits_by_reason"] = by_reason(samples)


def by_reason(samples):
    """Exits an operation in the host without nested paging, {reason: rate}; what asking costs is left in."""
    ops = sum(s["ops"] for s in samples)
    sums = {}
    for s in samples:
        for name, count in s["counters"].items():
            if name.startswith("exit_"):
                sums[name[5:]] = sums.get(name[5:], 0) + count
    return {name: round(count / ops, 4) for name, count in sorted(sums.items()) if count and ops}


def not_counting(session):
    """Guests whose ticks are not instructions: {variant: words}. Nothing of theirs may be called so."""
    found = {}
    for name, machine in session["machines"].items():
        rate = float(machine.get("ticks_per_instruction", "nan"))
        if not abs(rate - 1) <= ICOUNT_SLACK:
            found[name] = f"its time stamp counter makes {rate} ticks an instruction, so it doesn't count instructions"
    return found


def cpuid_words(machines):
    seen = {}
    for name, machine in machines.items():
        seen.setdefault(tuple(machine.get(leaf) for leaf in CPUID_OF), []).append(name)
    if len(seen) <= 1:
        return "the same in all variants that ran"
    return "NOT the same: " + " | ".join(", ".join(names) for names in seen.values())


def guests_words(machines, run):
    """For each variant its kernel and the state of what was to be the same for all."""
    return {name: {"kernel": run[name]["kernel"].rsplit("/", 1)[-1], "kernel_is": run[name]["kernel_is"],
                   "release": machine.get("release"), "version": machine.get("version"),
                   "transparent_hugepages": machine.get("thp"), "clocksource": machine.get("clocksource"),
                   "ticks_per_instruction": machine.get("ticks_per_instruction"),
                   "ticks_of_stosb_page": machine.get("ticks_of_stosb_page"),
                   "ticks_of_movsb_page": machine.get("ticks_of_movsb_page"),
                   "vulnerabilities": {key.partition(".")[2]: value for key, value in machine.items()
                                       if key.startswith("vulnerability.")},
                   "cpuid": {leaf: machine.get(leaf) for leaf in CPUID_OF}, "notes": machine.get("notes", [])}
            for name, machine in machines.items()}


def report(sessions, run, not_run, kind, unit, benches, counting):
    """The whole of report.json but for loads, from the sessions in which variants were timed; each knows which."""
    found, failed, machines, thp = [], {}, {}, set()
    for session in sessions:
        wrong = {name: text for name, text in (not_counting(session) if counting else {}).items() if name in session["timed"]}
        scale = 1 if counting else 1000 / float(session["host"]["machine"]["ticks_per_us"])
        found += [e for e in entries(session, unit, scale, benches) if e["variant"] not in wrong]
        failed.update({name: text for name, text in session["failed"].items() if name.split()[-1] in session["timed"]})
        failed.update(wrong)
        machines.update({name: machine for name, machine in session["machines"].items() if name in session["timed"]})
        thp.add(session["host"]["transparent_hugepages"])
    order = [v.name for v in cpu_variants.VARIANTS]
    found.sort(key=lambda e: (benches.index(e["bench"]), order.index(e["variant"])))
    host = {**sessions[0]["host"], "kind": kind, "instruction_counting": counting, "transparent_hugepages": sorted(thp)}
    host.pop("machine")
    host["guest"] = {"cpus": 1, "memory_mib": cpu_variants.MEMORY_MIB, "kernel_line": cpu_variants.KERNEL_LINE,
                     "cpuid_mask": list(cpu_variants.CPUID_MASK), "cpuid": cpuid_words(machines),
                     "kernels_differ": len({m.get("version") for m in machines.values()}) > 1,
                     "variants": guests_words(machines, run)}
    return {"schema": results.SCHEMA, "host": host, "results": found, "failed": failed, "not_run": not_run}


def cost_ratio(data, entry):
    """How many times hvm-stock's cost; above 1 is dearer."""
    base = results.find(data["results"], entry["bench"], BASE)
    return f"{entry['median'] / base['median']:.2f}x" if base and base["median"] else "-"


COLUMNS = (("bench", "bench"), ("variant", "variant"), ("median", "median"), ("unit", "unit"), ("spread", "min - max"),
           ("ratio", "of hvm-stock"), ("exits", "exits/op"), ("cr3", "CR3 loads/op"), ("flushes", "TLB flushes/op"),
           ("kvm", "KVM's flushes/op"))


def rows(data):
    for entry in data["results"]:
        yield {"bench": entry["bench"], "variant": entry["variant"], "median": number(entry["median"], 4),
               "unit": entry["unit"], "spread": f"{number(entry['min'], 4)} - {number(entry['max'], 4)}",
               "ratio": cost_ratio(data, entry), "exits": number(entry.get("exits_per_op")),
               "cr3": number(entry.get("cr3_loads_per_op")), "flushes": number(entry.get("tlb_flushes_per_op")),
               "kvm": number(entry.get("kvm_tlb_flushes_per_op"))}


def heading(data):
    host, guest = data["host"], data["host"]["guest"]
    counted = ("Instructions, not time: of guest, monitor, KVM and VMM together, counted by the test host's CPU."
               if host["instruction_counting"] else "Time, ns an operation; "
               + ("in the test host (a CPU emulated in software: no forecast for hardware)." if host["kind"] == "testhost"
                  else "natively."))
    lines = [counted, f"Host: {host['cpus']} x {host['cpu']}, Linux {host['kernel']}, huge pages "
             f"{' / '.join(host['transparent_hugepages'])}; {host['when']}.",
             f"Guests: 1 vCPU, {guest['memory_mib']} MiB; {guest['kernel_line']}",
             f"CPUID: {guest['cpuid']}. Median of {host['rounds']} rounds side by side after a warm-up."]
    for name, words in guest["variants"].items():
        weak = words["vulnerabilities"]
        lines.append(f"{name}: {words['kernel_is']}, {words['release']} ({words['version']}); meltdown: "
                     f"{weak.get('meltdown', '?')}; spectre_v2: {weak.get('spectre_v2', '?')}; THP "
                     f"{words['transparent_hugepages']}")
    if guest["kernels_differ"] and any("Debian" in words["kernel_is"] for words in guest["variants"].values()):
        lines.append("The kernels differ in configuration: a ratio between them compares that too (PVN_GUEST_KERNEL_STOCK).")
    return "\n".join(lines)


def as_text(data):
    table = [dict(COLUMNS)] + list(rows(data))
    width = {key: max(len(row[key]) for row in table) for key, _ in COLUMNS}
    left = ("bench", "variant", "unit")
    lines = [heading(data), ""]
    for row in table:
        lines.append("  ".join(row[key].ljust(width[key]) if key in left else row[key].rjust(width[key])
                               for key, _ in COLUMNS).rstrip())
    if data["not_run"]:
        lines.append("")
    lines += [f"{name}: not run: {text}" for name, text in data["not_run"].items()]
    lines += [f"{name}: FAILED: {text.splitlines()[0]}" for name, text in data["failed"].items()]
    return "\n".join(lines) + "\n"
