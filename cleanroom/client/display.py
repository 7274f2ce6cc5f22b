"""How objects show themselves: aligned text in a terminal, a plain `<table>` in a notebook.

No style and no script: what GitHub and every notebook keep when they sanitise.
"""

from collections.abc import Sequence
from html import escape

Rows = Sequence[Sequence[str]]
"""Lines of texts; each as long as the headings."""
YES, NO = "✅", "❌"


def mark(*, passed: bool) -> str:
    """A tick or a cross."""
    return YES if passed else NO


def counted(number: int, one: str, more: str = "") -> str:
    """Such as `1 row` and `1,000 rows`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def text_table(title: str, headings: Sequence[str], rows: Rows) -> str:
    """Aligned columns under a title."""
    lines = [list(headings), *(list(row) for row in rows)] if rows else []
    widths = (
        [max(len(line[place]) for line in lines) for place in range(len(headings))] if rows else []
    )
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([title, *(f"  {line}" for line in shown)])


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
