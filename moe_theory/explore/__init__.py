"""A page that shows what `advise` knows: sliders, curves, maps and trainings as films.

It works from a folder, without a server and without the network. The site has it as one of its
pages, and ``moe-theory explore`` opens it on its own.
"""

from moe_theory.explore.page_files import page_files, write_page
from moe_theory.explore.server import serve

__all__ = ["page_files", "serve", "write_page"]
