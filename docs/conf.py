"""How Sphinx builds the site; `make docs` calls it."""

import re
import struct
import sys
from pathlib import Path
from typing import cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402  (files of this folder)
import notebook_pages  # noqa: E402

import moe_theory  # noqa: E402
from moe_theory.explore.page_files import script_tags, write_page  # noqa: E402

project = "moe_theory"
author = "the moe_theory authors"
version = release = moe_theory.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "_mathjax", "_generated"]
templates_path = ["_templates"]
default_role = "py:obj"  # `name` in a docstring is a link where there is such a name
nitpicky = False
# `train` names a function of this package and a file of it; the page of the package is meant.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 72
autosummary_context = {"homes": generate.homes(), "public": generate.public()}

# Formulas are drawn by a copy of MathJax, which `make docs` fetches once, so that the pages need
# no network. Without it (no npm) they are drawn by the copy on the network that Sphinx knows.
MATHJAX = HERE / "_mathjax"
html_static_path = ["_static", "_generated/static"]
if (MATHJAX / "tex-svg.js").exists():
    html_static_path.append("_mathjax")
    mathjax_path = "tex-svg.js"
mathjax4_config = {
    "loader": {"paths": {"mathjax-newcm": "[mathjax]/mathjax-newcm-font"}},
    "options": {"enableMenu": False, "enableEnrichment": False, "enableSpeech": False,
                "enableBraille": False, "enableExplorer": False},
}  # fmt: skip

html_theme = "pydata_sphinx_theme"
html_title = f"moe_theory {version}"
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}  # dark where the reader's system is
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": html_title},
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 7,
    "footer_start": [],
    "footer_end": [],
    # Sliders and curves take the room of the list.
    "secondary_sidebar_items": {"**": ["page-toc"], "explore": []},
    "show_prev_next": True,
    "pygments_light_style": "tango",
}
html_show_copyright = False
# Pages that stand alone need no list of their neighbours.
html_sidebars = {
    name: []
    for name in (
        "index",
        "tutorial",
        "results",
        "gallery",
        "explore",
        "benchmarks",
        "reproducing",
        "other-machines",
        "changelog",
        "citing",
    )
}

NAMES = generate.names()
# The tables that `make theory` writes lie outside this folder; on the site they are pages.
MOVED = {"](../../figures/theory/": "](tables/"}
SHORT = 40  # letters of TeX; a longer formula may break in itself
WIDE = 1.35  # width over height of a picture that shows panels side by side


def place_tables(app: Sphinx, name: str, source: list[str]) -> None:
    """Let links to files elsewhere in the repository lead to their pages."""
    for there, here in MOVED.items():
        source[0] = source[0].replace(there, here)


def place_pictures(app: Sphinx, name: str, source: list[str]) -> None:
    """Show the figures that the page speaks of."""
    if name in ("theory/inference", "theory/token-choice"):
        source[0] = generate.with_pictures(source[0], "../..")


def escape_mathematics(*event: object) -> None:
    """Keep |A| in a docstring from being read as a substitution, and "B." as an item of a list."""
    lines = cast("list[str]", event[-1])
    code = re.compile(r"^\s*(>>>|\.\.\.)|``")
    bar = re.compile(r"\|(?=\S)|(?<=\S)\|")
    bars = [line if code.search(line) else bar.sub(r"\\|", line) for line in lines]
    lines[:] = [re.sub(r"((?:^|:) *[A-Za-z])\.(?=\s|$)", r"\1\\.", line) for line in bars]


def drop_protocols(*event: object) -> tuple[str, None] | None:
    """Show no arguments for an interface, which nobody constructs."""
    return ("", None) if getattr(event[3], "_is_protocol", False) else None


def link_names(app: Sphinx, doctree: nodes.document) -> None:
    """Make names of the package, written as code in a page, links to where they are described."""
    for literal in list(doctree.findall(nodes.literal)):
        target = NAMES.get(literal.astext())
        if target and not isinstance(literal.parent, nodes.reference | addnodes.pending_xref):
            link = addnodes.pending_xref(
                "", literal.deepcopy(), refdomain="py", reftype="obj", reftarget=target,
                refexplicit=True, refwarn=False, refdoc=app.env.docname,
            )  # fmt: skip
            literal.replace_self(link)


def keep_with_punctuation(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Let no line begin with the comma or stop after a short formula."""
    for formula in list(doctree.findall(nodes.math)):
        after = formula.next_node(descend=False, siblings=True)
        found = isinstance(after, nodes.Text) and re.match(r"[^\w\s(\[−–+=]+", after.astext())
        if not found or len(formula.astext()) > SHORT:
            continue
        after.parent.replace(after, nodes.Text(after.astext()[found.end() :]))
        kept = nodes.inline("", "", formula.deepcopy(), nodes.Text(found[0]), classes=["unbroken"])
        formula.replace_self(kept)


def enlarge_pictures(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Let a click on a picture open it alone, and a link below lead to its table in the gallery.

    Pictures of several panels are marked for narrow screens.
    """
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir) / image["uri"]
        if path.suffix != ".png" or isinstance(image.parent, nodes.reference):
            continue
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        if width > WIDE * height:
            image["classes"].append("wide")
        stored = app.env.images[image["uri"]][1]
        up = "../" * name.count("/")
        target = f"{up}_images/{stored}"
        shown = nodes.reference("", "", image.deepcopy(), refuri=target, internal=True)
        image.replace_self(shown)
        around = shown.parent
        if path.parent.name == "full" and name != "gallery" and isinstance(around, nodes.paragraph):
            at = f"{up}gallery.html#{path.stem.replace('_', '-')}"
            link = nodes.reference("", "Table and command", refuri=at, internal=True)
            below = nodes.paragraph("", "", link, classes=["to-gallery"])
            around.parent.insert(around.parent.index(around) + 1, below)


def link_to_gallery(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Let links to pictures lead to where the gallery shows them."""
    for link in list(doctree.findall(addnodes.download_reference)):
        path = Path(link["reftarget"])
        if path.suffix == ".png":
            target = "../" * name.count("/") + f"gallery.html#{path.stem.replace('_', '-')}"
            text = nodes.inline("", link.astext().replace("_", "_\u200b"))  # may break there
            link.replace_self(nodes.reference("", "", text, refuri=target, internal=True))


def setup(app: Sphinx) -> None:
    """Connect the above."""
    generate.write_commands(HERE / "_generated" / "commands.md")
    generate.write_gallery(HERE / "_generated" / "gallery.md")
    write_page(HERE / "_generated" / "static" / "explore")
    tags = script_tags("_static/explore/")
    (HERE / "_generated" / "explore-scripts.html").write_text(tags, encoding="utf-8")
    notebook_pages.write_notebooks()
    app.connect("autodoc-process-docstring", escape_mathematics)
    app.connect("autodoc-process-signature", drop_protocols)
    app.connect("doctree-read", link_names)
    app.connect("doctree-resolved", keep_with_punctuation)
    app.connect("doctree-resolved", enlarge_pictures)
    app.connect("doctree-resolved", link_to_gallery)
    app.connect("source-read", place_tables)
    app.connect("source-read", place_pictures)
