# SPDX-License-Identifier: GPL-2.0-only
"""The workloads: each runs one command in a guest and returns its figure, and the operations it took.

A workload is a function (guest, where) -> dict with `value`, `ops` and, where there is a distribution, `p99`; `where`
names the device in that guest: a disk's node, or a NetTarget.
"""

import json
import re

BLOCK_SECONDS = 3
NET_SECONDS = 3

# Places of fio's terse output, version 3 (fio's HOWTO, "Terse output"), counted from 1 as cut(1) does: where a direction
# begins, and within it KiB moved, run time in ms, and the 99th percentile of completion latency.
FIO_TERSE = {"read": 6, "write": 47}
FIO_KIB, FIO_RUNTIME_MS, FIO_P99 = 0, 3, 24


class NetTarget:
    """One network card of a guest: its interface there, and the addresses of both ends."""

    def __init__(self, interface, host, guest, port=5201, rtt_port=11111):
        self.interface, self.host, self.guest = interface, host, guest
        self.port, self.rtt_port = port, rtt_port


def fio(rw, block_size, depth, seconds=BLOCK_SECONDS):
    """A fio job as a workload on a disk node: value is IOPS, p99 the completion latency in µs."""
    side = "write" if "write" in rw else "read"

    at = FIO_TERSE[side]
    # Only what is read here crosses the console: a byte there costs exits too.
    fields = f"1,5,{at + FIO_KIB},{at + FIO_RUNTIME_MS},{at + FIO_P99}"

    def run(guest, disk):
        _, text = guest.run(
            f"fio --name=j --filename={disk} --rw={rw} --bs={block_size} --iodepth={depth} --ioengine=libaio "
            f"--direct=1 --time_based --runtime={seconds} --norandommap --randrepeat=0 --group_reporting "
            f"--output-format=terse --terse-version=3 | cut -d';' -f{fields}", seconds=seconds + 60)
        match = re.search(r"^3;(\d+);(\d+);(\d+);([0-9.]+)%=(\d+)", text, re.M)
        if not match:
            guest.fail(f"fio printed no result: {text[-500:]!r}")
        if match.group(1) != "0":
            guest.fail(f"fio reports error {match.group(1)} on {disk}")
        if float(match.group(4)) != 99.0:
            guest.fail(f"fio's terse output is not as expected: percentile {match.group(4)} where 99 should be")
        # From bytes moved: fio's own IOPS are rounded down, which at 200 IOPS would be half a percent.
        ops = int(match.group(2)) * 1024 / (int(re.sub("k$", "", block_size)) * 1024)
        return {"value": ops / (int(match.group(3)) / 1000), "ops": ops, "p99": float(match.group(5))}
    return run


def iperf(reverse):
    """TCP throughput, one stream: value in MB/s; an operation is a MB."""
    def run(guest, net):
        flag = "-R" if reverse else ""
        # The filter keeps the console quiet: its bytes are exits too.
        _, text = guest.run(
            f"iperf3 -c {net.host} -p {net.port} -t {NET_SECONDS} -i 0 -J {flag} | tr -d ' \\t\\n' | "
            f"grep -o -e '\"sum_received\":{{[^}}]*}}' -e '\"error\":\"[^\"]*\"'", seconds=NET_SECONDS + 60)
        if '"error"' in text or "sum_received" not in text:
            guest.fail(f"iperf3 over {net.interface}: {text.strip()[-300:]}")
        end = json.loads("{" + text.strip().splitlines()[-1] + "}")["sum_received"]
        return {"value": end["bits_per_second"] / 8e6, "ops": end["bytes"] / 1e6}
    return run


def sockperf(guest, net):
    """TCP round trip of 64 bytes: value in µs."""
    _, text = guest.run(
        f"sockperf ping-pong --tcp -i {net.host} -p {net.rtt_port} -m 64 -t {NET_SECONDS} --full-rtt 2>&1 | "
        f"sed -e 's/\\x1b\\[[0-9;]*m//g' | grep -e 'Summary' -e 'avg-' -e 'percentile 99.0' -e 'ReceivedMessages' -e ERROR",
        seconds=NET_SECONDS + 60)
    average = re.search(r"avg-rtt=([0-9.]+)", text) or re.search(r"Summary: \S+ is ([0-9.]+) usec", text)
    messages = re.findall(r"ReceivedMessages=(\d+)", text)
    if not average or not messages:
        guest.fail(f"sockperf over {net.interface}: {text.strip()[-300:]}")
    p99 = re.search(r"percentile 99\.0+ =\s+([0-9.]+)", text)
    return {"value": float(average.group(1)), "ops": int(messages[-1]), "p99": float(p99.group(1)) if p99 else None}


def hypercall(rounds, batch):
    """ns a hypercall, `null` alone (batch 0) or in multicalls of `batch`, through the test module in the guest."""
    def run(guest, _where):
        _, text = guest.run(f"pvn-hypercall time {rounds} {batch}", seconds=120)
        match = re.search(r"calls=(\d+) ns=\d+ ns_per_call=([0-9.]+)", text)
        if not match:
            guest.fail(f"pvn-hypercall time {rounds} {batch}: {text.strip()[-300:]}")
        return {"value": float(match.group(2)), "ops": int(match.group(1))}
    return run


# bench name -> (workload, unit, better, kind of place)
BENCHES = {
    "block.randread-4k.qd1": (fio("randread", "4k", 1), "IOPS", "higher", "disk"),
    "block.randread-4k.qd32": (fio("randread", "4k", 32), "IOPS", "higher", "disk"),
    "block.randwrite-4k.qd1": (fio("randwrite", "4k", 1), "IOPS", "higher", "disk"),
    "block.randwrite-4k.qd32": (fio("randwrite", "4k", 32), "IOPS", "higher", "disk"),
    "block.seqread-64k.qd4": (fio("read", "64k", 4), "IOPS", "higher", "disk"),
    "net.rtt": (sockperf, "us", "lower", "net"),
    "net.tx": (iperf(False), "MB/s", "higher", "net"),
    "net.rx": (iperf(True), "MB/s", "higher", "net"),
    "hypercall.null": (hypercall(20000, 0), "ns", "lower", "cpu"),
    "hypercall.multicall64": (hypercall(5000, 64), "ns", "lower", "cpu"),
}
