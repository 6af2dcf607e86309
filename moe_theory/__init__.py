"""moe_theory."""

__version__ = "0.1.0"
