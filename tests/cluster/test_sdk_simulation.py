"""`cr.simulate`: the same API for every party, on this machine, and loudly labelled."""

from contextlib import ExitStack

import pytest

import cleanroom as cr
from cleanroom.client import simulation
from cleanroom.client.simulation import SimulationWarning
from cleanroom.errors import MachineUnfit, Usage
from tests.support.manifests import good_manifest
from tests.support.workers import baskets, customers


@pytest.mark.cluster
def test_both_parties_meet_in_a_simulated_room(tmp_path):
    manifest = good_manifest(computations__overlap__workers__count=1)
    with ExitStack() as stack:
        with pytest.warns(SimulationWarning, match="SIMULATED"):
            rooms = stack.enter_context(cr.simulate(manifest, workers=1))
        bank, shop = rooms["bank"], rooms["shop"]
        bank.add("customers", customers(0, 1000))
        shop.add("baskets", baskets(500, 1000))
        run = bank.run("overlap")
        mine = run.result(timeout=120)
        theirs = shop.run_by_id(run.id).result()
        own = bank.manifest
    assert mine.table.to_pydict() == {"overlap": [500]} == theirs.table.to_pydict()
    assert own.metadata.mode == "development"
    receipt = mine.receipt.save(tmp_path / "receipt.json")
    assert cr.verify_receipt(receipt, own, allow_simulated=True).predicate.run == run.id


def test_a_machine_without_the_enclave_says_what_to_install(monkeypatch):
    monkeypatch.setattr(simulation, "NEEDED", ("no_such_package",))
    with (
        pytest.raises(MachineUnfit, match="no_such_package") as refused,
        cr.simulate(good_manifest()),
    ):
        pytest.fail("it started")
    assert "attested-cleanroom[enclave]" in refused.value.hint


def test_a_party_that_is_not_in_the_manifest_is_refused_before_anything_starts():
    with (
        pytest.raises(Usage, match="'mallory'"),
        cr.simulate(good_manifest(), parties=["mallory"]),
    ):
        pytest.fail("it started")
