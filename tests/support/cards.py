"""Results of one training as a party holds them, without a room: for cards and pictures."""

import html.parser
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cleanroom.client.receipts import Receipt
from cleanroom.client.results import Result
from cleanroom.encoding import content_digest
from cleanroom.ledger.entry import OutputRecord
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.predicate import InputPart
from cleanroom.protocol.run import Delivery
from tests.support.manifests import good_manifest
from tests.support.receipts import RUN, Draft, replaced, written_policy

MAIL = {"name": "email", "type": "string", "role": "identity", "normalise": "email"}
MATCHES = "computations__matches"
BOTH = "bank, shop"
TABLES = {
    "quality": pa.table(
        {
            "owners": [BOTH, BOTH, "bank", "shop"],
            "metric": ["auc", "accuracy", "auc", "auc"],
            "value": [0.9, 0.8, 0.7, None],
        }
    ),
    "curves": pa.table(
        {
            "owners": [BOTH, BOTH],
            "class": ["true", "true"],
            "share": [0.5, 1.0],
            "tpr": [0.8, 1.0],
            "fpr": [0.2, 1.0],
            "said": [0.9, 0.1],
            "found": [0.8, 0.2],
        }
    ),
    "importance": pa.table(
        {"owner": ["bank", "shop"], "column": ["left.income", "right.payment"], "share": [0.6, 0.4]}
    ),
    "model": pa.table({"description": ["{}"], "booster": pa.array([b"ubj"], pa.large_binary())}),
}
KINDS = {
    "quality": {"kind": "metrics", "compare": "alone"},
    "curves": {"kind": "evaluation"},
    "importance": {"kind": "importance"},
    "model": {"kind": "model"},
}


def training_changes(
    outputs: dict[str, Any] | None = None, values: Sequence[str] = ("card", "cash"), **how: Any
) -> dict[str, Any]:
    """Changes to the good manifest that make `matches` a training.

    Args:
        outputs: plain; by default one of each kind, for the bank.
        values: those of the feature `payment`.
        how: further fields of the computation.
    """
    training = {
        "op": "train.gbdt",
        "task": "classification",
        "on": ["email"],
        "inputs": {
            "left": {"dataset": "customers", "columns": ["email", "income", "repaid"]},
            "right": {"dataset": "baskets", "columns": ["email", "payment"]},
        },
        "submitters": ["bank"],
        "workers": {"role": "cpu"},
        "limits": {"max_runs": 5},
        "parameters": {
            "rounds": {"min": 1, "max": 1000, "default": 20},
            "max_depth": {"min": 1, "max": 12, "default": 4},
        },
        "outputs": outputs
        or {name: {**kind, "recipients": ["bank"]} for name, kind in KINDS.items()},
        **how,
    }
    return {
        "datasets__customers__columns": [
            MAIL,
            {"name": "income", "type": "int64", "role": "feature", "bounds": ["0", "500000"]},
            {"name": "repaid", "type": "bool", "role": "label"},
        ],
        "datasets__baskets__columns": [
            MAIL,
            {"name": "payment", "type": "string", "role": "feature", "values": sorted(values)},
        ],
        MATCHES: training,
    }


def trained_manifest(values: Sequence[str] = ("card", "cash"), **changes: Any) -> Manifest:
    """A manifest whose computation `matches` is a training; `values` are those of a feature."""
    return good_manifest(written_policy(), **{**training_changes(values=values), **changes})


def trained_results(
    manifest: Manifest | None = None, withheld: Sequence[str] = (), **predicate: Any
) -> list[Result]:
    """The bank's results of one run, with a receipt that verifies."""
    manifest = trained_manifest() if manifest is None else manifest
    outputs = [_record(name, suppressed=name in withheld) for name in TABLES]
    computation = manifest.computations["matches"]
    inputs = {
        name: InputPart(
            dataset=read.dataset,
            owner=manifest.datasets[read.dataset].owner,
            version=content_digest(name.encode()),
            columns=read.columns,
        )
        for name, read in computation.inputs.items()
    }
    said = {
        "computation": "matches",
        "parameters": {"rounds": 40, "max_depth": 4},
        "inputs": inputs,
        "outputs": outputs,
        "runs_allowed": 5,
        **predicate,
    }
    draft = Draft(manifest=manifest, change_predicate=replaced(**said))
    receipt = Receipt(draft.receipt(), allow_simulated=True)
    return [
        Result(
            TABLES[record.output].slice(0, 0 if record.suppressed else None),
            Delivery(run=RUN, output=record, sealed_key=b"sealed"),
            receipt,
        )
        for record in outputs
    ]


def _record(output: str, *, suppressed: bool) -> OutputRecord:
    return OutputRecord(
        output=output,
        recipient="bank",
        digest=content_digest(output.encode()),
        size=1,
        suppressed=suppressed,
    )


class Page(html.parser.HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def written(table: pa.Table) -> bytes:
    """A table as a worker writes it."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
    )
    return bytes(sink.getvalue())
