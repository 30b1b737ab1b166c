"""Trainings with known faults and without: who raises an alarm, when, and names which cause?

`python -m benchmarks.faults train` trains them and keeps a record of each, `... report` judges the
records. A threshold or a rule can be tried again on records, without training.
"""
