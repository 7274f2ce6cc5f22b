"""Every notebook runs from its first cell to its last, and tells the truth."""

import json
import re
import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
CELL_TIMEOUT_S = 240
"""No cell takes longer; forming a cluster on a busy machine takes a while, in seconds."""
REMOVED_BY_GITHUB = re.compile(r"<(?:style|script)|\b(?:style|class|onclick)=")
"""What GitHub takes out of a notebook's HTML."""


def name_of(path):
    return path.stem


def executed(source, directory):
    """The notebook after a run in a copy of its surroundings."""
    for needed in ("manifests/examples", "docs/spec"):
        shutil.copytree(ROOT / needed, directory / needed)
    place = directory / "notebooks"
    place.mkdir()
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    resources = {"metadata": {"path": str(place)}}
    NotebookClient(
        notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources=resources
    ).execute()
    return notebook


def outputs(notebook, kind="text/plain"):
    """Every output of one kind, in order; streams count as plain text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and kind == "text/plain":
                yield output.text
            elif "data" in output and kind in output.data:
                yield output.data[kind]


def number_behind(words, text):
    return int(re.search(rf"{words} ([\d,]+)", text)[1].replace(",", ""))


def test_there_are_notebooks():
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_a_notebook_and_its_source_say_the_same(source):
    written = jupytext.read(source)
    paired = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert [(cell.cell_type, cell.source) for cell in paired.cells] == [
        (cell.cell_type, cell.source) for cell in written.cells
    ]


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_a_notebook_is_kept_without_outputs(source):
    plain = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in plain["cells"] if cell["cell_type"] == "code"]
    assert code
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []


@pytest.mark.notebook
def test_the_overlap_notebook_counts_the_people_that_were_planted(tmp_path):
    notebook = executed(ROOT / "notebooks" / "01_overlap.py", tmp_path)
    told = "\n".join(outputs(notebook))
    truth = number_behind("the truth, which nobody but this notebook knows:", told)
    counted = number_behind("the room says", told)
    assert truth == 1_234
    assert counted == (truth + 5) // 10 * 10
    assert f"{truth:,} rows with columns ['left.email'" in told
    assert "every row is one of the planted people: True" in told
    assert "SIMULATED" in told
    assert re.search(r"without the simulated root: not proven: \w+", told)
    assert re.search(r"with it: proven, run r-[0-9a-f]{16} was simulated", told)
    assert "CR-6001" in told
    lines = [line for line in outputs(notebook, "text/html") if "released after" in line]
    assert [re.sub(r"\d+ s$", "n s", line) for line in lines] == [
        "✅ overlap released after n s",
        "✅ matches released after n s",
    ]
    assert sum(1 for _ in outputs(notebook, "image/svg+xml")) == 2
    assert [html for html in outputs(notebook, "text/html") if REMOVED_BY_GITHUB.search(html)] == []


@pytest.mark.notebook
def test_the_training_notebook_predicts_better_together_than_alone(tmp_path):
    notebook = executed(ROOT / "notebooks" / "02_joint_training.py", tmp_path)
    told = "\n".join(outputs(notebook))
    alone, together = re.search(r"curve: (0\.\d+) alone, (0\.\d+) together", told).groups()
    assert float(alone) < 0.86 <= float(together)
    assert "both were told the same: True" in told
    assert re.search(r"default with probability 0\.[5-9]", told)
    assert "the model leaves without noise" in told
    assert "SIMULATED" in told
    assert "fair, lawful or fit for any purpose" in told
    assert re.search(r"ModelCard\(r-\w+ of .credit_model., simulated\)", told)
    assert "Model(gbdt, classification of 'left.defaulted' from 10 features)" in told
    assert "CR-" in told
    assert re.search(r"KeptModel\('credit_model.model' by r-\w+: sealed in the room, used by", told)
    assert "CR-5005 the model 'credit_model.model' of run" in told
    assert "scores, the same as of the model that left: True" in told
    assert sum(1 for _ in outputs(notebook, "image/svg+xml")) == 4
    assert [html for html in outputs(notebook, "text/html") if REMOVED_BY_GITHUB.search(html)] == []


@pytest.mark.notebook
def test_the_notebook_on_a_protected_model_gets_scores_and_a_budget(tmp_path):
    notebook = executed(ROOT / "notebooks" / "03_protected_model.py", tmp_path)
    told = "\n".join(outputs(notebook))
    assert "CR-4006 the file looks like a pickle" in told
    assert "the same as XGBoost on the plain rows: True" in told
    assert "in the hospital's order: True" in told
    assert "CR-5002 max_rows_per_submitter of 'risk' leaves 'hospital' 0 of 20000 rows" in told
    assert "the lab reads in the log: hospital had 20,000 rows scored" in told
    assert "a model can be copied from enough of its answers" in told
    assert re.search(r"'auc': 0\.[78]\d", told)
    assert "SIMULATED" in told
    assert [html for html in outputs(notebook, "text/html") if REMOVED_BY_GITHUB.search(html)] == []
