"""QEMU guests (emulated, no KVM) that write all the time; a network volume that several of them share, made slow by a limit in a QEMU of its own."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

from .case import must, until
from .packages import install

install("busybox-static", "linux-image-cloud-amd64", "qemu-system-x86", "qemu-utils")

MIB = 1 << 20
# What the volume carries in a second, of all guests together: so little that no other load of this machine is taken for it.
VOLUME = 2 * MIB
# The disks on it, and what of them is filled: at that rate, a minute and more.
DISK, FILLED = 192 * MIB, 160 * MIB
# Twenty small writes in a second, each on the disk before the next.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in MODULES; do insmod /m/$m; done
until [ -b /dev/vda ]; do usleep 100000; done
i=0
while :; do
  i=$((i+1)); echo "seq $i" | dd of=/dev/vda bs=4096 count=1 conv=sync,notrunc,fsync seek=$((i%2000)) 2>/dev/null || echo "FAILED $i"
  [ $((i%10)) != 0 ] || echo "WROTE $i"; usleep 50000
done
"""


def tool(*words, code=0, timeout=300):
    """What a program prints; it must end with this code."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False)
    must(done.returncode == code, f"{' '.join(map(str, words))}: exit code {done.returncode}, not {code}: {done.stderr[-500:]}")
    return done.stdout


def kernel():
    """The newest kernel that the package has brought, and its modules with what they need, in the order in which they are loaded."""
    image = max(pathlib.Path("/boot").glob("vmlinuz-*-cloud-amd64"))
    base = pathlib.Path("/usr/lib/modules") / image.name.removeprefix("vmlinuz-")
    needs = dict(line.split(":") for line in (base / "modules.dep").read_text().splitlines())
    order = []

    def load(path):
        for needed in reversed(needs[path].split()):
            load(needed)
        if path not in order:
            order.append(path)

    for name in ("virtio/virtio_pci", "block/virtio_blk"):
        # A kernel may have it built in.
        for path in [path for path in needs if path.startswith(f"kernel/drivers/{name}.ko")]:
            load(path)
    return image, [base / path for path in order]


def initramfs(path, modules):
    """An archive in the format that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    out = io.BytesIO()

    def add(name, mode, data=b""):
        fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out.write(b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0")
        out.write(b"\0" * (-out.tell() % 4) + data)
        out.write(b"\0" * (-out.tell() % 4))

    for name in ("bin", "dev", "m", "proc", "sys"):
        add(name, 0o040755)
    add("bin/busybox", 0o100755, pathlib.Path("/bin/busybox").read_bytes())
    for module in modules:
        add(f"m/{module.name}", 0o100644, module.read_bytes())
    add("init", 0o100755, INIT.replace("MODULES", " ".join(module.name for module in modules)).encode())
    add("TRAILER!!!", 0)
    path.write_bytes(gzip.compress(out.getvalue(), 1))


class Monitor:
    """A QMP connection of the test's own. QEMU serves one at a time: it is left at once."""

    def __init__(self, path, within=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(within)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self("qmp_capabilities")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def __call__(self, command, **arguments):
        """What it answers; an error as `{"error": …}`."""
        self.file.write(json.dumps({"execute": command, "arguments": {name.replace("_", "-"): value for name, value in arguments.items()}}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                return answer.get("return", answer)


class Guest:
    """One guest with a disk, which is an image file or the URL of an export."""

    def __init__(self, lab, name, disk, kind):
        self.lab, self.name, self.disk, self.kind = lab, name, str(disk), kind
        self.monitor, self.serial = lab.directory / f"{name}.qmp", lab.directory / f"{name}.serial"
        # How it is started, as a script of its own says it.
        self.script = lab.directory / f"{name}.start"
        self.process = None

    def start(self):
        words = ["qemu-system-x86_64", "-accel", "tcg", "-m", "128", "-nodefaults", "-display", "none", "-no-reboot", "-name", self.name,
                 # Its own check of the timer fails on a busy machine, and ended the guest; its tests of ciphers take seconds.
                 "-kernel", self.lab.image, "-initrd", self.lab.directory / "initramfs", "-append", "console=ttyS0 quiet panic=-1 no_timer_check cryptomgr.notests",
                 "-serial", f"file:{self.serial}", "-qmp", f"unix:{self.monitor},server=on,wait=off",
                 *self.words(), "-device", "virtio-blk-pci,drive=d0,id=disk0"]
        self.serial.unlink(missing_ok=True)
        self.script.write_text("#!/bin/sh\nexec " + " ".join(map(str, words)) + "\n")
        self.process = self.lab.begin(*words, log=self.lab.directory / f"{self.name}.log")
        return self

    def words(self):
        """A file is given as libvirt and others do it, each layer with a name; an export as by hand."""
        if self.disk.startswith("/"):
            return ["-blockdev", f"driver=file,node-name=file0,filename={self.disk}", "-blockdev", f"driver={self.kind},node-name=d0,file=file0"]
        return ["-drive", f"file={self.disk},format={self.kind},if=none,id=d0,cache=writeback"]

    def up(self):
        until(lambda: self.wrote() or self.process.poll() is not None, 900, f"the guest {self.name} writes")
        must(self.process.poll() is None, f"the guest {self.name} has ended: {self.serial.read_text(errors='replace')[-500:]}")
        return self

    def say(self, command, within=60, **arguments):
        with Monitor(self.monitor, within) as monitor:
            return monitor(command, **arguments)

    def wrote(self):
        text = self.serial.read_text(errors="replace") if self.serial.exists() else ""
        must("FAILED" not in text, f"writes of {self.name} failed: {text[-300:]}")
        numbers = re.findall(r"WROTE (\d+)", text)
        return int(numbers[-1]) if numbers else 0

    def goes_on(self):
        before = self.wrote()
        until(lambda: self.wrote() > before, 300, f"{self.name} goes on writing")

    def silent_for(self, seconds):
        """Waits until it has written nothing for so long: its next write is under way, and not answered."""
        last, since = self.wrote(), time.monotonic()
        while time.monotonic() - since < seconds:
            time.sleep(0.2)
            if (now := self.wrote()) != last:
                last, since = now, time.monotonic()

    def at(self):
        """The image that its disk is now."""
        return next(each["inserted"]["image"]["filename"] for each in self.say("query-block") if "inserted" in each)

    def jobs(self):
        return [job["id"] for job in self.say("query-jobs")]

    def totals(self):
        stats = self.say("query-blockstats")[0]["stats"]
        return [sum(stats[kind + of] for kind in ("rd", "wr", "flush")) for of in ("_operations", "_total_time_ns")]

    def wait_of(self, seconds=5):
        """Milliseconds that one of its operations took meanwhile."""
        first = self.totals()
        time.sleep(seconds)
        last = self.totals()
        return (last[1] - first[1]) / max(1, last[0] - first[0]) / 1e6

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def told_to_start_from(self, disk):
        """The script is changed as an operator does it."""
        self.script.write_text(self.script.read_text().replace(self.disk, str(disk)))


class Guests:
    """`volume/` is the network volume, `local/` the local storage. Guests a and b have disks on exports that share the limit; c has a file."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.processes = []
        self.guests = {}

    def begin(self, *words, log):
        with open(log, "w") as out:
            process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.processes.append(process)
        return process

    @property
    def volume(self):
        return self.directory / "volume"

    @property
    def local(self):
        return self.directory / "local"

    def url(self, name):
        return f"nbd+unix:///{name}?socket={self.directory}/volume.sock"

    def up(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.volume.mkdir(parents=True)
        self.local.mkdir()
        self.image, modules = kernel()
        initramfs(self.directory / "initramfs", modules)
        words = ["qemu-storage-daemon", "--object", f"throttle-group,id=net,x-bps-total={VOLUME},x-bps-total-max={VOLUME}",
                 "--chardev", f"socket,id=told,path={self.directory}/volume.qmp,server=on,wait=off", "--monitor", "chardev=told",
                 "--nbd-server", f"addr.type=unix,addr.path={self.directory}/volume.sock,max-connections=20"]
        for name in ("a", "b"):
            self.filled(self.volume / f"{name}.raw", FILLED, DISK)
            words += ["--blockdev", f"driver=file,filename={self.volume}/{name}.raw,node-name=file-{name}",
                      "--blockdev", f"driver=throttle,file=file-{name},throttle-group=net,node-name={name}",
                      "--export", f"type=nbd,id=export-{name},node-name={name},name={name},writable=on"]
        self.exports = self.begin(*words, log=self.directory / "volume.log")
        until((self.directory / "volume.sock").exists, 60, "the volume is there")
        for name in ("a", "b"):
            self.guests[name] = Guest(self, name, self.url(name), "raw").start()
        self.new_c()
        for guest in self.guests.values():
            guest.up()
        return self

    def carries(self, rate):
        """From now on the volume lets this many bytes through in a second."""
        with Monitor(self.directory / "volume.qmp") as monitor:
            answer = monitor("qom-set", path="/objects/net", property="limits", value={"bps-total": rate, "bps-total-max": rate})
        must(answer == {}, f"the limit is as it was: {answer}")

    @contextlib.contextmanager
    def volume_hangs(self):
        """Meanwhile it answers nobody, as when the network is away."""
        self.exports.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.exports.send_signal(signal.SIGCONT)

    def new_c(self):
        """A guest with a file on the volume, newly made."""
        raw = self.filled(self.volume / "c.raw", 32 * MIB, 64 * MIB)
        (self.volume / "c.qcow2").unlink(missing_ok=True)
        tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, self.volume / "c.qcow2")
        raw.unlink()
        self.guests["c"] = Guest(self, "c", self.volume / "c.qcow2", "qcow2").start()
        return self.guests["c"]

    def filled(self, path, data, size):
        with open(path, "wb") as file:
            file.write(os.urandom(data))
            file.truncate(size)
        return path

    def fingerprint(self):
        """All files, the guests' disks and jobs, and what each is started from. Of what a guest writes to, all but the first megabytes, where it writes."""
        held = {pathlib.Path(guest.at()).name for guest in self.guests.values()} | {"a.raw", "b.raw"}
        files = {}
        for path in (path for place in (self.volume, self.local) for path in place.iterdir()):
            with open(path, "rb") as file:
                file.seek(16 * MIB if path.name in held else 0)
                found = path.stat()
                files[str(path)] = (hashlib.file_digest(file, "sha256").hexdigest(), found.st_size, found.st_ino, found.st_mode, found.st_uid)
        told = {name: (guest.at(), guest.jobs(), guest.say("query-status")["status"], guest.script.read_text(), len(guest.say("query-named-block-nodes")))
                for name, guest in self.guests.items()}
        return {**files, **told}

    def down(self):
        """Ends what it has started, by its process id."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
                process.wait(30)
        shutil.rmtree(self.directory, ignore_errors=True)
