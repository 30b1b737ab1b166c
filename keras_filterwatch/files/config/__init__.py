"""The config of a saved model: its layers, and what each of them reads."""
