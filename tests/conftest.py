from hypothesis import settings

# The first example of a test may compile a kernel. `make test` draws the same examples everywhere,
# so that what passes here passes elsewhere; `make test-all` draws others each time.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("drawn", deadline=None)
settings.load_profile("same")
