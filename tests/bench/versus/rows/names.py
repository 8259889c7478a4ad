import json
import math

from paired import Cost, cost
from servers import HANGING, LYING, UNREACHABLE, Servers
from versus import fleet
from versus.figures import Goal, at_most

TITLE = "10,000 names over 200 hosts"
ABOUT = (
    "One command on each of 10,000 names, each with a connection of its own, over 200 sshds. Three of the names lead to ports where nobody listens, two to "
    "one that takes a connection and never says a word, and one to a server that runs something else than what it is told and says that all is well. An inventory of halligan has at most "
    "2,000 hosts, so these are destinations of ssh, whose configuration it finds in a mount namespace of its own, in the place of the system's."
)
UNIT, SCALE = "s", 1
SIDES = {
    "halligan": fleet.HOW["halligan"],
    "ClusterShell": f"{fleet.HOW['ClusterShell']}; a tenth of the names, the odd ones among them, times ten",
    "bare ssh": f"{fleet.HOW['bare ssh']}; a tenth of the names, none of them odd, times ten",
}
ODD = {"away-1": UNREACHABLE, "away-2": UNREACHABLE, "away-3": UNREACHABLE, "silent-1": HANGING, "silent-2": HANGING, "liar-1": LYING}
KINDS = ("away", "silent", "liar")


def measure(bench):
    place = bench.place("names")
    count, hosts = bench.size(10_000, 60), bench.size(200, 6)
    with Servers(place / "servers", hosts, odd=True) as servers:
        known = [f"Host {name}\n  HostName {address}\n" for name, address in ODD.items()]
        known += [f"Host n*-{n}\n  HostName {address}\n" for n, address in enumerate(servers.addresses)]
        config = servers.client("ssh_config_names", "".join(known))
        plain = count - len(ODD)
        listed = f"{{{{ {json.dumps(list(ODD))} + (range({plain}) | list) }}}}".replace('"', "'")
        # A number is a plain name; the others are names as they stand.
        on = f"{{{{ item if item is string else 'n' ~ item ~ '-' ~ (item % {hosts}) }}}}"
        book = fleet.book(place / "names.yaml", listed, on, as_="item")
        names = [f"n{n}-{n % hosts}" for n in range(plain)]
        ours = fleet.Ours(bench, place, before=["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/ssh/ssh_config && exec "$@"', config])
        settings = fleet.clush_settings(place, ["-F", config, "-oBatchMode=yes"])
        tenth = names[: math.ceil(count / 10)]
        listed_tenth = place / "tenth"
        listed_tenth.write_text(" ".join([*ODD, *tenth]))
        floor = fleet.bare(place, tenth, config)
        said = []

        def clush():
            command = [bench.tool("clustershell"), "-S", "--hostfile", listed_tenth, "true"]
            whole = cost(["sh", "-c", '"$@" 2>&1', "sh", *command], keep=True, ends=(0, 1, 255), env=settings)
            said[:] = whole.text.decode().splitlines()
            return tenfold(whole)

        costs = bench.turns({"ClusterShell": clush, "bare ssh": lambda: tenfold(cost(floor))}, 3 if bench.patient else 1)
        costs = {"halligan": [ours.run(book, ends=(0, 1, 6, 10))]} | costs
        journal = ours.told()
    told = dict.fromkeys(ODD, "nothing")
    for record in journal.ends:
        name = record["place"].partition("=")[2].partition("]")[0].strip("'\"")
        if name in told:
            told[name] = record["exit"]["not_started"]["why"] if "not_started" in record["exit"] else json.dumps(record["exit"])
    return {"sides": costs, "facts": {"names": count, "ended well": journal.well(), "halligan tells": told, "ClusterShell says": said[:40]}}


def tenfold(whole):
    return Cost(whole.wall * 10, whole.cpu * 10, whole.memory)


def apart(told):
    """Whether none of the odd names is told as well, and each kind in words that no other kind has."""
    words = {kind: {text.replace(name, "") for name, text in told.items() if name.startswith(kind)} for kind in KINDS}
    every = [text for some in words.values() for text in some]
    return len(set(every)) == len(every) and not any(text.startswith('{"code":') or text == "nothing" for text in every)


def goals(figures):
    told, plain = figures.facts["halligan tells"], figures.facts["names"] - len(ODD)
    return [
        at_most(
            f"{figures.facts['names']:,} names asked", figures.median("halligan"), 60, " s",
            "Each name costs client and server a key exchange of their own, on the same processors: bare ssh by xargs, which writes and tells nothing, "
            f"takes {figures.median('bare ssh'):.0f} s for as many, "
            f"and ClusterShell {figures.median('ClusterShell'):.0f} s. Halligan takes {figures.times('halligan', 'bare ssh'):.2f} times bare ssh.",
        ),
        at_most("memory", figures.most("halligan"), 256, " MiB"),
        Goal("names that answer, and that the journal tells as well", f"{plain:,}", f"{figures.facts['ended well']:,}", figures.facts["ended well"] == plain),
        Goal("3 unreachable, 2 hanging, 1 lying, none told as well, and told apart", "yes", "yes" if apart(told) else "no", apart(told)),
    ]


def notes(figures):
    liar = any(line.startswith("clush: ") and "liar-1" in line for line in figures.facts["ClusterShell says"])
    theirs = "tells that it failed" if liar else "says no word of failure: it ended with 0"
    lines = [f"- `{name}`: {text}" for name, text in figures.facts["halligan tells"].items()]
    return ["What halligan's journal tells of the odd ones:", "", *lines, "", f"Of the one that lies ClusterShell {theirs}."]
