# SPDX-License-Identifier: GPL-2.0-only
"""The host's side of a measurement: disk image, taps, servers, the guests' command lines, the manifest."""

import json
import os
import platform
import subprocess
import tempfile
import time

from .workloads import NetTarget

RAM_MIB = 512
RAM_BYTES = RAM_MIB << 20
IMAGE_MIB = 256
# The same words for every VMM and every round; tsc=reliable spares guests the watchdog's exits alike.
KERNEL_LINE = "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable"
# A tap each for our e1000, our PV, the peer's two, and PV in the guests with the patched kernel.
TAPS = {"e1000": "pvnt0", "pv": "pvnt1", "qemu-e1000": "pvnt2", "qemu-virtio": "pvnt3", "hvm+pv": "pvnt4", "pv+pv": "pvnt5"}
MACS = {"e1000": "52:56:4e:00:00:01", "pv": "52:56:4e:00:00:02", "pv-user": "52:56:4e:00:00:03",
        "qemu-e1000": "52:56:4e:00:00:04", "qemu-virtio": "52:56:4e:00:00:05",
        "hvm+pv": "52:56:4e:00:00:06", "pv+pv": "52:56:4e:00:00:07"}
# The patched kernel as an hvm guest and in pv mode: by their names what differs between the two is the mode alone.
PATCHED_MODES = {"hvm-patched": "hvm", "pv": "pv"}


def kernel_line(mode):
    return KERNEL_LINE.replace("ttyS0", "hvc0") if mode == "pv" else KERNEL_LINE


class HostError(Exception):
    """The host lacks something, said in words."""


def sh(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise HostError(f"`{' '.join(command)}` ended with status {done.returncode}: {done.stderr.strip()}")
    return done


class DiskImage:
    """A raw image that allows direct I/O: on a null_blk RAM disk in the test host, else in a folder of the host's."""

    def __init__(self):
        self.mount = self.describe = self.path = self.folder = None

    def __enter__(self):
        if os.environ.get("PARAVANE_IN_TESTHOST") == "1":
            sh("modprobe", "null_blk", "nr_devices=1", "memory_backed=1", f"gb={1}", "bs=512", "queue_mode=2")
            self.mount = tempfile.mkdtemp(prefix="pvn-disk-")
            sh("modprobe", "ext4")
            sh("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,nodiscard", "-O", "^has_journal", "/dev/nullb0")
            sh("mount", "/dev/nullb0", self.mount)
            self.folder = self.mount
            self.describe = f"{IMAGE_MIB} MiB raw file, ext4 without journal on null_blk (memory-backed)"
        else:
            folder = os.environ.get("PARAVANE_BENCH_DIR", os.path.join("out", "demo"))
            self.folder = os.path.abspath(folder)
            self.describe = f"{IMAGE_MIB} MiB raw file in {folder}"
        self.images = []
        self.path = self.image("disk")
        return self

    def image(self, name):
        """One more image of the kind: two guests of ours do not share a file."""
        path = os.path.join(self.folder, f"{name}.img")
        self.images.append(path)
        # Written through, so that no later write has to allocate.
        sh("dd", "if=/dev/urandom", f"of={path}", "bs=1M", f"count={IMAGE_MIB}", "oflag=direct")
        return path

    def __exit__(self, *_):
        for path in self.images:
            if os.path.exists(path):
                os.unlink(path)
        if self.mount:
            sh("umount", self.mount, check=False)
            os.rmdir(self.mount)


class Network:
    """Taps with an address each and the servers behind them, in the namespace of this process."""

    def __enter__(self):
        sh("modprobe", "tun", check=False)
        sh("ip", "link", "set", "lo", "up")
        self.servers, self.targets = [], {}
        for number, (variant, tap) in enumerate(TAPS.items()):
            sh("ip", "tuntap", "add", "dev", tap, "mode", "tap", "vnet_hdr")
            sh("ip", "addr", "add", f"192.168.{77 + number}.1/24", "dev", tap)
            sh("sysctl", "-qw", f"net.ipv6.conf.{tap}.disable_ipv6=1", check=False)
            sh("ip", "link", "set", tap, "up")
            self.targets[variant] = (tap, f"192.168.{77 + number}.1", f"192.168.{77 + number}.2")
        # libslirp shows the host's loopback as 10.0.2.2.
        self.targets["pv-user"] = (None, "10.0.2.2", "10.0.2.15")
        for command in (["iperf3", "-s", "-p", "5201"], ["sockperf", "server", "--tcp", "-p", "11111"]):
            self.servers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                 stderr=subprocess.DEVNULL))
        time.sleep(0.5)
        for server in self.servers:
            if server.poll() is not None:
                raise HostError(f"the server {server.args[0]} ended with status {server.returncode}")
        return self

    def tap(self, variant):
        return self.targets[variant][0]

    def __exit__(self, *_):
        for server in self.servers:
            server.terminate()
            server.wait()
        for tap in TAPS.values():
            sh("ip", "link", "del", tap, check=False)


def paravane_command(args, disk, network):
    """Both disks over one file, a card on each tap, and PV net over libslirp."""
    return [args.paravane, "run", "--kernel", args.kernel, "--initrd", args.initrd, "--append", KERNEL_LINE,
            "--memory", f"{RAM_MIB}M", "--cpus", "1",
            "--disk", f"file={disk.path},if=ide,share", "--disk", f"file={disk.path},if=pv,share",
            "--net", f"tap={network.tap('e1000')},if=e1000,mac={MACS['e1000']}",
            "--net", f"tap={network.tap('pv')},if=pv,mac={MACS['pv']}",
            "--net", f"user,if=pv,mac={MACS['pv-user']}"]


def patched_command(args, disk, network, mode):
    """The patched kernel with PV devices alone, which are all that pv mode has."""
    variant = f"{mode}+pv"
    return [args.paravane, "run", "--mode", mode, "--kernel", args.guest_kernel, "--initrd", args.guest_initrd,
            "--append", kernel_line(mode), "--memory", f"{RAM_MIB}M", "--cpus", "1",
            "--disk", f"file={disk.image(variant)},if=pv",
            "--net", f"tap={network.tap(variant)},if=pv,mac={MACS[variant]}"]


def qemu_command(args, disk, network):
    """QEMU's devices as its own documents advise: io_uring, an iothread for virtio-blk, tap without vhost."""
    def drive(name):
        return (f"driver=raw,node-name={name},file.driver=file,file.filename={disk.path},file.locking=off,"
                f"cache.direct=on,file.aio=io_uring")

    return [args.qemu, "-L", args.qemu_data, "-machine", "pc,accel=kvm,usb=off,vmport=off", "-cpu", "host",
            "-m", str(RAM_MIB), "-smp", "1", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
            "-kernel", args.kernel, "-initrd", args.initrd, "-append", KERNEL_LINE,
            "-blockdev", drive("d0"), "-device", "ide-hd,drive=d0,bus=ide.0,unit=0,share-rw=on",
            "-object", "iothread,id=io0", "-blockdev", drive("d1"),
            "-device", "virtio-blk-pci,drive=d1,iothread=io0,share-rw=on",
            "-netdev", f"tap,id=n0,ifname={network.tap('qemu-e1000')},script=no,downscript=no,vhost=off",
            "-device", f"e1000,netdev=n0,mac={MACS['qemu-e1000']}",
            "-netdev", f"tap,id=n1,ifname={network.tap('qemu-virtio')},script=no,downscript=no,vhost=off",
            "-device", f"virtio-net-pci,netdev=n1,mac={MACS['qemu-virtio']}"]


def bring_up(guest, network, variant, places):
    """Give the card with this variant's MAC its address; a NetTarget in places['net']."""
    _, host, own = network.targets[variant]
    _, text = guest.run(
        f"for i in /sys/class/net/*; do grep -q {MACS[variant]} $i/address && echo name=${{i##*/}}; done; true")
    names = [line[5:] for line in text.split() if line.startswith("name=")]
    if not names:
        guest.fail(f"no network card with address {MACS[variant]} ({variant})")
    guest.run(f"ip link set {names[0]} up && ip addr add {own}/24 dev {names[0]}")
    places["net"][variant] = (guest, NetTarget(names[0], host, own))


def load(guest, *modules):
    for module in modules:
        guest.run(f"modprobe {module}")


def set_up_paravane_guest(guest, network, places):
    load(guest, "ata_piix", "sd_mod", "e1000", "paravane_bus", "paravane_block", "paravane_net", "paravane_test")
    guest.run("for n in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/sda ] && [ -b /dev/pvda ] && break; sleep 1; done; "
              "[ -b /dev/sda ] && [ -b /dev/pvda ]", seconds=60)
    places["disk"]["ide"] = (guest, "/dev/sda")
    places["disk"]["pv"] = (guest, "/dev/pvda")
    for variant in ("e1000", "pv", "pv-user"):
        bring_up(guest, network, variant, places)
    places["cpu"]["hvm"] = (guest, None)


def set_up_patched_guest(guest, network, places, mode):
    load(guest, "paravane_bus", "paravane_block", "paravane_net", "paravane_test")
    guest.run("for n in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/pvda ] && break; sleep 1; done; [ -b /dev/pvda ]", seconds=60)
    places["disk"][f"{mode}+pv"] = (guest, "/dev/pvda")
    bring_up(guest, network, f"{mode}+pv", places)
    places["cpu"][guest.name] = (guest, None)


def set_up_qemu_guest(guest, network, places):
    load(guest, "ata_piix", "sd_mod", "e1000", "virtio_pci", "virtio_blk", "virtio_net")
    guest.run("for n in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/sda ] && [ -b /dev/vda ] && break; sleep 1; done; "
              "[ -b /dev/sda ] && [ -b /dev/vda ]", seconds=60)
    places["disk"]["qemu-ide"] = (guest, "/dev/sda")
    places["disk"]["qemu-virtio"] = (guest, "/dev/vda")
    for variant in ("qemu-e1000", "qemu-virtio"):
        bring_up(guest, network, variant, places)


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0].strip()
    except (OSError, IndexError):
        return None


def manifest(args):
    """What another machine needs to repeat the run."""
    cpu = kvm_npt = None
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    for path in ("/sys/module/kvm_amd/parameters/npt", "/sys/module/kvm_intel/parameters/ept"):
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                kvm_npt = f.read().strip() in ("1", "Y")
    versions = None
    if args.versions and os.path.exists(args.versions):
        with open(args.versions, encoding="utf-8") as f:
            versions = json.load(f)
    return {"kind": args.host_kind, "cpu": cpu, "cpus": os.cpu_count(), "kernel": platform.release(),
            "nested_paging": kvm_npt,
            "paravane": first_line(args.paravane, "--version"),
            "qemu": first_line(args.qemu, "--version") if args.peer else None,
            "fio": first_line("fio", "--version"), "iperf3": first_line("iperf3", "--version"),
            "sockperf": first_line("sockperf", "--version"),
            "guest": {"cpus": 1, "memory_mib": RAM_MIB, "kernel_line": KERNEL_LINE,
                      "kernel": os.path.basename(os.path.realpath(args.kernel)), "patched_kernel": args.guest_release},
            "rounds": args.rounds, "peer": args.peer, "set_up": versions,
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
