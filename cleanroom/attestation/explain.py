"""What a policy entry leaves open, in words: shown before a party signs.

It tells only what the entry does *not* ask for; what it asks for is enforced by `rules`.
"""

from cleanroom.attestation.policy import GuestPolicyDemands, PlatformDemands, SevSnpPolicy

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
BADRAM = "aliased memory is not ruled out: BadRAM stays open"


def left_open(policy: SevSnpPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close; never empty.

    Args:
        policy: an entry of the manifest's `attestation`.
    """
    return [
        *_simulation(policy),
        *_machine(policy),
        *_guest_bits(policy.guest_policy),
        *_platform_bits(policy.platform_info),
        *_launch(policy),
        "what the image does after launch is not measured: read what the measurement stands for",
    ]


def _simulation(policy: SevSnpPolicy) -> list[str]:
    if policy.development_roots is None:
        return []
    return ["the machine is simulated: whoever runs it can read everything"]


def _machine(policy: SevSnpPolicy) -> list[str]:
    said = []
    if policy.chip_ids == "any":
        said.append(
            "any processor of the product is accepted: one whose memory bus or keys an attacker "
            "holds (TEE.fail, Battering RAM, relays) cannot be told apart"
        )
    if "vlek" in policy.signing_keys:
        said.append("a cloud's lent key may sign: the report does not prove which chip it is")
    if policy.min_report_version < 3:
        said.append("old reports are accepted, which do not name the processor")
    if set(policy.vmpl) != {0}:
        said.append("the guest may run below another layer of software, which sees its memory")
    return said


def _guest_bits(demands: GuestPolicyDemands) -> list[str]:
    asked: dict[str, str] = demands.model_dump()
    return [OPEN_GUEST_BITS[bit] for bit, safe in SAFE_WHEN.items() if asked[bit] != safe]


def _platform_bits(demands: PlatformDemands) -> list[str]:
    return [] if demands.alias_check_complete == "require" else [BADRAM]


def _launch(policy: SevSnpPolicy) -> list[str]:
    said = []
    if policy.host_data == "any":
        said.append("host data is free: somebody else may set up a first manifest of their own")
    if policy.id_key_digests == "any":
        said.append("no ID key is asked for: the measurement alone says which image it is")
    return said
