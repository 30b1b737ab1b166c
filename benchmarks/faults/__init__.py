"""Trainings with and without known faults: which tool raises an alarm, and when? Which cause?

`python -m benchmarks.faults train` runs them and keeps a record of each; `report` applies the
tools' rules to the records. A threshold or a rule can be tried on records without training again.
"""
