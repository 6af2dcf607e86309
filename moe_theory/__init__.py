"""Simulate, bound and predict why Mixture-of-Experts saves training compute, and how much."""

__version__ = "0.1.0"
