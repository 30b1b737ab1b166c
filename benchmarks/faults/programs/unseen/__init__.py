"""The programs that decide whether the rules hold where nobody tuned them.

Nobody who develops rules, diagnosis or other programs may read them or their single results.
"""

from benchmarks.faults.program import Program
from benchmarks.faults.programs.unseen import (
    convolutional,
    generative,
    modern,
    numbers,
    others,
    pipelines,
    pretrained,
)

PROGRAMS: tuple[Program, ...] = (
    *convolutional.PROGRAMS,
    *modern.PROGRAMS,
    *generative.PROGRAMS,
    *numbers.PROGRAMS,
    *others.PROGRAMS,
    *pipelines.PROGRAMS,
    *pretrained.PROGRAMS,
)
