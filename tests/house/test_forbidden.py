"""What must not occur in the package: unpickling, evaluating, shells, archives unpacked to disk."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "annotools"
CALLS = {
    *("eval", "exec", "compile", "__import__"),
    *(
        "pickle.load",
        "pickle.loads",
        "pickle.Unpickler",
        "pickle._Unpickler",
        "marshal.load",
        "marshal.loads",
    ),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "dill.load", "dill.loads", "joblib.load"),
    *(
        "cloudpickle.load",
        "cloudpickle.loads",
        "shelve.open",
        "numpy.load",
        "np.load",
        "shutil.unpack_archive",
    ),
    *("os.system", "os.popen"),
}
METHODS = {"extract", "extractall", "find_class"}


def forbidden(source: str) -> list[str]:
    """`line: what` for each forbidden call."""
    found = []
    names: dict[str, str] = {}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        text = ast.unparse(node.func)
        head, dot, rest = text.partition(".")
        full = names.get(head, head) + dot + rest
        plain = any(ast.unparse(keyword) == "allow_pickle=False" for keyword in node.keywords)
        if (full in CALLS or text in CALLS) and not (full == "numpy.load" and plain):
            found.append(f"{node.lineno}: {full}")
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            found.append(f"{node.lineno}: .{node.func.attr}")
        for keyword in node.keywords:
            if keyword.arg == "shell" and not (
                isinstance(keyword.value, ast.Constant) and not keyword.value.value
            ):
                found.append(f"{node.lineno}: shell=")
            if keyword.arg == "allow_pickle" and not plain:
                found.append(f"{node.lineno}: allow_pickle=")
    return found


@pytest.mark.parametrize(
    "file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE))
)
def test_nothing_forbidden_in(file: Path) -> None:
    assert forbidden(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.load(f)",
        "import pickle as p\np.loads(b)",
        "from pickle import loads as hidden\nhidden(b)",
        "from pickle import Unpickler\nUnpickler(f).load()",
        "eval('1')",
        "exec(code)",
        "import subprocess\nsubprocess.run(c, shell=True)",
        "import subprocess\nsubprocess.run(c, shell=flag)",
        "import os\nos.system(c)",
        "import yaml\nyaml.load(t)",
        "archive.extractall(folder)",
        "tar.extract(member)",
        "import numpy as np\nnp.load(f, allow_pickle=True)",
        "import numpy as np\nnp.load(f, allow_pickle=flag)",
        "import numpy as np\nnp.load(f)",
    ],
)
def test_what_is_forbidden_is_found(source: str) -> None:
    assert forbidden(source)


def test_what_is_allowed_is_not() -> None:
    assert (
        forbidden(
            "import re, json, pickle\nre.compile('a')\njson.loads(t)\npickle.dumps(x)\nrun(c, shell=False)\n"
            "import numpy as np\nnp.load(f, allow_pickle=False)"
        )
        == []
    )
