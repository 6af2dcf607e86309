"""Who receives the discriminative patch where patches choose experts, or experts patches."""
