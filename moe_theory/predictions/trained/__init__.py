"""Dense and separately trained networks at the end of their training."""
