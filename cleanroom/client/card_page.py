"""A model card as one HTML page: no script, nothing fetched, every text escaped.

The page may hold one style, named by its hash in a content security policy that forbids all else.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from cleanroom.client.card import CardPoint, ModelCard
from cleanroom.client.display import Rows, html_table
from cleanroom.encoding import instant_text

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1.5rem 0}caption,h2{font-size:1.3em;font-weight:bold;"
    "text-align:left;padding:.3em 0}"
    "th,td{border:1px solid #bbb;padding:.2rem .6rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}"
    "th{background:#eee}code{overflow-wrap:anywhere}.loud{border:2px solid #b00;padding:.5rem 1rem}"
)
SIDE = 240
"""Width and height of the picture of ROC, in pixels."""
COLOURS = ("#06c", "#c50", "#080", "#90c", "#777")


def page(card: ModelCard) -> str:
    """The whole page."""
    hashed = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    title = escape(f"Model card: {card.computation} of {card.room}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>\n"
        + "\n".join(_sections(card))
        + "\n</body></html>\n"
    )


def _sections(card: ModelCard) -> Iterator[str]:
    if card.receipt.assurance == "simulated":
        yield '<p class="loud">The machines were simulated: this proves nothing about hardware.</p>'
    yield _pairs("What it is", _about(card))
    yield _table("Who brought what", ("input", "dataset", "owner", "version"), _inputs(card))
    yield _table(
        "Columns", ("owner", "input", "column", "role", "type", "declared values"), _columns(card)
    )
    yield _pairs("What all parties signed", card.settings)
    parameters = {name: str(value) for name, value in card.parameters.items()}
    yield _pairs(f"What {card.submitter} chose", parameters)
    yield _table("On units not learned from", ("features of", "metric", "value"), _metrics(card))
    if any(point.tpr is not None for point in card.points):
        yield _section("ROC", _roc(card.points))
    shares = [(one.owner, one.column, f"{one.share:.1%}") for one in card.importance]
    yield _table("Importance", ("owner", "column", "share"), shares)
    yield _table("Who was told what", ("party", "output", "at worst", "terms"), _outputs(card))
    yield _table(
        "Privacy budgets", ("dataset", "limit", "before", "this run", "after"), _spent(card)
    )
    yield _bullets("What is not protected", card.unprotected)
    yield _bullets("What nobody proves", card.not_proven)
    yield _pairs("The receipt", _receipt(card))


def _about(card: ModelCard) -> dict[str, str]:
    told = {
        "purpose": card.purpose,
        "operation": card.operation,
        "run": card.run,
        "submitted by": card.submitter,
        "units joined on": ", ".join(card.on),
        "manifest": f"{card.manifest}, version {card.version}, {card.mode}",
        "lineage": card.lineage,
        "parties": ", ".join(f"{title} ({name})" for name, title in card.parties.items()),
        "told to": card.told_to,
    }
    if card.model is not None:
        told["model"] = f"{card.model.description} {card.model.booster or ''}"
    return told


def _inputs(card: ModelCard) -> Rows:
    return [(name, one.dataset, one.owner, one.version) for name, one in card.inputs.items()]


def _columns(card: ModelCard) -> Rows:
    return [
        (c.owner, c.input, c.column, c.role, c.type, ", ".join(c.values or c.bounds or ()))
        for c in card.columns
    ]


def _metrics(card: ModelCard) -> Rows:
    return [
        (m.owners or "all", m.metric, "not defined" if m.value is None else f"{m.value:g}")
        for m in card.metrics
    ]


def _outputs(card: ModelCard) -> Rows:
    return [
        (
            o.recipient,
            f"{o.output} ({o.kind})",
            "withheld by the gate" if o.withheld else o.words,
            ", ".join(f"{name} {value}" for name, value in o.terms.items()),
        )
        for o in card.outputs
    ]


def _spent(card: ModelCard) -> Rows:
    return [
        (
            dataset,
            *(
                f"ε {loss.epsilon}, δ {loss.delta}"
                for loss in (part.limit, part.before, part.spent, part.after)
            ),
        )
        for dataset, part in card.budgets.items()
    ]


def _receipt(card: ModelCard) -> dict[str, str]:
    proof = card.receipt
    return {
        "payload": proof.payload,
        "approvals": proof.approvals,
        "assurance": proof.assurance,
        "engine": f"{proof.engine}, {proof.workers} worker(s)",
        "submitted": instant_text(proof.submitted_at),
        "released": instant_text(proof.released_at),
        "runs used": f"{proof.runs_used} of {proof.runs_allowed}",
        "verify": f"{proof.verify}  (beside your own cleanroom.yaml; needs no network)",
    }


def _roc(points: Iterable[CardPoint]) -> str:
    """A line for each model and class, in a square from 0 to 1."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        name = f"{point.owners}: {point.class_}" if point.class_ else point.owners
        place = (point.fpr or 0.0) * SIDE, SIDE - (point.tpr or 0.0) * SIDE
        lines.setdefault(name, [(0.0, SIDE)]).append(place)
    drawn, told = [], []
    for number, (name, places) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
        told.append(f'<text x="{SIDE + 12}" y="{20 * number + 16}" fill="{colour}">')
        told.append(f"{escape(name)}</text>")
    size = f'width="{3 * SIDE}" height="{max(SIDE, 20 * len(lines)) + 8}"'
    frame = f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="#bbb"/>'
    return f'<svg role="img" {size}>{frame}{"".join((*drawn, *told))}</svg>'


def _section(heading: str, body: str) -> str:
    return f"<h2>{escape(heading)}</h2>{body}"


def _pairs(heading: str, pairs: Mapping[str, str]) -> str:
    return _table(heading, (), list(pairs.items()))


def _bullets(heading: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return _section(heading, f"<ul>{items}</ul>") if lines else ""


def _table(heading: str, headings: Sequence[str], rows: Rows) -> str:
    return html_table(heading, headings, rows) if rows else ""
