"""Our verdict on each case of the vectors, in words: what `docs/attestation.md` shows.

A platform is added by a function that says, for a case, what verification gives and which rules of
the default policy fail; `VERDICTS` is looked up by the case's vendor.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from cleanroom.attestation.binding import BINDING_LENGTH
from cleanroom.attestation.claims import AnyClaims
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.table import compare
from cleanroom.errors import CleanroomError
from tests.support import (
    vectors_azure,
    vectors_cca,
    vectors_dcap,
    vectors_nitro,
    vectors_nvidia,
    vectors_snp,
    vectors_tpm,
)
from tests.support.vectors import GENESIS, Case, Prepared, case_named, cases, content


class Verdict(NamedTuple):
    """What this verifier says about a case."""

    verification: str
    """`accept` with what matters most, or why not."""
    default_policy: str
    """`accept`, the codes of the rules that fail, or nothing where there are no claims."""


def of_prepared(prepared: Prepared) -> Verdict:
    """The verdict on a case that is ready to be verified."""
    try:
        claims = prepared.verified()
    except CleanroomError as refused:
        return Verdict(f"reject: {refused.message}", "")
    host = getattr(claims, "host", None)
    status = "" if host is None else f", {host.tcb_status}"
    failing = ", ".join(f"`{code}`" for code in sorted(prepared.failing()))
    return Verdict(f"accept{status}", f"reject: {failing}" if failing else "accept")


def of_snp(case: Case) -> Verdict:
    """A SEV-SNP report."""
    return of_prepared(vectors_snp.prepare(case))


def of_quote(case: Case) -> Verdict:
    """A TDX or SGX quote."""
    return of_prepared(vectors_dcap.prepare(case))


def of_event_log(case: Case) -> Verdict:
    """An event log, with the quote whose registers it explains."""
    (quoted,) = (one for one in cases("tdx") if one["quote"] == case["quote"])
    prepared = vectors_dcap.prepare(case_named(quoted["id"]))
    logged = prepared.evidence.model_copy(update={"event_log": content(case["log"])})
    verdict = of_prepared(replace(prepared, evidence=logged))
    return verdict._replace(verification=f"{verdict.verification}, the log explains the registers")


def of_nitro(case: Case) -> Verdict:
    """A Nitro document; most are bound to something else than the 64 bytes that `verify` expects."""
    size = len(case["user_data"]) // 2
    bound = "" if size == BINDING_LENGTH else f"; its user data, {size} bytes, are no binding"
    authenticated, policy = vectors_nitro.authenticated, vectors_nitro.policy_of
    return _unbound(case, authenticated, policy, bound)


def of_cca(case: Case) -> Verdict:
    """A CCA token under a key that is public, so as simulated evidence."""
    authenticated, policy = vectors_cca.authenticated, vectors_cca.policy_of
    return _unbound(case, authenticated, policy, " as simulated")


def of_azure(case: Case) -> Verdict:
    """A guest on Azure, whose vTPM quoted somebody else's nonce."""
    nonce = len(vectors_azure.authenticated(case).report_data) // 2
    note = f"; its nonce, {nonce} bytes, is no binding"
    return _unbound(case, vectors_azure.authenticated, vectors_azure.policy_of, note)


def of_tpm(case: Case) -> Verdict:
    """A TPM whose key is registered for the occasion, and which quoted somebody else's nonce."""
    note = " (SHA-256 and SHA-384; SHA-1 is refused), the log explains PCR 0 to 7; its nonce is no "
    return _unbound(case, vectors_tpm.authenticated, vectors_tpm.policy_of, f"{note}binding")


def of_nvidia(case: Case) -> Verdict:
    """GPUs or switches, each verified alone: no machine is here whose evidence names them."""
    try:
        claims = [vectors_nvidia.authenticated(one) for one in vectors_nvidia.evidence_of(case)]
    except CleanroomError as refused:
        return Verdict(f"reject: {refused.message}", "")
    cut = ", its trailing byte cut" if case["id"] in vectors_nvidia.TRAILING_ZERO else ""
    asked = "; OCSP is not asked" if "OCSP" in case["verdict"] else ""
    devices = "1 device" if len(claims) == 1 else f"{len(claims)} devices"
    codes = sorted({code for one in claims for code in vectors_nvidia.failing(one)})
    failing = ", ".join(f"`{code}`" for code in codes)
    return Verdict(f"accept: {devices}{cut}{asked}", f"reject: {failing}" if failing else "accept")


def _unbound(
    case: Case,
    authenticated: Callable[[Case], AnyClaims],
    policy_of: Callable[[Case], AppraisalPolicy],
    note: str,
) -> Verdict:
    try:
        claims = authenticated(case)
    except CleanroomError as refused:
        return Verdict(f"reject: {refused.message}", "")
    findings = compare(claims, policy_of(case), GENESIS)
    failing = ", ".join(f"`{code}`" for code in sorted({f.code for f in findings if not f.passed}))
    return Verdict(f"accept{note}", f"reject: {failing}" if failing else "accept")


VERDICTS: Mapping[str, Callable[[Case], Verdict]] = {
    "snp": of_snp,
    "tdx": of_quote,
    "sgx": of_quote,
    "eventlog": of_event_log,
    "nitro": of_nitro,
    "cca": of_cca,
    "azure-vtpm": of_azure,
    "tpm": of_tpm,
    "nvidia": of_nvidia,
}
"""How to judge a case, by the vendor that `index.json` names."""
