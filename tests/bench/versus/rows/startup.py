from paired import cost
from versus.bench import script
from versus.figures import at_least, at_most

TITLE = "Starting"
ABOUT = "What each needs to list what it could do, or, where there is no list, to say its version."
UNIT, SCALE = "ms", 1000
SIDES = {
    "halligan": "`list`: the bundled runbooks",
    "just": "`--list`: a recipe for each of them",
    "go-task": "`--list-all`: a task for each of them",
    "ClusterShell": "`clush --version`",
    "Ansible": "`ansible-playbook --version`",
    "chaostoolkit": "`chaos --version`",
}


def measure(bench):
    place = bench.place("startup")
    count, justfile = script("startup").recipes(bench.halligan, place)
    taskfile = place / "Taskfile.yml"
    taskfile.write_text("version: '3'\ntasks:\n" + "".join(f"  recover-{n}:\n    desc: Recovers thing {n}\n    cmds: ['true']\n" for n in range(count)))
    commands = {
        "halligan": [bench.halligan, "list"],
        "just": [bench.tool("just"), "--justfile", justfile, "--list"],
        "go-task": [bench.tool("go-task"), "--taskfile", taskfile, "--list-all"],
        "ClusterShell": [bench.tool("clustershell"), "--version"],
        "Ansible": [bench.tool("ansible-core"), "--version"],
        "chaostoolkit": [bench.tool("chaostoolkit"), "--version"],
    }
    for command in commands.values():
        cost(command)  # what is read for the first time is read from the disk
    return {"sides": bench.turns({name: lambda command=command: cost(command) for name, command in commands.items()}), "facts": {"runbooks": count}}


def goals(figures):
    return [
        at_most("`list`, beside `just --list`", figures.times("halligan", "just"), 1.2, " times"),
        at_least("as fast as `ansible-playbook --version`", 1 / figures.times("halligan", "Ansible"), 200, " times"),
    ]
