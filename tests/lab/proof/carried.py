"""Groups whose newest objects are on a stopped OSD are saved with export-at-risk-pgs, and carried to an empty OSD of another host (tests/lab/hosts)."""

import shutil

from .case import must, until
from .halligan import Halligan
from .processes import processes
from .unfound import Unfound

GONE, SPARE = 2, 5
EXPORTS = "/srv/exports"


class Broken(Unfound):
    """In a pool of its own, of two copies."""

    def make(self):
        self.cluster.ceph("osd", "pool", "create", self.pool, "32", "32")
        for name, value in (("size", "2"), ("min_size", "1"), ("pg_autoscale_mode", "off")):
            self.cluster.ceph("osd", "pool", "set", self.pool, name, value)
        self.cluster.ceph("osd", "pool", "application", "enable", self.pool, "lab")
        super().make()


def words(lab, *more):
    params = {"directory": EXPORTS, "target": SPARE, **lab.params}
    return ["run", "export-at-risk-pgs", *(word for name, value in params.items() for word in ("--set", f"{name}={value}")), *more]


def dry(lab, broken, cases):
    halligan = Halligan(lab.environment)
    cases.on_failure(lab.logs)
    before = lab.fingerprint(), broken.unfound()
    run = halligan.run(*words(lab, "--dry-run", "--allow-unheld"))
    cases.on_failure(run.screen)
    run.exits(0)
    must((lab.fingerprint(), broken.unfound()) == before, "the cluster or a host is not as it was")
    for host in (lab.host_of(GONE), lab.host_of(SPARE)):
        must(host in run.text, f"{host} was not looked at")
    shutil.rmtree(halligan.journal)


def carrying(lab):
    """The processes of a copy from host to host."""
    return [pid for pid, argv in processes() if argv[0].endswith(b"scp") and str(lab.directory / "ssh/config").encode() in argv]


def found(lab, broken, cases):
    halligan = Halligan(lab.environment)
    cases.on_failure(lab.logs)
    answers = ["--yes", "--confirm", f"consent=import {len(broken.groups)} into osd.{SPARE}"]
    run = halligan.start(*words(lab, *answers))
    cases.on_failure(run.screen)
    until(lambda: carrying(lab) or run.code is not None, 900, "a file is carried to the other host", every=0.005)
    must(run.code is None, f"it ended before with {run.code}")
    run.kill()
    again = halligan.start("resume", halligan.runs()[-1], *answers[1:], terminal=(40, 120))
    cases.on_failure(again.screen)
    again.agree(lambda: again.code is not None)
    again.exits(0)
    must(not any(broken.unfound().values()), f"still unfound: {broken.unfound()}")
    wrong = broken.wrong()
    must(not wrong, f"{len(wrong)} of {len(broken.sums)} objects read other than written last: {wrong[:3]}")
    folder = f"{EXPORTS}/{halligan.runs()[-1]}"
    for host in (lab.host_of(GONE), lab.host_of(SPARE)):
        lab.on(host, "sh", "-c", f"cd {folder} && sha256sum --quiet -c osd.{GONE}.SHA256SUMS")
    for osd, active in ((GONE, "inactive"), (SPARE, "active")):
        state = lab.systemctl(osd, "show", "-p", "LoadState,ActiveState,UnitFileState").split()
        must(sorted(state) == sorted(["LoadState=loaded", f"ActiveState={active}", "UnitFileState=enabled"]), f"osd.{osd}: {state}")
    must("noout" not in lab.ask("osd dump")["flags_set"], "noout is left behind")
    halligan.verified()
    cases.note(f"{len(broken.groups)} groups from {lab.host_of(GONE)} to {lab.host_of(SPARE)}, {len(broken.sums)} checksums equal")
    shutil.rmtree(halligan.journal)
