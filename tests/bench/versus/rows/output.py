from versus.bench import script
from versus.figures import at_least, at_most

TITLE = "10 GiB of output"
ABOUT = "A step that prints 10 GiB. Halligan keeps it whole, by its hash, and masks secrets in it; `tee FILE | sha256sum` does the first two. Both on a disk."
UNIT, SCALE = "s", 1
SIDES = {"tee FILE | sha256sum": "the same bytes", "no secret": "halligan", "a secret to mask": "halligan, told of a secret"}


def measure(bench):
    gib = bench.size(10, 3)

    def turns(rounds, sides):
        return bench.turns(sides, rounds)

    costs, _, _ = script("output").measured(gib, 3 if bench.patient else 1, turns)
    return {"sides": costs, "facts": {"GiB": gib}}


def goals(figures):
    some = []
    for name in ("no secret", "a secret to mask"):
        some.append(at_least(f"{name}: as fast as `tee \\| sha256sum`", 1 / figures.times(name, "tee FILE | sha256sum"), 0.7, " times"))
        some.append(at_most(f"{name}: memory", figures.most(name), 64, " MiB"))
    return some
