import pathlib
import tempfile

from versus import slope
from versus.figures import at_most

TITLE = "Each further step, without a disk"
ABOUT = "The same with journals and logs in memory, where a sync costs nothing: what each does by itself."
UNIT, SCALE = "ms", 1000
SIDES = {name: slope.HOW[name] for name in ("halligan", "careful bash", slope.FLOOR, "just")}


def measure(bench):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        return {"sides": bench.turns(slope.sides(bench, bench.place("tmpfs"), pathlib.Path(memory), SIDES)), "facts": {}}


def goals(figures):
    part = figures.times(slope.FLOOR, "just")
    floor = f"The floor in C alone is {part:.2f} of just's time; just starts a shell for each line, watches no process tree and writes nothing."
    return [at_most("beside just", figures.times("halligan", "just"), 1.1, " times", floor)]
