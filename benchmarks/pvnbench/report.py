# SPDX-License-Identifier: GPL-2.0-only
"""report.json made readable: a text table, and one HTML page with its plots inside."""

import html
import io

from . import results

# The baseline that each variant's factor is against.
BASE = {"pv": {"block": "ide", "net": "e1000"}, "pv-user": {"net": "e1000"},
        "hvm+pv": {"block": "ide", "net": "e1000"}, "pv+pv": {"block": "ide", "net": "e1000"},
        "qemu-virtio": {"block": "qemu-ide", "net": "qemu-e1000"}}
PEER = {"ide": "qemu-ide", "e1000": "qemu-e1000", "pv": "qemu-virtio", "hvm": "qemu-pc", "hvm+pv": "qemu-virtio",
        "pv+pv": "qemu-virtio"}
# The mode against hvm mode, where nothing else differs.
HVM = {"pv+pv": "hvm+pv", "pv": "hvm-patched"}
COLOURS = {"ide": "#8c8c8c", "e1000": "#8c8c8c", "pv": "#1764ab", "pv-user": "#6aaed6", "hvm": "#1764ab",
           "qemu-ide": "#d9a441", "qemu-e1000": "#d9a441", "qemu-virtio": "#a6611a", "qemu-pc": "#d9a441",
           "qemu": "#d9a441", "hvm+pv": "#3b8bc2", "hvm-patched": "#3b8bc2", "pv+pv": "#2a9d5c"}


def number(value, digits=3):
    if value is None:
        return "-"
    if value and abs(value) < 100:
        return f"{value:.{digits}g}"
    return f"{value:,.0f}"


def factor(data, entry, base):
    value = results.ratio(data["results"], entry["bench"], entry["variant"], base) if base else None
    return f"{value:.2f}x" if value else ""


def rows(data):
    """Table rows in words, shared by both forms."""
    for entry in data["results"]:
        family = entry["bench"].split(".")[0]
        yield {"bench": entry["bench"], "variant": entry["variant"], "median": number(entry["median"], 4),
               "unit": entry["unit"], "spread": f"{number(entry['min'])} - {number(entry['max'])}",
               "p99": number(entry.get("p99_us")), "exits": number(entry.get("exits_per_op")),
               "gross": number(entry.get("exits_gross_per_op")), "cpu": number(entry.get("cpu_us_per_op")),
               "emulated": factor(data, entry, BASE.get(entry["variant"], {}).get(family)),
               "peer": factor(data, entry, PEER.get(entry["variant"])),
               "hvm": factor(data, entry, HVM.get(entry["variant"]))}


COLUMNS = (("bench", "bench"), ("variant", "variant"), ("median", "median"), ("unit", "unit"),
           ("spread", "min - max"), ("p99", "p99 us"), ("exits", "exits/op"), ("gross", "gross"),
           ("cpu", "host us/op"), ("emulated", "vs emulated"), ("peer", "vs QEMU's"), ("hvm", "pv vs hvm"))


def heading(data):
    host = data["host"]
    kind = {"testhost": "in the test host (a CPU emulated in software: no forecast for hardware)",
            "native": "natively"}[host["kind"]]
    paging = {True: "nested paging", False: "shadow paging", None: "paging unknown"}[host["nested_paging"]]
    return (f"Measured {kind}: {host['cpus']} x {host['cpu']}, Linux {host['kernel']}, {paging}; {host['when']}.\n"
            f"Guest: {host['guest']['cpus']} vCPU, {host['guest']['memory_mib']} MiB, {host['guest']['kernel']}; "
            f"hvm-patched, hvm+pv, pv, pv+pv: the patched kernel, {host['guest'].get('patched_kernel') or 'not run'}. "
            f"Disk: {host.get('disk', '-')}.\n"
            f"Medians of {host['rounds']} interleaved rounds after a warm-up. A factor above 1 is better. "
            f"Exits and host CPU: net of the idle guest.")


def as_text(data):
    table = [dict(COLUMNS)] + list(rows(data))
    width = {key: max(len(row[key]) for row in table) for key, _ in COLUMNS}
    lines = [heading(data), ""]
    left = ("bench", "variant", "unit")
    for row in table:
        lines.append("  ".join(row[key].ljust(width[key]) if key in left else row[key].rjust(width[key])
                               for key, _ in COLUMNS).rstrip())
    for name, text in data.get("failed", {}).items():
        lines += ["", f"FAILED {name}: {text.splitlines()[0]}"]
    return "\n".join(lines) + "\n"


def plot(data, benches, title):
    """Medians as bars with min and max as whiskers, one small chart a bench, as an SVG element."""
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams.update({"svg.fonttype": "none", "font.size": 8})
    figure, axes = plt.subplots(1, len(benches), figsize=(2.6 * len(benches), 2.6), squeeze=False)
    for axis, bench in zip(axes[0], benches):
        entries = [e for e in data["results"] if e["bench"] == bench]
        at = range(len(entries))
        medians = [e["median"] for e in entries]
        spread = [[m - e["min"] for m, e in zip(medians, entries)], [e["max"] - m for m, e in zip(medians, entries)]]
        axis.bar(at, medians, yerr=spread, capsize=3, color=[COLOURS.get(e["variant"], "#444") for e in entries])
        axis.set_xticks(list(at), [e["variant"] for e in entries], rotation=35, ha="right")
        arrow = "more is better" if entries[0]["better"] == "higher" else "less is better"
        axis.set_title(f"{bench}\n{entries[0]['unit']}, {arrow}", fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=9)
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    plt.close(figure)
    return buffer.getvalue()[buffer.getvalue().index("<svg"):]


def as_html(data):
    groups = {}
    for entry in data["results"]:
        benches = groups.setdefault(entry["bench"].split(".")[0], [])
        if entry["bench"] not in benches:
            benches.append(entry["bench"])
    plots = "\n".join(f"<figure>{plot(data, benches, group)}</figure>" for group, benches in groups.items())
    head = "".join(f"<th>{html.escape(word)}</th>" for _, word in COLUMNS)
    body = "\n".join("<tr>" + "".join(f"<td>{html.escape(row[key])}</td>" for key, _ in COLUMNS) + "</tr>"
                     for row in rows(data))
    failed = "".join(f"<p class=failed>Failed: {html.escape(name)}: {html.escape(text)}</p>"
                     for name, text in data.get("failed", {}).items())
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Paravane: PV and emulated devices side by side</title>
<style>
body {{ font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 76em; padding: 0 1em; color: #222; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }}
td, th {{ padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: right; }}
td:nth-child(-n+2), th:nth-child(-n+2), td:nth-child(4), th:nth-child(4) {{ text-align: left; }}
figure {{ margin: 1em 0; overflow-x: auto; }} .failed {{ color: #a00; }}
</style></head><body>
<h1>Paravane: PV and emulated devices side by side</h1>
<p>{html.escape(heading(data)).replace(chr(10), '<br>')}</p>
{plots}
<table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table>
{failed}
</body></html>
"""
