"""What the command's exit status says."""

NOTHING_FOUND = 0
FOUND = 1  # what `--fail-on` asks for
ERROR = 2  # something went wrong; with several files, at least one could not be read
NOTHING_READ = 3  # none of the files could be read, or none has a layer that can be scored
USAGE = 4  # wrong arguments
INTERRUPTED = 130  # by Ctrl-C, as shells have it: 128 and the number of the signal
CLOSED_PIPE = 141  # what reads the output has ended, such as `head`: likewise
