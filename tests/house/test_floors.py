"""The house: imports go down only, without a circle, and never through the package's own façade."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "annotools"

FLOORS = (  # top first, as in CONTRIBUTING.md; rooms of one floor do not import each other
    ("__main__",),
    ("cli",),
    ("commands",),
    ("view",),
    ("beam", "loader", "verification", "evaluation", "targets"),
    ("conversion",),
    ("repair", "testing"),
    ("validation",),
    ("sources",),
    ("formats",),
    ("augment",),
    ("classes", "parallel"),
    ("boxes", "files", "images", "issues", "ledger", "options", "schema"),
    ("errors", "records"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room(module: str) -> str:
    """`sources` of `annotools.sources.pairing`; "" of the façade."""
    return [*module.split("."), ""][1]


def imports(module: str, text: str) -> Iterator[str]:
    """The modules of the package that `module` imports, in functions and for type checking too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [
                inner if (inner := f"{node.module}.{alias.name}") in MODULES else node.module
                for alias in node.names
            ]
        else:
            continue
        yield from (name for name in names if name in MODULES and name != module)


GRAPH = {
    module: set(imports(module, path.read_text(encoding="utf-8")))
    for module, path in MODULES.items()
    if module != "annotools"  # the façade names what it offers
}


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in GRAPH} == set(FLOOR)


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_imports_go_down(module: str) -> None:
    for other in GRAPH[module]:
        if module == "annotools.cli" and other == "annotools":
            continue  # for the version, which it hands on
        assert other != "annotools", "through the façade"
        if room(other) != room(module):
            assert FLOOR[room(other)] > FLOOR[room(module)], other


def circles(graph: dict[str, set[str]]) -> list[str]:
    """The modules from which a way leads back to themselves."""

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        pending = list(graph.get(start, ()))
        while pending:
            if (one := pending.pop()) not in seen:
                seen.add(one)
                pending += graph.get(one, ())
        return seen

    return [module for module in graph if module in reachable(module)]


def test_there_is_no_circle() -> None:
    assert circles(GRAPH) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]


def test_the_check_sees_an_import_in_a_function() -> None:
    text = "def f():\n    from annotools.loader import dataset\n    import annotools.sources.source\n"
    assert set(imports("annotools.errors", text)) == {"annotools.loader.dataset", "annotools.sources.source"}


def test_at_most_eleven_modules_stand_at_the_root() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 11


def test_no_file_is_long() -> None:
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert [module for module, count in lines.items() if count > 350] == []
