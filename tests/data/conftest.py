from hypothesis import settings

# A busy machine is no failure: no time limit for one example.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
