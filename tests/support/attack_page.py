"""Draws the page about attacks from the tables of mutants and the files of stories.

python -m tests.support.attack_page writes `docs/attacks.md`.
"""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.support.breaches import Mutant
from tests.support.source_tree import ROOT

PAGE = ROOT / "docs" / "attacks.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
OPENING = """# Attacks

Every attack is a test in `tests/attacks/`, told as a story and tried against the real thing: real
signatures, real evidence of a simulated machine, a real coordinator over TLS. A test of a defence
is worth something only if it fails without that defence. So each important check is taken away
once, a *mutant*, and its story must fail, because the attack then succeeds. Where a second defence
still stands in the way, the mutant names the error of that one: depth is written down, and when it
is lost, a test says so.

Further mutants stand beside their stories: in `tests/attacks/test_output_leaks_neighbours.py`,
`tests/attacks/test_output_padding.py`, `tests/attacks/test_output_pseudonyms.py` and
`tests/cluster/test_mutants_gang.py`.

The tables are drawn by `python -m tests.support.attack_page`; `test_mutants_page.py` compares them.
"""


def modules() -> list[str]:
    """Test files that hold tables of mutants."""
    found = {path.stem for path in (ROOT / "tests" / "attacks").glob("test_*mutants*.py")}
    return sorted(found - {"test_mutants_page"})


def mutants_of(module: str) -> Iterator[Mutant]:
    """Every mutant in the tables of a test file."""
    for value in vars(importlib.import_module(f"tests.attacks.{module}")).values():
        if isinstance(value, list):
            yield from (one for one in value if isinstance(one, Mutant))


def tables() -> str:
    """The part of the page that is drawn from tables of mutants."""
    parts = []
    for module in modules():
        title = first_sentence(ROOT / "tests" / "attacks" / f"{module}.py")
        rows = sorted({row(mutant) for mutant in mutants_of(module)})
        head = "| attack | story | check taken away | then |\n| --- | --- | --- | --- |"
        parts.append(f"### `{module}.py`\n\n{title}\n\n{head}\n" + "\n".join(rows))
    return "\n\n".join(parts)


def row(mutant: Mutant) -> str:
    """One mutant: the attack, where its story is, the check, and what happens without it."""
    name = mutant.story.__name__
    attack = name.removeprefix("test_").replace("_", " ")
    told = ", ".join(f"{what} {value!r}" for what, value in mutant.given.items() if short(value))
    then = f"stopped by `{mutant.second}`" if mutant.second else "it succeeds"
    where = mutant.story.__module__.rpartition(".")[2]
    case = f" ({told})" if told else ""
    return f"| {attack}{case} | `{where}` | `{mutant.check.replace(':', '.')}` | {then} |"


def short(value: object) -> bool:
    """Whether a case's value says something to a reader."""
    return isinstance(value, str) and len(value) < 20


def files() -> str:
    """Every file of stories with its first sentence."""
    places = [*sorted((ROOT / "tests" / "attacks").glob("test_*.py"))]
    places += sorted((ROOT / "tests" / "cluster").glob("test_*.py"))
    lines = []
    for path in places:
        if path.parent.name == "attacks" and path.stem in {*modules(), "test_mutants_page"}:
            continue
        sentence = first_sentence(path)
        lines.append(f"- `{path.relative_to(ROOT)}`: {sentence}")
    return "\n".join(lines)


def first_sentence(path: Path) -> str:
    """What a test file says it is about."""
    about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(about.split("\n\n")[0].split())


def page() -> str:
    """The whole page."""
    return f"{OPENING}\n## Stories\n\n{files()}\n\n## Mutants\n\n{BEGIN}\n{tables()}\n{END}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
