"""All that needs Keras to read a model: its kernels, the flow of its data, its units' outputs."""
