"""The tools: how each is asked to do the same, and what its record tells. What each is given stands in `tools/NAME`."""

import json
import os
import pathlib
import re
import shutil
import subprocess

work = pathlib.Path("/mnt/work")
record = pathlib.Path("/mnt/record")
SERVICES = [f"osd.{n}" for n in range(6)]


class Tool:
    """`program` is where it was found."""

    name = ""
    end = re.compile(r"$^")

    def __init__(self, program):
        self.program = program
        # How long a service may take to be up, where a tool tells that by the clock.
        self.patience = None
        # Of Ansible: `any_errors_fatal`.
        self.fatal = False

    def prepare(self, files):
        shutil.copytree(files / self.name, work, dirs_exist_ok=True)

    def dry(self, osds):
        """The command that shows what would be done; None where there is none."""
        raise NotImplementedError

    def again(self, osds):
        """Started again after it was left: the same command, unless it knows better."""
        return self.restart(osds)

    def files(self):
        """What it keeps of a run: text by name."""
        found = {}
        for path in sorted(record.rglob("*")):
            if path.is_file() and path.name != "filler":
                found[str(path.relative_to(record))] = path.read_text(errors="replace")
        return found

    def tells(self, item):
        """Of a run that was left: whether there is a record, whether it names what was under way, and whether it tells of the end."""
        text = "\n".join(self.files().values())
        return {"kept": bool(text), "where": self.where(text, item), "end": bool(self.end.search(text)), "last": (text.strip().splitlines() or [""])[-1][:200]}

    def where(self, text, item):
        return item in text


class Halligan(Tool):
    name = "halligan"
    end = re.compile(r"stopped|interrupted|completed|blocked|declined|crashed")

    def _run(self, runbook, *words, inventory="near.yaml"):
        return [self.program, "run", f"{runbook}.yaml", "--journal-dir", str(record / "journal"), "--inventory", str(work / inventory), *words]

    def restart(self, osds, reach=False):
        return self._run("staggered", "--yes", *(["--set", f"patience={self.patience}"] if self.patience else []), "--set", "osds=" + ",".join(osds), inventory="hosts.yaml" if reach else "near.yaml")

    def dry(self, osds):
        return self._run("staggered", "--dry-run", "--set", "osds=" + ",".join(osds))

    def again(self, osds):
        if not self._tells("journal", "list", "--real"):
            return self.restart(osds)
        return [self.program, "resume", "--yes", "--journal-dir", str(record / "journal")]

    def destroy(self):
        return self._run("destroy", "--yes")

    def login(self):
        return self._run("login", "--yes")

    def _tells(self, *words):
        return subprocess.run([self.program, *words, "--journal-dir", record / "journal"], capture_output=True, text=True, check=False).stdout

    def tells(self, item):
        runs = self._tells("journal", "list", "--last", "1")
        status = self._tells("status")
        shown = self._tells("journal", "show", runs.splitlines()[-1].split()[0]) if runs else ""
        return {"kept": bool(runs), "where": self.where(shown + status, item), "end": bool(self.end.search(runs)), "last": (runs + status)[-1500:]}

    def where(self, text, item):
        """Its parameters name all of them."""
        return f"[osd={item}]" in text

    def main_record(self):
        return record / "journal/journal.jsonl"

    def head(self):
        return [self.program, "journal", "head", "--journal-dir", str(record / "journal")]

    def proves(self, head=None):
        """Whether its own record is as it was written."""
        words = ["--head", str(head)] if head else []
        return [self.program, "journal", "verify", *words, "--journal-dir", str(record / "journal")]


class Ansible(Tool):
    name = "ansible-core"
    end = re.compile(r"PLAY RECAP|[Ii]nterrupt|[Tt]erminat|SIGTERM")

    def where(self, text, item):
        return item.replace("osd.", "host-") in text

    def _play(self, book, *words):
        return [self.program, book, *words]

    def restart(self, osds, reach=False):
        hosts = ",".join(one.replace("osd.", "host-") for one in osds)
        return self._play("restart.yaml", "--limit", f"{hosts},localhost", *(["-e", '{"fatal": true}'] if self.fatal else []), *([] if reach else ["--connection", "local"]))

    def dry(self, osds):
        return [*self.restart(osds), "--check"]

    def destroy(self):
        return self._play("destroy.yaml")

    def login(self):
        return self._play("login.yaml")


class Bash(Tool):
    name = "bash"
    end = re.compile(r"ended with")

    def restart(self, osds, reach=False):
        return ["env", *(["REACH=ssh"] if reach else []), "./staggered", *osds]

    def dry(self, _):
        return None

    def destroy(self):
        return ["./destroy"]

    def login(self):
        return ["./login"]


class Just(Tool):
    name = "just"

    def restart(self, osds, reach=False):
        return [self.program, "--set", "osds", " ".join(osds), *(["--set", "reach", "ssh"] if reach else []), "restart"]

    def dry(self, osds):
        return [self.program, "--dry-run", *self.restart(osds)[1:]]

    def destroy(self):
        return [self.program, "destroy"]

    def login(self):
        return [self.program, "login"]


class Task(Tool):
    name = "go-task"

    def restart(self, osds, reach=False):
        return [self.program, "restart", "OSDS=" + " ".join(osds), *(["REACH=ssh"] if reach else [])]

    def dry(self, osds):
        return [self.program, "--dry", *self.restart(osds)[1:]]

    def destroy(self):
        return [self.program, "destroy"]

    def login(self):
        return [self.program, "login"]


class Chaos(Tool):
    name = "chaostoolkit"
    end = re.compile(r'"status": "(interrupted|aborted|failed|completed)"')

    def where(self, text, item):
        """What it was to do, and its rollbacks, name all of them."""
        return bool(re.search(f"Action: do: .*{re.escape(item)}", text))

    def _process(self, name, *words, kind="action"):
        return {"type": kind, "name": name, "provider": {"type": "process", "path": words[0], "arguments": list(words[1:]), "timeout": 60}}

    def _write(self, title, method, rollbacks=(), steady=True):
        up = self._process("all services are up", "cluster", "status", kind="probe")
        experiment = {
            "version": "1.0.0",
            "title": title,
            "description": "For the comparison with other tools.",
            "controls": [{"name": "stop on failure", "provider": {"type": "python", "module": "stop_on_failure"}}],
            "steady-state-hypothesis": {"title": "All services are up", "probes": [{**up, "tolerance": 0}]},
            "method": method,
            "rollbacks": list(rollbacks),
        }
        if not steady:
            del experiment["steady-state-hypothesis"]
        (work / "experiment.json").write_text(json.dumps(experiment, indent=1))
        return [
            self.program, "--no-version-check", "--log-file", str(record / "chaostoolkit.log"),
            "run", "--rollback-strategy", "always", "--journal-path", str(record / "journal.json"), "experiment.json",
        ]  # fmt: skip

    def restart(self, osds, reach=False):
        method = []
        for osd in osds:
            host = ["ssh", osd.replace("osd.", "host-")] if reach else []
            method += [
                self._process(f"do: all are up before {osd}", "./wait-up"),
                self._process(f"do: maintenance of {osd}", "cluster", "flag", "set", osd),
                self._process(f"do: restart {osd}", *host, "cluster", "restart", osd),
                self._process(f"do: {osd} is up again", "./wait-up", osd),
                self._process(f"do: end of maintenance of {osd}", "cluster", "flag", "unset", osd),
            ]
        return self._write("Restart the services, one at a time", method, [self._process(f"no maintenance of {osd}", "cluster", "flag", "unset", osd) for osd in osds])

    def dry(self, osds):
        return [*self.restart(osds)[:-1], "--dry", "activities", "experiment.json"]

    def destroy(self):
        return self._write("Destroy a service", [self._process("do: destroy osd.5", "cluster", "destroy", "osd.5")])

    def login(self):
        return self._write("Log in", [self._process("do: log in", "cluster", "login")], steady=False)


class Careless(Tool):
    """The control: does what each row judges, and must be found out in each."""

    name = "careless"

    def restart(self, osds, reach=False):
        return ["env", *(["REACH=ssh"] if reach else []), "./careless", "restart", *osds]

    def dry(self, osds):
        return self.restart(osds)

    def destroy(self):
        return ["./careless", "destroy"]

    def login(self):
        return ["./careless", "login"]

    def main_record(self):
        return record / "careless.log"

    def head(self):
        return ["true"]

    def proves(self, _head=None):
        return ["true"]


ALL = {one.name: one for one in (Halligan, Ansible, Bash, Just, Task, Chaos, Careless)}


def environment(tool):
    folder = os.path.dirname(tool.program) if "/" in tool.program else ""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" + (f":{folder}" if folder else "")
    return {"PATH": path, "HOME": "/mnt/home", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "USER": "root", "LOGNAME": "root", "PYTHONPATH": str(work)}
