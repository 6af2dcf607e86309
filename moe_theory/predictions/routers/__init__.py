"""Routers of separate training in closed form, and whether they keep the discriminative patch."""
