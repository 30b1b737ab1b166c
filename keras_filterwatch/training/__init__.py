"""The callback: when a training is watched, and what is done with each snapshot."""
