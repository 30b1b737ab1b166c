"""What the config of a saved model tells about the model and its training."""
