"""Text that somebody else wrote, made fit for a line in a terminal: it can be read, and no more.

Without this a stranger's refusal, or a value in a partner's rows, could clear the screen and write
a verdict of its own, or turn the direction of what follows.
"""

MARK = "\ufffd"
"""Stands for a character that is none to be read."""


def legible(text: str) -> str:
    """The text in one line: blanks for white space, a mark for each other unprintable character."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else " " if each.isspace() else MARK for each in text)
