"""What people say about filters, measured on some hundreds of small trainings: docs/claims.md.

`python -m benchmarks.claims train` trains and keeps a record of each training; `report` computes
every claim from the records and writes its figures, charts and pictures into the page.
"""
