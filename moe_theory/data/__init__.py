"""Synthetic and real data models of discriminative patches."""

from moe_theory.data.patch_data import PatchData

__all__ = ["PatchData"]
