"""The kernels of layers: which variables they are, and the axes of each."""
