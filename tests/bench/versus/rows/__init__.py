"""One row of the comparison a file: what is measured, and by what it is judged.

TITLE, ABOUT, UNIT and SCALE (so many of the unit are a second) tell the row; SIDES says how each side is set up. `measure(bench)` gives
sides and facts; `goals(figures)` judges them, from what is in the file of raw figures alone.
"""

ORDER = ("startup", "step", "tmpfs", "items", "ssh", "bastion", "names", "output", "journal", "rehearsal")
