"""Numba kernels: plain arrays in and out, no Python objects, one file per algorithm.

Arrays named ``table`` hold the distinct patches, shape (P, d); ``rows`` are sample numbers. Each
kernel has a readable NumPy twin in ``tests/kernels``.
"""
