import os

from versus import programs, slope
from versus.figures import at_least, at_most

TITLE = "Each further step"
ABOUT = "One more step of `/bin/true` in a run: the run of many steps less the run of one, divided. Logs and journals are on a disk."
UNIT, SCALE = "ms", 1000
SIDES = slope.HOW


def measure(bench):
    os.environ.update(programs.ansible_settings(bench.place("step")))
    place = bench.place("step")
    return {"sides": bench.turns(slope.sides(bench, place, place, SIDES)), "facts": {}}


def goals(figures):
    over = figures.times("halligan", slope.FLOOR)
    bash = at_most(
        "beside bash with two appends and two fdatasyncs", figures.times("halligan", "careful bash"), 1.2, " times",
        f"The floor in C, which keeps no hash chain and watches no process, is {1 / over:.2f} of halligan's time.",
    )
    ansible = at_least(
        "as fast as Ansible", 1 / figures.times("halligan", "Ansible"), 100, " times",
        f"What only syncs two records and starts a process ({slope.FLOOR}) is {1 / figures.times(slope.FLOOR, 'Ansible'):.0f} times as fast as Ansible; "
        f"halligan takes {over:.2f} times that.",
    )
    return [bash, ansible]
