"""The same real quotes before another verifier (dcap-qvl), where it is installed."""

import json

import pytest

from cleanroom.errors import CleanroomError
from tests.support.vectors import VECTORS, cases, content, ids, needs_vectors
from tests.support.vectors_dcap import prepare

oracle = pytest.importorskip(
    "dcap_qvl", reason="dcap-qvl, which is only compared with, is not installed"
)
pytestmark = needs_vectors

REFUSED_BY_POLICY = {"tdx-v4-azure", "tdx-v4-debug-td"}
"""The other verifier refuses these attributes itself; here the default policy does."""
WITH_COLLATERAL = [case for case in cases("tdx", "sgx") if case["collateral"]]


def verdict_of_the_oracle(case):
    kept = json.loads((VECTORS / case["collateral"]).read_text())
    collateral = oracle.QuoteCollateralV3.from_json(json.dumps(kept))
    moment = int(prepare(case).now.timestamp())
    try:
        return oracle.verify(content(case["quote"]), collateral, moment).status
    except ValueError:
        return "refused"


def our_verdict(case):
    try:
        return prepare(case).verified().host.tcb_status
    except CleanroomError:
        return "refused"


@pytest.mark.parametrize("case", WITH_COLLATERAL, ids=ids)
def test_another_verifier_says_the_same(case):
    if case["id"] in REFUSED_BY_POLICY:
        assert verdict_of_the_oracle(case) == "refused"
        assert "tdx-attributes" in prepare(case).failing()
    else:
        assert verdict_of_the_oracle(case) == our_verdict(case)
