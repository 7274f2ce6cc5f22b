"""The attestation token of Arm CCA, bytes to fields: a platform token and a realm token.

See Arm: "Realm Management Monitor specification" (DEN0137), section A7.2, and
draft-ffm-rats-cca-token. Two collections are read: the legacy one (tag 399) and the one of
conceptual message wrappers (tag 907); and in each the claims of both profiles, old and new.
Strict: closed maps, the four extensible measurements, sizes of SHA-256, SHA-384 and SHA-512.
"""

from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from cleanroom.attestation.formats import cbor
from cleanroom.attestation.rejection import rejected

Lifecycle = Literal[
    "unknown",
    "assembly-and-test",
    "rot-provisioning",
    "secured",
    "non-rot-debug",
    "recoverable-rot-debug",
    "decommissioned",
]
"""States of a platform, in the order of their numbers (DEN0137, CCA platform lifecycle claim)."""
HashName = Literal["sha-256", "sha-384", "sha-512"]

COLLECTION_TAG = b"\xd9\x01\x8f"
"""Tag 399: members are byte strings, or wrappers."""
WRAPPED_TAG = b"\xd9\x03\x8b"
"""Tag 907: members are wrappers only."""
EAT_CWT = 263
"""The wrapper's content type, application/eat+cwt."""
PLATFORM, REALM = 44234, 44241
PLATFORM_PROFILES = ("http://arm.com/CCA-SSD/1.0.0", "tag:arm.com,2023:cca_platform#1.0.0")
REALM_PROFILE = "tag:arm.com,2023:realm#1.0.0"
LEGACY_PROFILE = "legacy"
"""What a realm token without a profile is called here."""
DIGEST_SIZES = frozenset({32, 48, 64})
"""SHA-256, SHA-384 and SHA-512; in bytes."""
CHALLENGE_SIZE = 64
EXTENSIBLE = 4
"""How many extensible measurements a realm has."""
POINT_SIZE = 97
"""An uncompressed point of P-384; in bytes."""
UEID_RANDOM = 0x01
"""The first byte of an instance id (EAT, RFC 9711 §4.2.1.1)."""
LARGEST_TOKEN = 64 * 1024
LARGEST_CONFIG = 1024
MOST_COMPONENTS = 64

PLATFORM_CLAIMS = {
    265: "profile",
    10: "challenge",
    2396: "implementation id",
    256: "instance id",
    2401: "config",
    2395: "lifecycle",
    2399: "software components",
    2402: "hash algorithm",
}
PLATFORM_OPTIONAL = {2400: "verification service"}
COMPONENT_CLAIMS = {2: "measurement value", 5: "signer id"}
COMPONENT_OPTIONAL = {1: "measurement type", 4: "version", 6: "hash algorithm"}
REALM_CLAIMS = {
    10: "challenge",
    44235: "personalization value",
    44238: "initial measurement",
    44239: "extensible measurements",
    44236: "hash algorithm",
    44237: "public key",
    44240: "public key hash algorithm",
}
REALM_OPTIONAL = {265: "profile"}
COSE_KEY = {1: "kty", -1: "crv", -2: "x", -3: "y"}
EC2, P_384 = 2, 2
"""Key type and curve of a COSE_Key (RFC 9053 §7.1)."""


@dataclass(frozen=True, slots=True)
class SoftwareComponent:
    """One piece of the platform's firmware."""

    kind: str
    """Its measurement type, such as `RMM`; empty without one."""
    measurement: bytes
    signer_id: bytes
    version: str
    """Empty without one."""


@dataclass(frozen=True, slots=True)
class PlatformClaims:
    """What the platform's firmware says about the platform."""

    profile: str
    challenge: bytes
    """The digest of the realm's key."""
    implementation_id: bytes
    instance_id: bytes
    config: bytes
    lifecycle: Lifecycle
    lifecycle_number: int
    software: tuple[SoftwareComponent, ...]
    verification_service: str
    hash_name: HashName


@dataclass(frozen=True, slots=True)
class RealmClaims:
    """What the realm manager says about the realm."""

    profile: str
    challenge: bytes
    """64 bytes that the realm chose."""
    personalization: bytes
    initial: bytes
    extensible: tuple[bytes, ...]
    hash_name: HashName
    key: bytes = field(repr=False)
    """The realm's key as it stands, which the platform's challenge is the digest of."""
    point: bytes = field(repr=False)
    """The same key as an uncompressed point of P-384; whether it is on the curve is not checked."""
    key_hash_name: HashName


def read_collection(raw: bytes) -> tuple[bytes, bytes]:
    """The signed platform token and the signed realm token.

    Raises:
        EvidenceRejected: it is no collection of exactly both.
    """
    tag = raw[: len(WRAPPED_TAG)]
    if tag not in (COLLECTION_TAG, WRAPPED_TAG):
        raise rejected("CCA token", found="without its tag", expected="tag 399 or 907")
    members = cbor.Members(
        cbor.read(raw[len(tag) :], "CCA token"),
        "CCA token",
        {PLATFORM: "platform token", REALM: "realm token"},
    )
    wrapped = tag == WRAPPED_TAG
    return _token(members, PLATFORM, wrapped=wrapped), _token(members, REALM, wrapped=wrapped)


def _token(members: cbor.Members, key: int, *, wrapped: bool) -> bytes:
    found, name = members.value(key), members.name(key)
    if wrapped or not isinstance(found, bytes):
        if not isinstance(found, list | tuple) or len(found) != 2 or found[0] != EAT_CWT:
            raise rejected(name, found="another wrapper", expected=f"[{EAT_CWT}, token]")
        found = found[1]
    return cbor.octets(found, name, range(1, LARGEST_TOKEN + 1))


def read_platform(payload: bytes) -> PlatformClaims:
    """The claims of a platform token.

    Raises:
        EvidenceRejected: a claim is missing, unknown or malformed.
    """
    what = "platform token"
    claims = cbor.Members(cbor.read(payload, what), what, PLATFORM_CLAIMS, PLATFORM_OPTIONAL)
    profile = claims.text(265)
    if profile not in PLATFORM_PROFILES:
        raise rejected(f"{what} profile", found=profile, expected=" or ".join(PLATFORM_PROFILES))
    instance_id = claims.octets(256, {33})
    if instance_id[0] != UEID_RANDOM:
        raise rejected(f"{what} instance id", found=f"type {instance_id[0]:#04x}", expected="0x01")
    components = claims.array(2399, range(1, MOST_COMPONENTS + 1))
    number = claims.number(2395, 0xFFFF)
    return PlatformClaims(
        profile=profile,
        challenge=claims.octets(10, DIGEST_SIZES),
        implementation_id=claims.octets(2396, {32}),
        instance_id=instance_id,
        config=claims.octets(2401, range(1, LARGEST_CONFIG + 1)),
        lifecycle=_lifecycle(number),
        lifecycle_number=number,
        software=tuple(_component(one) for one in components),
        verification_service=claims.text(2400) if 2400 in claims else "",
        hash_name=_hash_name(claims, 2402),
    )


def _lifecycle(number: int) -> Lifecycle:
    # The high byte is the state times 16; the low byte is the implementation's.
    state, reserved = divmod(number >> 8, 16)
    names: tuple[Lifecycle, ...] = get_args(Lifecycle)
    if reserved or state >= len(names):
        raise rejected("platform token lifecycle", found=f"{number:#06x}", expected="a known state")
    return names[state]


def _component(value: object) -> SoftwareComponent:
    what = "software component"
    claims = cbor.Members(value, what, COMPONENT_CLAIMS, COMPONENT_OPTIONAL)
    if 6 in claims:
        _hash_name(claims, 6)
    return SoftwareComponent(
        kind=claims.text(1) if 1 in claims else "",
        measurement=claims.octets(2, DIGEST_SIZES),
        signer_id=claims.octets(5, DIGEST_SIZES),
        version=claims.text(4) if 4 in claims else "",
    )


def read_realm(payload: bytes) -> RealmClaims:
    """The claims of a realm token.

    Raises:
        EvidenceRejected: a claim is missing, unknown or malformed.
    """
    what = "realm token"
    claims = cbor.Members(cbor.read(payload, what), what, REALM_CLAIMS, REALM_OPTIONAL)
    legacy = 265 not in claims
    if not legacy and claims.text(265) != REALM_PROFILE:
        raise rejected(claims.name(265), found=claims.text(265), expected=REALM_PROFILE)
    initial = claims.octets(44238, DIGEST_SIZES)
    key, point = _realm_key(claims, legacy=legacy)
    return RealmClaims(
        profile=LEGACY_PROFILE if legacy else REALM_PROFILE,
        challenge=claims.octets(10, {CHALLENGE_SIZE}),
        personalization=claims.octets(44235, {64}),
        initial=initial,
        extensible=tuple(
            cbor.octets(one, f"{what} extensible measurement", {len(initial)})
            for one in claims.array(44239, {EXTENSIBLE})
        ),
        hash_name=_hash_name(claims, 44236),
        key=key,
        point=point,
        key_hash_name=_hash_name(claims, 44240),
    )


def _realm_key(claims: cbor.Members, *, legacy: bool) -> tuple[bytes, bytes]:
    name = claims.name(44237)
    if legacy:
        point = claims.octets(44237, {POINT_SIZE})
        return point, point
    key = claims.octets(44237, range(1, 257))
    parts = cbor.Members(cbor.read(key, name), name, COSE_KEY)
    if (parts.value(1), parts.value(-1)) != (EC2, P_384):
        raise rejected(name, found="another kind of key", expected="EC2 on P-384")
    return key, b"\x04" + parts.octets(-2, {48}) + parts.octets(-3, {48})


def _hash_name(claims: cbor.Members, key: int) -> HashName:
    found = claims.text(key)
    if found not in get_args(HashName):
        raise rejected(claims.name(key), found=found, expected=" or ".join(get_args(HashName)))
    return cast("HashName", found)
