"""File systems in image files: whole ones, ones that a crash left as they were, and ones that are made wrong in many places. No device is needed but for a crash."""

import contextlib
import hashlib
import os
import pathlib
import random
import re
import subprocess

MIB = 1 << 20
BLOCK = 1 << 16


def tool(*words, code=0, **more):
    """Runs it; what it printed. `code` None: any."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, errors="replace", timeout=120, check=False,
                          stdin=subprocess.DEVNULL, **more)
    if code is not None and done.returncode != code:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def number(text, pattern):
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(f"{pattern} is not in: {text[:500]}")
    return int(found[1])


def checksum(path):
    """Of what it holds, whether it is written or a hole: blocks of zeros do not count."""
    known = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        end = os.fstat(file.fileno()).st_size
        at = 0
        while at < end:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                # Only a hole is left.
                break
            hole = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            at -= at % BLOCK
            while at < hole:
                block = os.pread(file.fileno(), BLOCK, at)
                if block.strip(b"\0"):
                    known.update(at.to_bytes(8, "big") + block)
                at += BLOCK
    return known.hexdigest()


def overwrite(path, offset, length):
    """With bytes that are the same each time for the same place: what a check says of an image does not change from run to run."""
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(random.Random(f"{path.name} {offset}").randbytes(length))


def copy(source, target):
    tool("cp", "--sparse=always", "--reflink=auto", source, target)


class Population:
    """A whole file system of each kind, made once, and copied for each image that is to be damaged."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        files = self.directory / "files"
        for folder, count, size in (("d1", 40, 20000), ("d2", 200, 8)):
            (files / folder).mkdir(parents=True)
            for each in range(count):
                (files / folder / f"f{each}").write_bytes(os.urandom(size))
        self.files = files
        self.whole = {kind: self._make(kind) for kind in ("ext4", "small", "xfs", "btrfs", "vfat")}

    def _make(self, kind):
        path = self.directory / f"whole-{kind}"
        with open(path, "wb") as file:
            file.truncate({"ext4": 256, "small": 64, "xfs": 320, "btrfs": 256, "vfat": 64}[kind] * MIB)
        if kind in ("ext4", "small"):
            # In one of 64 MiB there is one block group, and no backup of the superblock.
            tool("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-d", self.files, path)
        elif kind == "xfs":
            tool("mkfs.xfs", "-q", "-p", self._prototype(), path)
        elif kind == "vfat":
            tool("mkfs.fat", "-F", "32", path)
        else:
            tool("mkfs.btrfs", "-q", "-f", "-m", "single", "-d", "single", "--rootdir", self.files, path)
        return path

    def _prototype(self):
        lines = ["x", "1 1", "d--755 0 0"]
        for folder in sorted(self.files.iterdir()):
            lines += [f"{folder.name} d--755 0 0", *(f"{file.name} ---644 0 0 {file}" for file in sorted(folder.iterdir())), "$"]
        path = self.directory / "prototype"
        path.write_text("\n".join([*lines, "$"]) + "\n")
        return path

    def image(self, kind, wrong, path):
        """A file system of this kind, with this wrong with it; None: nothing."""
        copy(self.whole[kind], path)
        if wrong == "short":
            # As of a volume that was shrunk without it, or a copy that was given up: nothing lay there yet.
            os.truncate(path, path.stat().st_size * 9 // 10 // BLOCK * BLOCK)
        elif wrong == "below partitions":
            # A table from before, or from after: one of the two is left over.
            subprocess.run(["sfdisk", "--quiet", "--force", "--wipe", "never", path], input="label: dos\n2048,65536\n67584,\n", text=True, check=True,
                           capture_output=True, timeout=60)
        elif wrong:
            {"ext4": damage_ext4, "small": damage_ext4, "xfs": damage_xfs, "btrfs": damage_btrfs, "vfat": damage_vfat}[kind](path, wrong)
        return path


def damage_ext4(path, wrong):
    told = tool("dumpe2fs", path)

    def block(pattern):
        return number(told, pattern) * 4096

    def first(name):
        return number(tool("debugfs", "-R", f"blocks {name}", path), r"(?m)^(\d+) ?") * 4096

    if wrong == "superblock":
        overwrite(path, 1024, 1024)
    elif wrong == "inode table":
        overwrite(path, block(r"Inode table at (\d+)"), 8192)
    elif wrong == "bitmap":
        overwrite(path, block(r"Block bitmap at (\d+)"), 4096)
    elif wrong == "directory":
        overwrite(path, first("/d2"), 4096)
    elif wrong == "journal":
        overwrite(path, first("<8>"), 4096)
    elif wrong == "data":
        overwrite(path, first("/d1/f7"), 8192)
    elif wrong == "extents":
        tool("debugfs", "-w", "-R", "set_inode_field /d1/f7 block[5] 99999999", path)
    elif wrong == "links":
        tool("debugfs", "-w", "-R", "set_inode_field /d1/f3 links_count 9", path)
    elif wrong == "inode gone":
        tool("debugfs", "-w", "-R", "clri /d1/f9", path)
    elif wrong == "foreign name":
        # In Latin-1, as of a guest from before 2005: a check prints the bytes as they are.
        tool("debugfs", "-w", "-R", "ln /d1/f9 /d1/gr\udcfc\udcdfe", path)
        tool("debugfs", "-w", "-R", "clri /d1/f9", path)
    elif wrong == "newer":
        # Nothing is wrong: a later release has made it.
        tool("debugfs", "-w", "-R", "feature FEATURE_C20", path)
    elif wrong == "descriptors":
        # The checksum of the first group's.
        overwrite(path, 4096 + 0x1e, 2)
    elif wrong == "resize inode":
        tool("debugfs", "-w", "-R", "set_inode_field <7> links_count 0", path)
    elif wrong == "clock":
        # Nothing is wrong: the guest's clock was ahead.
        tool("debugfs", "-w", "-R", "set_super_value mtime 4000000000", path)
    elif wrong == "checked elsewhere":
        # Multiple-mount protection: another host runs e2fsck on it. debugfs itself would write that block anew.
        tool("tune2fs", "-O", "^metadata_csum", path)
        tool("tune2fs", "-O", "mmp", path.name, cwd=path.parent)
        with open(path, "r+b") as file:
            file.seek(number(tool("dumpe2fs", "-h", path), r"MMP block number: +(\d+)") * 4096 + 4)
            file.write((0xE24D4D50).to_bytes(4, "little"))
    else:
        raise ValueError(wrong)


def damage_xfs(path, wrong):
    def ask(*commands):
        return tool("xfs_db", "-r", *(word for command in commands for word in ("-c", command)), path)

    def byte(block):
        return number(ask(f"convert fsblock {block} byte"), r"\((\d+)\)")

    def first(name):
        return byte(number(ask(f"path {name}", "bmap"), r"startblock (\d+)"))

    if wrong == "superblock":
        overwrite(path, 0, 512)
    elif wrong == "group header":
        overwrite(path, 4096, 4096)
    elif wrong == "inode":
        overwrite(path, int(re.findall(r"byte offset (\d+)", ask("path /d1/f7", "stack"))[-1]), 1024)
    elif wrong == "directory":
        overwrite(path, first("/d2"), 4096)
    elif wrong == "data":
        overwrite(path, first("/d1/f7"), 8192)
    elif wrong == "extents":
        tool("xfs_db", "-x", "-c", "path /d1/f5", "-c", "write -d u3.bmx[0].startblock 77777", path)
    elif wrong == "newer":
        features = int(re.search(r"= (0x\w+)", ask("sb 0", "print features_ro_compat"))[1], 16) | 1 << 30
        tool("xfs_db", "-x", "-c", "sb 0", "-c", f"write -d features_ro_compat {features:#x}", path)
    elif wrong == "log":
        overwrite(path, byte(number(ask("sb 0", "print logstart"), r"logstart = (\d+)")), 32768)
    else:
        raise ValueError(wrong)


def crc32c(data):
    """As in RFC 3720."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ 0x82F63B78 * (rest & 1)
    return rest ^ 0xFFFFFFFF


@contextlib.contextmanager
def leaf_of(path, at, kind):
    """The leaf of a btrfs at this place of its image, to be changed, and where in it the first item of this kind is; its checksum is right again."""
    with open(path, "r+b") as file:
        file.seek(at)
        leaf = bytearray(file.read(16384))
        # Keys go from byte 101 on: object, kind, offset; then where its data are, and their length.
        items = range(101, 101 + 25 * int.from_bytes(leaf[96:100], "little"), 25)
        yield leaf, next(item for item in items if leaf[item + 8] == kind)
        leaf[:4] = crc32c(leaf[32:]).to_bytes(4, "little")
        file.seek(at)
        file.write(leaf)


def damage_btrfs(path, wrong):
    def physical(logical):
        return number(tool("btrfs-map-logical", "-l", logical, path), r"physical (\d+)")

    def tree(name, which=0):
        return physical(re.findall(r"(?m)^(?:leaf|node) (\d+) ", tool("btrfs", "inspect-internal", "dump-tree", "-t", name, path))[which])

    if wrong == "superblock":
        overwrite(path, 65536, 4096)
    elif wrong == "free space":
        # The tree of free space (10) leaves some of it out. 199: an extent, whose length is the end of its key.
        with leaf_of(path, tree("10"), 199) as (leaf, item):
            leaf[item + 9:item + 17] = (4096).to_bytes(8, "little")
    elif wrong == "quota":
        # Only the kernel makes the tree of quotas (8). One count in it is not what is there. Needs root.
        point = path.with_suffix(".point")
        point.mkdir()
        tool("mount", "-o", "loop", path, point)
        try:
            tool("btrfs", "quota", "enable", point)
            tool("btrfs", "quota", "rescan", "-w", point)
        finally:
            tool("umount", point)
            point.rmdir()
        # 242: counts of a group, after its generation.
        with leaf_of(path, tree("8"), 242) as (leaf, item):
            counts = 101 + int.from_bytes(leaf[item + 17:item + 21], "little") + 8
            leaf[counts:counts + 8] = (999999).to_bytes(8, "little")
    elif wrong == "newer":
        with open(path, "r+b") as file:
            for at in (1 << 16, 1 << 26):
                file.seek(at)
                block = bytearray(file.read(4096))
                # `incompat_flags`, bit 40, which nobody has taken; the checksum goes before all of it.
                block[188 + 5] |= 1
                block[:4] = crc32c(block[32:]).to_bytes(4, "little")
                file.seek(at)
                file.write(block)
    elif wrong == "data":
        dump = tool("btrfs", "inspect-internal", "dump-tree", "-t", "fs", path)
        overwrite(path, physical(number(dump, r"extent data disk byte ([1-9]\d*)")), 8192)
    else:
        name, which = {"root tree": ("root", 0), "root": ("fs", 0), "leaf": ("fs", -1), "extents": ("extent", 0), "checksums": ("csum", 0)}[wrong]
        overwrite(path, tree(name, which), 16384)


def damage_vfat(path, wrong):
    if wrong == "mounted":
        # The bit that says so, as of a guest that runs.
        with open(path, "r+b") as file:
            file.seek(65)
            file.write(b"\1")
    elif wrong == "table":
        overwrite(path, 33 * 512, 1024)
    else:
        raise ValueError(wrong)


def crashed(image, mountpoint):
    """Leaves the file system of this image as a machine that loses its power does: what was written last stands in its journal alone. Needs root."""
    mountpoint = pathlib.Path(mountpoint)
    mountpoint.mkdir(exist_ok=True)
    kept = image.with_suffix(".kept")
    tool("mount", "-o", "loop", image, mountpoint)
    try:
        for each in range(50):
            (mountpoint / f"new{each}").write_text(str(each))
        (mountpoint / "d1/f1").unlink()
        tool("sync", "--file-system", mountpoint)
        (mountpoint / "late").mkdir()
        for each in range(50):
            (mountpoint / "late" / f"new{each}").write_text(str(each))
        directory = os.open(mountpoint / "late", os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
        # As of one moment: nobody writes any more, and nothing is unmounted yet.
        copy(image, kept)
    finally:
        tool("umount", mountpoint)
    kept.replace(image)
    mountpoint.rmdir()


def partitioned(path, images):
    """A disk with a partition for each image, by a table of the old kind."""
    table, start = bytearray(512), 2048
    with open(path, "wb") as disk:
        for at, image in enumerate(images):
            sectors = image.stat().st_size // 512
            table[446 + 16 * at:462 + 16 * at] = bytes([0, 0, 0, 0, 0x83, 0, 0, 0]) + start.to_bytes(4, "little") + sectors.to_bytes(4, "little")
            disk.truncate(start * 512)
            tool("dd", f"if={image}", f"of={path}", "bs=1M", f"seek={start // 2048}", "conv=notrunc,sparse")
            start += sectors
        disk.truncate(start * 512)
        table[510:512] = b"\x55\xaa"
        disk.seek(0)
        disk.write(table)
    return path


def partitioned_anew(path, parts):
    """A disk of the kind that images of clouds are: GPT, with `(number, type, image)`; without an image a partition is empty."""
    lines, start = ["label: gpt"], 2048
    places = []
    for number, kind, image in parts:
        sectors = image.stat().st_size // 512 if image else 2048
        lines.append(f"{number}: start={start}, size={sectors}, type={kind}")
        places.append((start, image))
        start += sectors
    with open(path, "wb") as disk:
        disk.truncate(start * 512 + (1 << 20))
    subprocess.run(["sfdisk", "--quiet", path], input="\n".join(lines) + "\n", text=True, check=True, timeout=60)
    for start, image in places:
        if image:
            tool("dd", f"if={image}", f"of={path}", "bs=1M", f"seek={start // 2048}", "conv=notrunc,sparse")
    return path
