"""The checkpoints of a run: which files in which order, and their scores recorded as a run."""
