"""Real evidence of confidential guests on Azure, as other verifiers keep it.

Their nonces are not SHA-256 of a binding, so `verify` refuses all of them: what is said about them
is what the platform's own steps say.
"""

import base64
import json
from datetime import UTC, datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import AzureSnpClaims, AzureTdxClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.tpm_parts import AzureParts, Quotation
from cleanroom.attestation.platforms import azure_snp, azure_tdx
from cleanroom.attestation.policy import AzureSnpPolicy, AzureTdxPolicy
from tests.support.vectors import VECTORS, Case
from tests.support.vectors_dcap import collateral_of

NOW = datetime(2025, 6, 20, tzinfo=UTC)
"""Inside the validity of every VCEK here, and when Intel's collateral was in force."""
INTEL_COLLATERAL = "tdx/bundles/collateral_00806f050000_2025-06.json"
NO_FLOORS = {
    "Genoa": {"bl": 0, "tee": 0, "snp": 0, "ucode": 0},
    "Turin": {"fmc": 0, "bl": 0, "tee": 0, "snp": 0, "ucode": 0},
}
AzureClaims = AzureSnpClaims | AzureTdxClaims


def from_base64url(text: str) -> bytes:
    """Bytes, with or without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def octets(value: list[int] | str) -> bytes:
    """Bytes as a list of numbers or as hex."""
    return bytes(value) if isinstance(value, list) else bytes.fromhex(value)


def quotation_of(quote: dict) -> Quotation:
    """A quote whose signature is kept without its scheme."""
    rsassa_sha256 = bytes.fromhex("0014000b0100")
    return Quotation(
        message=octets(quote["message"]),
        signature=rsassa_sha256 + octets(quote["signature"]),
        pcrs={str(index): octets(value).hex() for index, value in enumerate(quote["pcrs"])},
    )


def evidence_of(case: Case) -> Evidence:
    """The case as evidence."""
    sample = json.loads((VECTORS / case["evidence"]).read_text())
    sample = sample.get("evidence", sample)
    hcl = bytes(sample["report"]) if "report" in sample else from_base64url(sample["hcl_report"])
    quote = from_base64url(sample["td_quote"]) if "td_quote" in sample else None
    parts = AzureParts(
        hcl_report=hcl,
        quotation=quotation_of(sample.get("tpm_quote") or sample["quote"]),
        td_quote=quote,
    )
    if quote is not None:
        return Evidence(platform="azure-tdx", report=parts.to_bytes(), endorsements=[])
    vcek = sample["vcek"]
    leaf = vcek.encode() if vcek.startswith("-----BEGIN") else from_base64url(vcek)
    chain = (VECTORS / "snp/trustee__milan_ask_ark_asvk.pem").read_bytes()
    return Evidence(platform="azure-snp", report=parts.to_bytes(), endorsements=[leaf, chain])


def authenticated(case: Case) -> AzureClaims:
    """The claims in a case."""
    evidence = evidence_of(case)
    platform = azure_tdx if evidence.platform == "azure-tdx" else azure_snp
    collateral = Collateral(intel=collateral_of(INTEL_COLLATERAL))
    return platform.authenticate(evidence, anchors=Anchors.vendor(), collateral=collateral, now=NOW)


def policy_of(case: Case) -> AzureSnpPolicy | AzureTdxPolicy:
    """What pins a case and leaves everything else at its default."""
    return policy_for(authenticated(case))


def policy_for(claims: AzureClaims, **changed: object) -> AzureSnpPolicy | AzureTdxPolicy:
    """The same for its claims, with some fields changed."""
    common = {
        "platform": claims.platform,
        "boot": {"pcrs": {"4": [claims.boot.pcrs["4"]], "7": [claims.boot.pcrs["7"]]}},
        "host_data": "any",
    }
    if claims.platform == "azure-tdx":
        tdx = {
            "measurements": [claims.measurement],
            "min_tcb_evaluation_number": 0,
        }
        return AzureTdxPolicy.from_plain(common | tdx | changed)
    snp = {
        "products": ["Genoa", "Turin"],
        "min_tcb": NO_FLOORS,
        "measurements": "any",
        "paravisor_keys": [claims.id_key_digest],
        "min_paravisor_svn": 10,
    }
    return AzureSnpPolicy.from_plain(common | snp | changed)
