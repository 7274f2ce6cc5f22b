"""`cleanroom data check` judges a model's file as the room will."""

import json
import pickle

import pytest

from cleanroom.cli.main import run
from cleanroom.manifest.author import manifest_text
from cleanroom.manifest.model import Manifest
from tests.support.predictions import prediction_plain, ubj


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A directory with a manifest that has a model, which is where commands run."""
    monkeypatch.chdir(tmp_path)
    manifest = Manifest.from_plain(prediction_plain())
    (tmp_path / "cleanroom.yaml").write_text(manifest_text(manifest))
    return tmp_path


def test_a_model_that_fits_is_told_with_its_size(desk, capsys):
    (desk / "model.ubj").write_bytes(ubj())
    assert run(["data", "check", "scorer", "model.ubj"]) == 0
    said = capsys.readouterr()
    assert "scorer: xgboost-ubj" in said.out
    assert "12 trees" in said.out


def test_a_model_is_told_as_json(desk, capsys):
    (desk / "model.ubj").write_bytes(ubj())
    assert run(["data", "check", "scorer", "model.ubj", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["trees"] == 12


def test_a_pickle_is_named_and_refused(desk, capsys):
    (desk / "model.pkl").write_bytes(pickle.dumps({"model": 1}))
    assert run(["data", "check", "scorer", "model.pkl"]) == 3
    said = capsys.readouterr().err
    assert "error[CR-4006]: the file looks like a pickle, which runs code" in said
    assert "expected UBJ" in said
