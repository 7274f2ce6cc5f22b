"""Real SEV-SNP reports as evidence, with AMD's certificates."""

from datetime import UTC, datetime, timedelta

from cleanroom.attestation.binding import binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.policy import SevSnpPolicy
from tests.support.vectors import Case, Prepared, content

NO_FLOORS = {
    "Milan": {"bl": 0, "tee": 0, "snp": 0, "ucode": 0},
    "Genoa": {"bl": 0, "tee": 0, "snp": 0, "ucode": 0},
    "Turin": {"fmc": 0, "bl": 0, "tee": 0, "snp": 0, "ucode": 0},
}
"""Floors that accept every firmware which is not publicly broken."""


def evidence_of(case: Case, product: str | None = None) -> Evidence:
    """A case's report with its leaf and the chain of a product, by default its own."""
    chain = f"snp/trustee__{product or case['product']}_ask_ark_asvk.pem"
    endorsements = [content(name) for name in (case["endorsement"], chain)]
    return Evidence(platform="sev-snp", report=content(case["report"]), endorsements=endorsements)


def days_of(case: Case) -> list[datetime]:
    """From when to when the leaf is valid."""
    return [
        datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
        for day in case["cert_validity"].split("..")
    ]


def policy_of(case: Case, **changed: object) -> SevSnpPolicy:
    """The default policy for a case's measurement, with some fields changed."""
    plain: dict[str, object] = {
        "platform": "sev-snp",
        "products": ["Genoa", "Turin"],
        "measurements": [case["measurement"]],
        "host_data": "any",
        "min_tcb": {name: NO_FLOORS[name] for name in ("Genoa", "Turin")},
    }
    return SevSnpPolicy.from_plain(plain | changed)


def prepare(case: Case) -> Prepared:
    """A case of vendor `snp`."""
    return Prepared(
        evidence=evidence_of(case),
        binding=binding_of(bytes.fromhex(case["report_data"])),
        now=days_of(case)[0] + timedelta(days=2),
        policy=policy_of(case),
    )
