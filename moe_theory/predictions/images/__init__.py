"""Routers and networks on images, from the images' means, covariances and kernel."""
