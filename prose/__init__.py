"""Numbers of README, site and article, taken from the committed tables; see CONTRIBUTING.md."""
