"""Write the verdicts into `docs/attestation.md`: `python -m docs.generate_attestation`.

The evidence is real, is not part of the project, and may not be here; then the page stays as it is.
"""

from pathlib import Path

from tests.support.vectors import INDEX, Case, cases
from tests.support.verdicts import VERDICTS

PAGE = Path(__file__).with_name("attestation.md")
START, END = "<!-- verdicts: generated, do not edit -->", "<!-- end of verdicts -->"
HEADING = "| case | expected | verification | default policy |\n|---|---|---|---|\n"


def page() -> str:
    """The page with fresh verdicts."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    return f"{before}{START}\n{HEADING}{_rows()}{END}{after}"


def _rows() -> str:
    return "".join(_row(case) for case in cases(*VERDICTS))


def _row(case: Case) -> str:
    verdict = VERDICTS[case["vendor"]](case)
    note = f" ({case['note']})" if case.get("note") else ""
    cells = (f"`{case['id']}`", f"{case['verdict']}{note}", *verdict)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


if __name__ == "__main__":
    if INDEX.is_file():
        PAGE.write_text(page(), encoding="utf-8")
