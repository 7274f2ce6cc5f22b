"""The claims that an authentic SEV-SNP report gives, whatever stands around the report."""

from typing import Literal, TypedDict

from cleanroom.attestation.claims.revocation import RevocationStatus
from cleanroom.attestation.formats import snp
from cleanroom.attestation.formats.bits import set_bits, unnamed_bits
from cleanroom.attestation.policy import Product
from cleanroom.attestation.silicon.sev_snp import AuthenticReport
from cleanroom.encoding import Digest


class SnpReportClaims(TypedDict):
    """The fields of `claims.snp.SnpClaims` that come from the report."""

    anchor: Digest
    product: Product
    report_version: int
    measurement: str
    host_data: str
    tcb: dict[Literal["reported", "committed", "launch", "current"], dict[str, int]]
    guest_svn: int
    guest_policy: dict[str, bool]
    guest_policy_word: str
    platform_info: dict[str, bool]
    platform_info_unknown: list[int]
    vmpl: int
    chip_id: str
    signing_key: Literal["vcek", "vlek"]
    csp_id: str
    id_key_digest: str
    author_key_digest: str
    family_id: str
    image_id: str
    launch_mitigations: str
    current_mitigations: str
    revocation: RevocationStatus | None


def report_claims(authentic: AuthenticReport) -> SnpReportClaims:
    """What the report says, in words and hexadecimal."""
    octets, numbers = authentic.report.fields.octets, authentic.report.fields.numbers
    product = authentic.product
    return SnpReportClaims(
        anchor=authentic.chain.root.fingerprint,
        product=product,
        report_version=authentic.report.version,
        measurement=octets["measurement"].hex(),
        host_data=octets["host_data"].hex(),
        tcb={
            "reported": snp.read_tcb(octets["reported_tcb"], product),
            "committed": snp.read_tcb(octets["committed_tcb"], product),
            "launch": snp.read_tcb(octets["launch_tcb"], product),
            "current": snp.read_tcb(octets["current_tcb"], product),
        },
        guest_svn=numbers["guest_svn"],
        guest_policy=set_bits(numbers["policy"], snp.GUEST_POLICY_BITS),
        guest_policy_word=hex(numbers["policy"]),
        platform_info=set_bits(numbers["platform_info"], snp.PLATFORM_BITS),
        platform_info_unknown=unnamed_bits(numbers["platform_info"], snp.PLATFORM_BITS),
        vmpl=numbers["vmpl"],
        chip_id=octets["chip_id"].hex(),
        signing_key=authentic.report.signing_key,
        csp_id=authentic.csp_id,
        id_key_digest=octets["id_key_digest"].hex(),
        author_key_digest=octets["author_key_digest"].hex(),
        family_id=octets["family_id"].hex(),
        image_id=octets["image_id"].hex(),
        launch_mitigations=hex(numbers.get("launch_mit_vector", 0)),
        current_mitigations=hex(numbers.get("current_mit_vector", 0)),
        revocation=_revocation(authentic),
    )


def _revocation(authentic: AuthenticReport) -> RevocationStatus | None:
    newest = authentic.newest_list
    if newest is None:
        return None
    issuer = authentic.chain.root.common_name
    return RevocationStatus(issuer=issuer, issued_at=newest.start, until=newest.end)
