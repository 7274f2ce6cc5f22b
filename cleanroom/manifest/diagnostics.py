"""Problems shown on the author's text, in the manner of rustc: line, caret, hint.

Pure text without colour; a terminal may add it.
"""

import re
from collections.abc import Sequence

from cleanroom.errors import Problem

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[^\s,\[\]{}:#]+(?::[^\s,\[\]{}:#]+)*|\S')
WIDEST_LINE = 100
"""Longer lines (public keys) are cut around the fault; in characters."""


def render(problems: Sequence[Problem], text: str, name: str, *, code: str = "CR-1003") -> str:
    """Show each problem at its place in `text`, in the order of the text.

    Args:
        problems: with or without a place.
        text: the author's file.
        name: what to call it, such as `cleanroom.yaml`.
        code: the code of the error that carries the problems.
    """
    lines = text.splitlines()
    ordered = sorted(problems, key=lambda problem: (problem.line, problem.column))
    blocks = [_block(problem, lines, name, code) for problem in ordered]
    count = f"{len(ordered)} problem{'' if len(ordered) == 1 else 's'} in {name}"
    return "\n\n".join([*blocks, count]) + "\n"


def _block(problem: Problem, lines: Sequence[str], name: str, code: str) -> str:
    shown = [f"error[{code}]: {problem.message}"]
    if 0 < problem.line <= len(lines):
        shown += _excerpt(lines[problem.line - 1], problem, name)
    elif problem.where:
        shown.append(f"  --> {name}: {problem.where}")
    if problem.hint:
        shown.append(f"{' ' * len(str(problem.line))} = help: {problem.hint}")
    return "\n".join(shown)


def _excerpt(line: str, problem: Problem, name: str) -> list[str]:
    number = str(problem.line)
    margin = " " * len(number)
    start = problem.column - 1
    token = _TOKEN.match(line, start)
    width = len(token.group()) if token else 1
    cut = max(0, start - WIDEST_LINE // 2)
    shown = line[cut : cut + WIDEST_LINE]
    carets = "^" * max(1, min(width, len(shown) - (start - cut)))
    return [
        f"{margin}--> {name}:{problem.line}:{problem.column}",
        f"{margin} |",
        f"{number} | {shown}",
        f"{margin} | {' ' * (start - cut)}{carets}",
    ]
