"""Saved files as kernels: nothing in a file is executed, and nothing outside it is touched."""
