"""HDF5 files of Keras 1 and 2, and those that Keras 3 writes in their form."""
