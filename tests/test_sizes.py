"""Modules and functions stay small enough to be read at once (CONTRIBUTING.md)."""

import ast
from pathlib import Path

import pytest

import voice2face

MODULES = sorted(Path(voice2face.__file__).parent.rglob("*.py"))
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_PARAMETERS = 350, 60, 7


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(path.parts[-3:]))
def test_a_module_and_its_functions_are_short(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MOST_LINES
    for found in ast.walk(ast.parse(source)):
        if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert found.end_lineno - found.lineno < MOST_LINES_OF_A_FUNCTION, found.name
            given = [*found.args.posonlyargs, *found.args.args, *found.args.kwonlyargs]
            names = [one.arg for one in given if one.arg not in ("self", "cls")]
            assert len(names) <= MOST_PARAMETERS, found.name
