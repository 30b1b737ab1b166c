"""What processes do in tests/test_cli_processes.py: work, die, hang and take too much memory."""

import os
import signal
import time
import warnings

import numpy as np


def reply(request):
    """Does what the request says."""
    action = request["action"]
    if action == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif action == "harm":
        os.environ["HARMED"] = "1"
    elif action == "die if harmed" and "HARMED" in os.environ:
        os._exit(9)
    elif action == "leave":
        os._exit(7)
    elif action == "hang":
        time.sleep(60)
    elif action == "wait":
        time.sleep(0.3)
    elif action == "eat":
        return np.ones(2**30, np.float64).size
    elif action == "fail":
        raise KeyError("nobody expects it")
    elif action == "warn":
        warnings.warn("look out", stacklevel=1)
    elif action == "print":
        print("not a reply")
        os.write(1, b"nor this\n")
    return [action, os.getpid()]
