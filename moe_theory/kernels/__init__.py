"""Numba kernels: plain arrays in and out, no Python objects, one file per algorithm.

Arrays named ``table`` hold the distinct patches, shape (P, d); ``rows`` are sample numbers.

Each kernel has a readable NumPy twin among the tests. Networks, losses and their gradients are in
``tests/twins.py``, token choice in ``tests/token_twin.py``; products, elementary functions and
shuffling in ``tests/kernels``; the others beside what uses them, such as ``tests/inference`` for
rounding and scores.
"""
