"""The project's own source, as the architecture tests look at it: files, trees and who calls what."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("cleanroom", "enclave")


def modules(*under: str) -> list[Path]:
    """Hand-written Python files below the named folders (both packages by default), by path."""
    found = (path for folder in under or PACKAGES for path in (ROOT / folder).rglob("*.py"))
    return sorted(
        path for path in found if not is_generated(path) and "__pycache__" not in path.parts
    )


def is_generated(path: Path) -> bool:
    """Whether a generator of protobuf stubs wrote this file."""
    return path.stem.endswith(("_pb2", "_pb2_grpc"))


def relative(path: Path) -> str:
    """The path as a reader of the repository knows it."""
    return path.relative_to(ROOT).as_posix()


def dotted(path: Path) -> str:
    """The import name of a module: `cleanroom/crypto/__init__.py` is `cleanroom.crypto`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of one file; read once for all tests."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git tracks and that stands in the working tree."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return tuple(path for name in listing.split("\0") if name and (path := ROOT / name).is_file())


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The name (dotted as it is written) and the line of everything called in `tree`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := written(node.func)):
            yield name, node.lineno


def written(node: ast.AST) -> str:
    """`a.b.c` for names and attributes of names; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := written(node.value)):
        return f"{before}.{node.attr}"
    return ""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
