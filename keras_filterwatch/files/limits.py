"""What is too large, too deep or too much expanded to be read: the limits of all formats."""

EXPANSION = 1000  # bytes that one stored byte may stand for
CONFIG_BYTES = 32 * 2**20  # of a config as JSON, which takes 40 times as much in memory
DEPTH = 100  # of groups within groups, and of models and wrappers within models
ENTRIES = 1_000_000  # groups or arrays
MEMBERS = 100_000  # of an archive
KERNELS = 20_000
VALUES = 2_000_000  # of a config
