"""The same work for each tool: so many commands one after the other, on this machine, each tool as well set up as it can be."""

import json
import os

from versus.bench import script

FORKS = 32

# What a careful administrator writes.
BASH = """#!/bin/bash
set -euo pipefail
log=$1
record() { printf '%(%FT%T%z)T %s\\n' -1 "$1" >>"$log"; sync --data "$log"; }
for ((i = 0; i < $2; i++)); do
    record "step $i begins"
    /bin/true
    record "step $i has ended"
done
"""


def halligan(bench, place, count, journal):
    book = place / f"steps{count}.yaml"
    book.write_text(script("step").runbook(count))
    return [bench.halligan, "run", book, "--yes", "--format", "plain", "--journal-dir", journal]


def bash(place, count, log):
    path = place / "careful.bash"
    path.write_text(BASH)
    return ["bash", path, log, str(count)]


def just(bench, place, count):
    path = place / f"justfile{count}"
    path.write_text("all:\n" + "    @/bin/true\n" * count)
    return [bench.tool("just"), "--justfile", path, "all"]


def task(bench, place, count):
    path = place / f"Taskfile{count}.yml"
    path.write_text("version: '3'\nsilent: true\ntasks:\n  default:\n    cmds:\n" + "      - /bin/true\n" * count)
    return [bench.tool("go-task"), "--taskfile", path]


def chaos(bench, place, count):
    path = place / f"experiment{count}.json"
    method = [{"type": "action", "name": f"step {n}", "provider": {"type": "process", "path": "/bin/true"}} for n in range(count)]
    path.write_text(json.dumps({"title": "Steps", "description": "For a measurement.", "method": method}))
    options = ["--no-version-check", "--log-file", place / "chaos.log", "--settings", place / "chaos.yaml"]
    # What it says goes nowhere, as what the others say does.
    return ["sh", "-c", 'exec "$@" 2>/dev/null', "sh", bench.tool("chaostoolkit"), *options, "run", "--journal-path", place / "chaos.json", path]


def ansible_settings(place, *, ssh=(), sockets=None):
    """Pipelining, no facts, no colour, the interpreter named, connections that stay. All that it writes is in the scratch directory."""
    home = place / "ansible"
    home.mkdir(exist_ok=True)
    (home / "ansible.cfg").write_text(
        f"[defaults]\ngathering = explicit\nforks = {FORKS}\ninterpreter_python = /usr/bin/python3\nlocal_tmp = {home}/tmp\nretry_files_enabled = False\n"
        f"[connection]\npipelining = True\n[ssh_connection]\npipelining = True\nretries = 0\n"
        f"ssh_args = {' '.join(map(str, ssh))} -o ControlMaster=auto -o ControlPersist=60s\n" + (f"control_path_dir = {sockets}\n" if sockets else "")
    )
    return {**os.environ, "ANSIBLE_CONFIG": str(home / "ansible.cfg"), "ANSIBLE_HOME": str(home / "home"), "ANSIBLE_NOCOLOR": "1"}


def ansible(bench, place, count, hosts="localhost", inventory="localhost,", connection="local"):
    path = place / f"playbook-{connection}-{hosts}{count}.yml"
    path.write_text(f"- hosts: {hosts}\n  gather_facts: false\n  connection: {connection}\n  tasks:\n" + "    - ansible.builtin.command: /bin/true\n" * count)
    return [bench.tool("ansible-core"), "--inventory", inventory, path]
