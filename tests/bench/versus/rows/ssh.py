import pathlib
import tempfile

from paired import cost
from servers import Servers
from versus import fleet
from versus.figures import Goal, at_least, at_most

TITLE = "One command on each of 200 hosts"
ABOUT = (
    "200 sshds on loopback addresses, each a process of its own. Cold: no connection is open, and halligan's and ClusterShell's are closed at the end. "
    "Warm: connections are open. Halligan's last as long as a run, so its warm figure is the second of two loops of one run; "
    "the others' is a whole run that finds the connections of another. Clients and servers share the processors."
)
UNIT, SCALE = "s", 1
SIDES = {f"{name}, {state}": how for state in ("cold", "warm") for name, how in fleet.HOW.items()}
SIDES["ClusterShell, warm"] += ", ControlPersist by its `ssh_options`"
SIDES["bare ssh, warm"] += ", over the same connections as ClusterShell"
SIDES["halligan, warm"] += "; processor time is half of that of both loops"


def measure(bench):
    place = bench.place("ssh")
    count = bench.size(200, 6)
    with tempfile.TemporaryDirectory(prefix="hb") as short, Servers(place / "servers", count) as servers:
        kept, theirs, opened = (pathlib.Path(short, name) for name in ("c", "a", "o"))
        for directory in (kept, theirs, opened):
            directory.mkdir()
        hosts = {f"h{n}": address for n, address in enumerate(servers.addresses, 1)}
        names = f"{servers.addresses[0].rpartition('.')[0]}.[1-{count}]"
        warm = servers.client("ssh_config_warm", f"Host *\n  ControlMaster auto\n  ControlPath {kept}/%C\n  ControlPersist 3600\n")
        ours = fleet.Ours(bench, place, "--inventory", fleet.inventory(place / "inventory.yaml", hosts, servers.config))
        once, twice = (fleet.book(place / f"loops{n}.yaml", "{{ inventory.groups.every }}", "{{ host }}", n) for n in (1, 2))
        cold_clush, warm_clush = (fleet.clush_settings(bench.place(f"ssh-{config.name}"), ["-F", config, "-oBatchMode=yes"]) for config in (servers.config, warm))
        clush = fleet.clush(bench, names)
        playbook, settings = fleet.ansible(bench, place, servers.addresses, servers.config, theirs)
        # Another Ansible, whose connections stay open.
        stays = {**settings, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(opened), "ANSIBLE_SSH_ARGS": f"-F {servers.config} -o ControlMaster=auto -o ControlPersist=3600s"}

        def cold_ansible():
            fleet.close(theirs)
            return cost(playbook, env=settings)

        well = []

        def second():
            whole = ours.warm(twice)
            well.append(ours.told().well())
            return whole

        sides = {
            "halligan, cold": lambda: ours.run(once),
            "ClusterShell, cold": lambda: cost(clush, env=cold_clush),
            "bare ssh, cold": lambda: cost(fleet.bare(place, servers.addresses, servers.config)),
            "Ansible, cold": cold_ansible,
            "halligan, warm": second,
            "ClusterShell, warm": lambda: cost(clush, env=warm_clush),
            "bare ssh, warm": lambda: cost(fleet.bare(place, servers.addresses, warm)),
            "Ansible, warm": lambda: cost(playbook, env=stays),
        }
        try:
            # What is not counted: it opens the connections that are found open.
            cost(clush, env=warm_clush)
            cost(playbook, env=stays)
            costs = bench.turns(sides)
        finally:
            for directory in (kept, theirs, opened):
                fleet.close(directory)
        return {"sides": costs, "facts": {"hosts": count, "commands that ended well in two loops": well}}


def goals(figures):
    count = figures.facts["hosts"]
    well = figures.facts["commands that ended well in two loops"]
    some = [Goal("commands that ended well in two loops, of each run", f"{2 * count}", f"{min(well)}", set(well) == {2 * count})]
    for state in ("cold", "warm"):
        ours, floor = f"halligan, {state}", f"bare ssh, {state}"
        some.append(at_most(
            f"{state}, beside ClusterShell at the same fan-out", figures.times(ours, f"ClusterShell, {state}"), 1, " times",
            f"Bare ssh by xargs, which writes nothing, takes {figures.median(floor):.2f} s, {figures.times(floor, f'ClusterShell, {state}'):.2f} of ClusterShell's time; "
            f"halligan {figures.times(ours, floor):.2f} times that.",
        ))
        some.append(at_least(f"{state}, as fast as Ansible", 1 / figures.times(ours, f"Ansible, {state}"), 3, " times"))
    return some
