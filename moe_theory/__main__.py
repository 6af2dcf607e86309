"""Run the command line."""

from moe_theory.cli import main

raise SystemExit(main())
