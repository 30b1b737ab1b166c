"""Makes what compare.md shows: two short trainings, their comparisons and a picture.

`python docs/comparing.py` trains the network of reading-filters.md twice, with two learning rates,
in about a minute on one core, prints the comparisons that the page quotes and writes
docs/images/compare-filters.png.
"""

import os
import sys
import tempfile
from pathlib import Path

import keras_filterwatch as fw

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from reading_filters import PATCHES, RATE, network, patches  # noqa: E402

EPOCHS = 20


def main() -> None:
    """Trains both networks in a folder of its own, so that names of runs are those of the page."""
    x, y = patches(PATCHES, seed=0)
    os.chdir(tempfile.mkdtemp())
    for name, rate in (("usual", RATE), ("slow", RATE / 100)):
        model = network(rate=rate)
        watch = fw.FilterWatch(f"logs/{name}")
        model.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=0, callbacks=[watch])
    comparison = fw.compare("logs/usual")
    print(comparison, "\n")
    comparison.draw("first").save(HERE / "images" / "compare-filters.png")
    print(fw.compare(fw.read("logs/usual"), steps=(10, 20)), "\n")
    print(fw.compare("logs/slow", "logs/usual"))


if __name__ == "__main__":
    main()
