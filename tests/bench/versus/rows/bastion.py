from paired import cost
from servers import BASTION, Servers
from versus import fleet
from versus.figures import Goal

TITLE = "60 hosts behind one, with OpenSSH's own MaxStartups"
ABOUT = (
    "One command each on 60 sshds, all through one jump host (`ProxyJump`) whose sshd has `MaxStartups 10:30:100`, the default: beyond ten connections that are not "
    "authenticated yet it refuses some. What counts is how many hosts were refused; a tool that loses hosts may be quicker."
)
UNIT, SCALE = "s", 1
SIDES = {name: how for name, how in fleet.HOW.items() if name != "bare ssh"}
RUNS = 3


def measure(bench):
    place = bench.place("bastion")
    count = bench.size(60, 16)
    lost = {name: [] for name in SIDES}
    with Servers(place / "servers", count, odd=True) as servers:
        hosts = {f"h{n}": address for n, address in enumerate(servers.addresses, 1)}
        jump = servers.client("ssh_config_jump", f"Host bastion\n  HostName {BASTION}\nHost *.*\n  ProxyJump bastion\n")
        ours = fleet.Ours(bench, place, "--inventory", fleet.inventory(place / "inventory.yaml", hosts, jump))
        book = fleet.book(place / "loop.yaml", "{{ inventory.groups.every }}", "{{ host }}")
        settings = fleet.clush_settings(place, ["-F", jump, "-oBatchMode=yes"])
        playbook, forks = fleet.ansible(bench, place, servers.addresses, jump, place)
        names = f"{servers.addresses[0].rpartition('.')[0]}.[1-{count}]"

        def halligan():
            whole = ours.run(book, ends=(0, 1, 6, 10))
            lost["halligan"].append(count - ours.told().well())
            return whole

        def clush():
            # It says of each command that did not end with 0 how it ended, and does so on standard error.
            whole = cost(["sh", "-c", '"$@" 2>&1', "sh", *fleet.clush(bench, names)], keep=True, ends=(0, 255), env=settings)
            lost["ClusterShell"].append(whole.text.count(b"exited with exit code"))
            return whole

        def ansible():
            # Not from one run to the next: connections that are open are not refused.
            changed = {**forks, "ANSIBLE_SSH_ARGS": f"-F {jump} -o ControlMaster=no"}
            whole = cost(playbook, keep=True, ends=(0, 4), env=changed)
            lost["Ansible"].append(whole.text.count(b"UNREACHABLE!"))
            return whole

        costs = bench.turns({"halligan": halligan, "ClusterShell": clush, "Ansible": ansible}, RUNS)
    return {"sides": costs, "facts": {"hosts": count, "refused": lost}}


def goals(figures):
    refused = figures.facts["refused"]
    others = ", ".join(f"{name} lost {', '.join(map(str, some))}" for name, some in refused.items() if name != "halligan")
    return [Goal(f"hosts refused, in each of {len(refused['halligan'])} runs ({others})", "0", ", ".join(map(str, refused["halligan"])), not any(refused["halligan"]))]
