"""The programs that the benchmark trains: one half to develop rules on, one half unseen."""
