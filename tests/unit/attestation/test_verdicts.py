"""The page of verdicts says what this verifier says today."""

from docs.generate_attestation import PAGE, page
from tests.support.vectors import cases, needs_vectors
from tests.support.verdicts import VERDICTS


@needs_vectors
def test_page_of_verdicts_is_fresh():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make generate`"


@needs_vectors
def test_every_case_of_a_judged_vendor_is_on_the_page():
    written = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{case['id']}` |" in written for case in cases(*VERDICTS))


@needs_vectors
def test_expected_acceptance_and_refusal_are_ours():
    """Where the index says plainly `accept` or `reject`, default policy included, so do we."""
    for case in cases("tdx", "snp"):
        verdict = VERDICTS[case["vendor"]](case)
        if case["verdict"] == "accept":
            assert verdict.verification.startswith("accept"), case["id"]
        if case["verdict"] in {"reject", "reject by default"}:
            assert "reject" in verdict.verification + verdict.default_policy, case["id"]
