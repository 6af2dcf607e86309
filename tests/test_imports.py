"""Imports go one way: no circle, and none upwards. Those for types alone and late ones count."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import moe_theory

ROOT = Path(moe_theory.__file__).parent
# From low to high. A room may import from the layers before its own; rooms of one layer do not
# know each other. Private modules of the top folder serve all; they may only not close a circle.
LAYERS = (
    ("files",),
    ("kernels", "statistics", "costs"),
    ("data", "models"),
    ("routing",),
    ("training",),
    ("bounds", "inference", "experiments"),
    ("predictions", "plotting"),
    ("flow", "advice"),
    ("explore",),
    ("moe_theory",),
    ("cli",),
)
HEIGHT = {room: height for height, layer in enumerate(LAYERS) for room in layer}
MODULES = {
    ".".join(("moe_theory", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(ROOT.rglob("*.py"))
}


def imported(text):
    """Return the modules of the package that a text imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
    return found & set(MODULES)


def room_of(module):
    """Return the folder or file of the package in which a module is."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] or package


def rooms(graph):
    """Return which rooms the modules of each room import from."""
    found = {}
    for module, others in graph.items():
        room = room_of(module)
        found.setdefault(room, set()).update({room_of(other) for other in others} - {room})
    return found


def circle(graph):
    """Return the members of a circle, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def upward(graph):
    """Return the imports between public rooms that do not go down."""
    return [
        (module, other)
        for module, others in graph.items()
        for other in others
        if (here := room_of(module)) != (there := room_of(other))
        and here in HEIGHT
        and there in HEIGHT
        and HEIGHT[there] >= HEIGHT[here]
    ]


GRAPH = {name: imported(path.read_text()) for name, path in MODULES.items()}


def test_every_room_has_its_place():
    assert {room for room in rooms(GRAPH) if not room.startswith("_")} == set(HEIGHT)


def test_modules_import_without_a_circle():
    assert circle(GRAPH) is None


def test_rooms_import_without_a_circle():
    assert circle(rooms(GRAPH)) is None


def test_no_import_goes_up():
    assert upward(GRAPH) == []


@pytest.mark.parametrize(
    "text",
    [
        "from moe_theory.flow import gradient_flow",
        "from moe_theory import flow",
        "if TYPE_CHECKING:\n    from moe_theory.flow.result import Flow",
        "def late():\n    import moe_theory.flow",
    ],
)
def test_a_circle_and_an_upward_import_would_be_seen(text):
    """A bound that used the flow, which uses predictions, which use bounds."""
    graph = GRAPH | {"moe_theory.bounds.formula": imported(text)}
    assert set(circle(rooms(graph))) == {"bounds", "predictions", "flow"}
    assert upward(graph)[0][0] == "moe_theory.bounds.formula"
