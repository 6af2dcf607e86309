"""The dense network after a few full-batch steps of any size."""
