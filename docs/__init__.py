"""The pages, and the scripts that make their pictures and tables."""
