"""The page that shows the record of a run: its documents, and the tab of TensorBoard."""
