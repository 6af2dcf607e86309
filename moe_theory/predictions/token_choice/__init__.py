"""Who receives the discriminative patch, how loads are balanced, and what noise and copies do."""
