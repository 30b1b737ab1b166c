"""Gives NumPy's libraries one thread each. To be imported before NumPy; else it changes nothing.

`series` has two threads of its own, and those of the libraries slow them down to half the speed.
"""

import os
import sys

if "numpy" not in sys.modules:
    for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")
