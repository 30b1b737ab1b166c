"""Files of Keras 3: whole models and weights."""
