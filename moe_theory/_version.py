"""The version, where all modules may read it."""

__version__ = "0.1.0"
