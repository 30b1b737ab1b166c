"""Random models, callback arguments and fits: watching must change nothing and break nothing."""
