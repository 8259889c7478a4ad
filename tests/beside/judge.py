"""What is judged, from what the world saw: never from what a tool says of itself, but for its record, which is what is judged there."""

import dataclasses
from collections.abc import Callable

KEPT, FAILED, NOT_OFFERED, NOT_TRIED = "kept", "failed", "not offered", "not tried"
PLACES = {
    "before": "before anything",
    "flag osd.1": "flag set",
    "restart osd.1": "restarting",
    "wait osd.1": "waiting",
    "back osd.1": "flag put back",
}
SIGNALS = ["INT", "TERM", "HUP", "KILL"]


def touched(effects):
    return [one.split()[1] for one in effects if one.startswith("restart ")]


def begun(effects):
    """Changes, but for what only puts back."""
    return [one for one in effects if not one.startswith("unset ")]


def listed(words, none="none"):
    return ", ".join(words) if words else none


@dataclasses.dataclass(frozen=True)
class Row:
    """`judge` tells whether the judged thing happened, and what was seen."""

    key: str
    title: str
    trial: str
    judge: Callable
    given: dict = dataclasses.field(default_factory=dict)
    room: str | None = None
    # Tools that have nothing for it, and why that is said.
    absent: dict = dataclasses.field(default_factory=dict)
    # Tools that the row has nothing to say of, whatever was seen.
    void: dict = dataclasses.field(default_factory=dict)
    # What is given to one tool alone, by name, in place of `given`.
    instead: dict = dataclasses.field(default_factory=dict)

    def to(self, tool):
        return self.instead.get(tool, self.given)


def _incomplete(seen):
    well = seen["code"] == 0 and touched(seen["effects"]) == [f"osd.{n}" for n in range(6)] and not seen["flags"]
    loose = [one for one in seen["effects"] if one.endswith("unguarded")]
    return not well or bool(loose), f"restarted: {len(seen['touched'])}; flag left: {listed(seen['flags'])}"


def _effects(seen):
    return bool(seen["effects"]), f"effects: {len(seen['effects'])}"


def _after(seen):
    late = [osd for osd in seen["touched"] if osd in ("osd.3", "osd.4", "osd.5")]
    return bool(late), f"touched after it: {listed(late)}"


def _flag(seen):
    return bool(seen["flags"]), f"flag left: {listed(seen['flags'])}"


def _believed(seen):
    late = [osd for osd in seen["touched"] if osd in ("osd.3", "osd.4", "osd.5")]
    return seen["code"] == 0 or bool(late), f"went on to: {listed(late, 'nothing')}; exit code {seen['code']}"


def _destroyed(seen):
    return bool(seen["effects"]), "destroyed" if seen["effects"] else "not destroyed"


def _leaked(place):
    def judge(seen):
        return place in seen["found"], "found" if place in seen["found"] else "not found"

    return judge


def _together(seen):
    loose = [one for one in seen["effects"] if one.endswith("unguarded")]
    started = touched(seen["by_second"])
    return bool(started or loose), f"the second restarted {listed(started, 'nothing')}; without a flag: {len(loose)}"


def _unnoticed(seen):
    return seen["altered"] == 0 or seen["whole"] != 0, "noticed" if seen["altered"] else "not noticed"


def _unrecorded(seen):
    late = begun(seen["after"])
    return bool(late) and not seen["recorded"], f"begun after it: {listed(late)}; recorded: {'yes' if seen['recorded'] else 'no'}; exit code {seen['code']}"


NO_RECORD = dict.fromkeys(["just", "go-task"], "it keeps no record")
NO_PROOF = {**NO_RECORD, **dict.fromkeys(["ansible-core", "bash", "chaostoolkit"], "nothing proves the record")}
ASKS_NOT = {"chaostoolkit": "it asks nothing"}
NO_MASK = dict.fromkeys(["bash", "just", "go-task", "chaostoolkit"], "it masks nothing that a program prints")
NO_LOCK = dict.fromkeys(["ansible-core", "go-task", "chaostoolkit"], "it has no lock")
NO_DRY = {"bash": "it has no dry run"}
HOLDS_NOT = {**NO_DRY, **dict.fromkeys(["ansible-core", "go-task"], "what is said to read is run, and held to nothing")}
UNCHECKED = dict.fromkeys(["bash", "just", "go-task", "chaostoolkit"], "nothing tells a command from another with exit code 0")

ROWS = [
    Row("whole", "All goes well: all six restarted, each under its flag", "threshold", _incomplete, {"fault": "none"}),
    Row("dry", "Dry run", "dry", _effects, absent=NO_DRY),
    Row("lie", "Dry run, and a command that says it only reads changes something", "dry", _effects, {"lie": True}, absent=HOLDS_NOT),
    Row("fails", "The third of six fails to restart: no other is touched", "threshold", _after, {"fault": "fails"}),
    Row("fails flag", "… and its flag is put back", "threshold", _flag, {"fault": "fails"}),
    Row("never", "The third never comes up: no other is touched", "threshold", _after, {"fault": "never up"}),
    Row("never flag", "… and its flag is put back", "threshold", _flag, {"fault": "never up"}),
    Row("away", "The third's host is unreachable: no other is touched", "threshold", _after, {"fault": "away"}),
    Row("away flag", "… and its flag is put back", "threshold", _flag, {"fault": "away"}),
    Row("other", "The third's host runs something else, with exit code 0: it is not believed", "other", _believed, absent=UNCHECKED),
    Row("unasked", "Something is destroyed, without a terminal", "destroy", _destroyed, {"given": ""}, absent=ASKS_NOT),
    Row("piped", "… with `y` piped in", "destroy", _destroyed, {"given": "y\n"}, absent=ASKS_NOT),
    Row("right", "… with the right answer piped in", "destroy", _destroyed, {"given": "y\n"}, absent=ASKS_NOT, instead={"halligan": {"given": "destroy\n"}}),
    Row("screen", "A secret that a program prints: on the screen", "login", _leaked("screen"), absent=NO_MASK),
    Row("kept", "… in the record", "login", _leaked("record"), absent=NO_MASK, void=NO_RECORD),
    Row("argument", "… in arguments that every user sees", "login", _leaked("arguments")),
    Row("two", "Two operators at once: the second changes nothing", "two", _together, absent=NO_LOCK),
    Row("edited", "The record: a word of it changed", "altered", _unnoticed, {"how": "edited"}, absent=NO_PROOF),
    Row("torn", "… cut in the middle of a line", "altered", _unnoticed, {"how": "torn"}, absent=NO_PROOF),
    Row("cut", "… cut between two lines", "altered", _unnoticed, {"how": "cut"}, absent=NO_PROOF),
    Row("cut head", "… the same, with a head kept elsewhere", "altered", _unnoticed, {"how": "cut, head kept"}, absent=NO_PROOF),
    Row("full", "The disk of the record is full: nothing is begun that is not recorded", "full", _unrecorded, room="1m", absent=NO_RECORD),
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Aspect:
    """Of a run that a signal has met, in each place."""

    key: str
    title: str
    judge: Callable
    places: tuple = tuple(PLACES)
    absent: dict = dataclasses.field(default_factory=dict)
    # Signals after which no tool can do it: what is seen is told, and is no failure.
    spared: tuple = ()


LATER = tuple(place for place in PLACES if place != "before")


def again(seen):
    """What the second start did."""
    second = seen["again"]
    done = set(touched(seen["effects"]))
    if "osd.0" in touched(second["effects"]) and "osd.0" in done:
        return "repeats"
    if not second["effects"] and len(done) < 3:
        return "refuses"
    return "continues"


def _others(seen):
    """The first was done before, the second is under way; before anything, there is none."""
    own = set() if seen["place"] == "before" else {"osd.0", "osd.1"}
    return any(one.split()[1] not in own for one in begun(seen["effects"]))


ASPECTS = [
    Aspect("flag", "The flag is put back", lambda seen: bool(seen["flags"]), LATER, spared=("KILL",)),
    Aspect("left", "Nothing still runs when the tool is over", lambda seen: bool(seen["left"]), spared=("KILL",)),
    Aspect("others", "No other service is begun after the signal", _others),
    Aspect("went on", "Nothing is begun when the tool is over", lambda seen: bool(begun(seen["went_on"]))),
    Aspect("where", "The record names the service that was under way", lambda seen: not (seen["record"]["kept"] and seen["record"]["where"]), LATER, NO_RECORD),
    Aspect("end", "The record tells how it ended, or that it did not", lambda seen: not (seen["record"]["kept"] and seen["record"]["end"]), absent=NO_RECORD),
    Aspect("again", "Started again, it continues", lambda seen: again(seen) != "continues", LATER),
    Aspect("again flag", "Started again, no flag is left at its end", lambda seen: bool(seen["again"]["flags"]), LATER),
]


# A setting of Ansible that is said to stop more, in the same trial.
FATAL = {"fault": "away", "fatal": True}


def key(tool, trial, given):
    return "/".join([tool, trial, *(f"{name}={value}" for name, value in sorted(given.items()))])


def orders(tool):
    """All that is tried with a tool, each once: key, trial, what it is given, the room for its record."""
    found = {}
    for row in ROWS:
        found[key(tool, row.trial, row.to(tool))] = (row.trial, row.to(tool), row.room)
    if tool == "ansible-core":
        found[key(tool, "threshold", FATAL)] = ("threshold", FATAL, None)
    # One signal shows that each aspect can be found out.
    for name in SIGNALS if tool != "careless" else ["TERM"]:
        for place in PLACES:
            given = {"place": place, "name": name}
            found[key(tool, "signalled", given)] = ("signalled", given, None)
    return found


def row(row, tool, trials):
    """The verdict on a tool, and what was seen; None where it was not measured."""
    seen = trials.get(key(tool, row.trial, row.to(tool)))
    if seen is None:
        return NOT_TRIED, ""
    if "none" in seen or tool in row.void:
        return NOT_OFFERED, row.void.get(tool) or row.absent.get(tool, "")
    bad, words = row.judge(seen)
    if not bad:
        return KEPT, words
    return (NOT_OFFERED, f"{row.absent[tool]}; {words}") if tool in row.absent else (FAILED, words)


def aspect(aspect, name, tool, trials):
    """In how many places it held, of how many; and in which it did not."""
    held, tried, broken = 0, 0, []
    for place in aspect.places:
        seen = trials.get(key(tool, "signalled", {"place": place, "name": name}))
        if seen is None or "missed" in seen:
            continue
        tried += 1
        if aspect.judge({**seen, "place": place}):
            broken.append(place)
        else:
            held += 1
    return held, tried, broken


def blind(trials):
    """Rows and aspects that the control is not found out in: what they say of others is worth nothing."""
    found = []
    for one in ROWS:
        verdict, _ = row(one, "careless", trials)
        if verdict != FAILED:
            found.append(f"{one.key}: {verdict}")
    return found + [one.key for one in ASPECTS if not any(aspect(one, name, "careless", trials)[2] for name in SIGNALS)]
