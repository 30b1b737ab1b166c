"""The half of the programs on which rules are developed."""

from benchmarks.faults.program import Program
from benchmarks.faults.programs.development import (
    convolutional,
    dense,
    generative,
    images,
    mixed,
    modern,
    pretrained,
    signals,
    targets,
)

PROGRAMS: tuple[Program, ...] = (
    *convolutional.PROGRAMS,
    *modern.PROGRAMS,
    *dense.PROGRAMS,
    *signals.PROGRAMS,
    *images.PROGRAMS,
    *generative.PROGRAMS,
    *targets.PROGRAMS,
    *pretrained.PROGRAMS,
    *mixed.PROGRAMS,
)
