"""What an entry says about a SEV-SNP processor, in words; for every guest on one."""

from cleanroom.attestation.policy.snp import GuestPolicyDemands, PlatformDemands, SnpPolicy

OPEN_GUEST_BITS = {
    "smt": "sibling threads may run beside the guest: side channels between them stay open",
    "migrate_ma": "a migration agent may move the guest and read its state",
    "debug": "the host may read and write the guest's memory: nothing is confidential",
    "single_socket": "the guest may span sockets: traffic between them leaves the package",
    "cxl": "CXL devices may be attached: their memory is outside the processor",
    "aes256_xts": "memory may be encrypted with 128-bit instead of 256-bit keys",
    "rapl_dis": "the host may read power meters: PLATYPUS-like attacks stay open",
    "ciphertext_hiding": "the host sees ciphertext change: ciphertext side channels stay open",
    "page_swap_disable": "the host may move pages: Heracles-like oracles stay open",
}
"""What it means when a bit of the guest policy may be either."""
SAFE_WHEN = {
    "smt": "forbid",
    "migrate_ma": "forbid",
    "debug": "forbid",
    "single_socket": "require",
    "cxl": "forbid",
    "aes256_xts": "require",
    "rapl_dis": "require",
    "ciphertext_hiding": "require",
    "page_swap_disable": "require",
}
"""The demand that closes each bit of the guest policy."""
PROCESSOR_HINTS = {
    "assurance": "development_roots in the manifest and a simulated room belong together",
    "product": "run on a listed processor, or agree on a manifest that lists this one",
    "report-version": "update the host's firmware: old reports do not name the processor",
    "tcb": "update the host's firmware and microcode, then reboot it",
    "tcb-safe": "update the host's firmware: this version is publicly broken",
    "tcb-order": "the firmware's versions contradict each other: do not use this machine",
    "guest-policy": "launch the guest with the policy bits that the manifest asks for",
    "platform-info": "change the host's firmware settings, or use another host",
    "chip-id": "run on a processor that the manifest lists",
    "revocation": "fetch AMD's revocation lists (`cleanroom attestation collateral pull`) and hand "
    "them to whoever shows the evidence",
    "revocation-age": "fetch AMD's revocation lists again, and hand them over again",
    "measurement": "run what the manifest lists, or list this measurement",
    "vmpl": "ask for evidence from the privilege level that the manifest lists",
    "signing-key": "use a machine whose own chip key (VCEK) signs",
}
"""What usually mends a finding about the processor, by its rule."""
UNLISTED = (
    "no revocation list is asked for: revoked certificates are noticed only where one is there"
)
BADRAM = "aliased memory is not ruled out: BadRAM stays open"


def described_processor(policy: SnpPolicy) -> list[str]:
    """What an entry accepts of processors, one phrase each."""
    chips = "any" if policy.chip_ids == "any" else f"{len(policy.chip_ids)} listed"
    return [f"sev-snp on {', '.join(policy.products)}", f"processors: {chips}"]


def open_processor(policy: SnpPolicy) -> list[str]:
    """One sentence for each thing about the processor that an entry does not close."""
    said = []
    if policy.chip_ids == "any":
        said.append(
            "any processor of the product is accepted: one whose memory bus or keys an attacker "
            "holds (TEE.fail, Battering RAM, relays) cannot be told apart"
        )
    if policy.min_report_version < 3:
        said.append("old reports are accepted, which do not name the processor")
    said += [*_guest_bits(policy.guest_policy), *_platform_bits(policy.platform_info)]
    return [*said, *_open_revocation(policy)]


def _open_revocation(policy: SnpPolicy) -> list[str]:
    said = [] if policy.revocation == "require" else [UNLISTED]
    if policy.crl_grace_d:
        said.append(
            f"a revocation list clears for {policy.crl_grace_d} days after its end: what AMD "
            "revokes meanwhile is not noticed"
        )
    return said


def _guest_bits(demands: GuestPolicyDemands) -> list[str]:
    asked: dict[str, str] = demands.model_dump()
    return [OPEN_GUEST_BITS[bit] for bit, safe in SAFE_WHEN.items() if asked[bit] != safe]


def _platform_bits(demands: PlatformDemands) -> list[str]:
    return [] if demands.alias_check_complete == "require" else [BADRAM]


def processor_hints(prefix: str) -> dict[str, str]:
    """What usually mends a finding about the processor, by its code."""
    return {f"{prefix}-{rule}": hint for rule, hint in PROCESSOR_HINTS.items()}
