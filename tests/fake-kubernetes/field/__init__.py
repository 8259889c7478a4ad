"""The cases, by the numbers under which they were collected. Each names the public reports that tell of it."""

import contextlib
import time

from shop import Shop
from standin.store import stamp

CASES = []
# What takes its kubectl minutes of processor time. Carried out only when a word asks for it.
DEAR = []


def case(function, among=CASES):
    """A function of the cases and of what makes a shop; the shops end with it."""
    def carry_out(cases):
        with contextlib.ExitStack() as stack:
            def new(*args, **named):
                shop = Shop(cases, *args, **named)
                stack.callback(shop.end)
                return shop
            function(cases, new)
    among.append(carry_out)
    return function


def long(function):
    """One that takes longer than most is begun first."""
    case(function)
    CASES.insert(0, CASES.pop())
    return function


def dear(function):
    return case(function, DEAR)


def shown(cases, title, play, check, *, planted, plant, finds):
    """What a run has left is as it must be; and the same once more when something was planted in it, which must be found."""
    kept = []

    def well():
        kept.append(play())
        check(kept[0])

    def control():
        if not kept:
            kept.append(play())
        plant(kept[0])
        check(kept[0])

    cases.case(title, well)
    cases.control(f"{title.split()[0]} {planted}", control, finds=finds)


def since(seconds=600):
    return stamp(time.time() - seconds)


def patches(shop, name):
    """The bodies of the patches of an object, in their order."""
    return [body for path, body in shop.world.written("PATCH", f"/{name}")]
