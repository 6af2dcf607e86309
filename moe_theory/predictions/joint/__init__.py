"""Jointly trained networks at the end of their training."""
