"""Files of PyTorch, read without it and without pickle."""
