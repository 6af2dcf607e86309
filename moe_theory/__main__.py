"""Run the command line."""

from moe_theory.cli import main

# Processes started afresh import this file too.
if __name__ == "__main__":
    raise SystemExit(main())
