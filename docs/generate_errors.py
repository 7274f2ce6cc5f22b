"""Write `docs/errors.md` from the catalogue of errors: `python -m docs.generate_errors`.

The classes in `cleanroom/errors.py` are the source; the page is never edited by hand, and a test
compares the two.
"""

from pathlib import Path

from cleanroom.errors import CATALOGUE, CleanroomError

PAGE = Path(__file__).with_name("errors.md")
OPENING = """\
# Errors

Generated from `cleanroom/errors.py` by `make generate`; do not edit.

Every error has a code and a slug that are never given to another one. The same code is printed by
the command line, is `exc.code` in Python, and travels in gRPC's rich status. An error never
carries a secret, a row, a cell's value or a path of the host.
"""


def page() -> str:
    """The whole page: one section for each family, one entry for each error, by code."""
    return "\n".join([OPENING, *(_family(family) for family in CleanroomError.__subclasses__())])


def _family(family: type[CleanroomError]) -> str:
    members = [error for _, error in sorted(CATALOGUE.items()) if issubclass(error, family)]
    thousands = members[0].code[3]
    title = f"## {thousands}xxx: {family.__name__}"
    opening = f"{_first_line(family)} Exit status {family.exit_status}."
    return "\n".join([title, "", opening, "", *(_entry(error) for error in members)])


def _entry(error: type[CleanroomError]) -> str:
    return (
        f"### {error.code} {error.slug}\n\n"
        f"`cleanroom.errors.{error.__name__}`: {_first_line(error)}\n\n"
        f"To mend it: {error.fix}.\n"
    )


def _first_line(error: type[CleanroomError]) -> str:
    return (error.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
