"""Every test runs on the backend that KERAS_BACKEND asks for, and on no other."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
