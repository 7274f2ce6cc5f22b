"""How objects show themselves: aligned text in a terminal, a plain `<table>` in a notebook.

No style and no script: what GitHub and every notebook keep when they sanitise.
"""

from collections.abc import Sequence
from html import escape

from cleanroom.legible import legible

Rows = Sequence[Sequence[str]]
"""Lines of texts; each as long as the headings."""
YES, NO = "✅", "❌"


def mark(*, passed: bool) -> str:
    """A tick or a cross."""
    return YES if passed else NO


def counted(number: int, one: str, more: str = "") -> str:
    """Such as `1 row` and `1,000 rows`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def aligned(lines: Sequence[Sequence[object]], *, ruled: bool = False) -> list[str]:
    """Columns of text, aligned by blanks; survives pipes, mail and logs, whatever the cells hold.

    Args:
        lines: of cells; the first are the headings.
        ruled: whether a rule stands below the first.
    """
    cells = [[legible(str(cell)) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if ruled:
        cells.insert(1, ["-" * width for width in widths])
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def text_table(title: str, headings: Sequence[str], rows: Rows) -> str:
    """Aligned columns under a title."""
    lines = aligned([headings, *rows]) if rows else []
    return "\n".join([title, *(f"  {line}" for line in lines)])


def html_table(title: str, headings: Sequence[str], rows: Rows) -> str:
    """The same as a table with a caption; every text is escaped."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{escape(title)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def mimebundle(title: str, headings: Sequence[str], rows: Rows) -> dict[str, str]:
    """Both, as IPython's `_repr_mimebundle_` wants them."""
    return {
        "text/plain": text_table(title, headings, rows),
        "text/html": html_table(title, headings, rows),
    }
