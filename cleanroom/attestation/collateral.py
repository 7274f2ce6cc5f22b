"""What vendors say besides certificates, as bytes that somebody fetched: lists, levels, identities.

`Collateral` is an argument without a default: who verifies without any of its own writes
`Collateral()` and so says it. What others carry comes with evidence, and `pooling` puts both
together. Shape only: the modules of `silicon` check signatures and time windows. Fetching is the
business of `cleanroom.collateral`.
"""

from typing import Annotated

from pydantic import Field

from cleanroom.encoding import Bytes, Record

LARGEST_CRL = 1024 * 1024
"""AMD's lists are below 1 KiB today, Intel's below 8 KiB; in bytes."""
MOST_AMD_CRLS = 8
"""Three products with two kinds of keys."""
LARGEST_DOCUMENT = 256 * 1024
"""Intel's documents are below 16 KiB today; in bytes."""
LARGEST_CHAIN = 16 * 1024
"""Two certificates in PEM take 2 KiB; in bytes."""
Crl = Annotated[Bytes, Field(min_length=1, max_length=LARGEST_CRL)]
"""A revocation list, DER."""


class SignedDocument(Record):
    """A JSON document of Intel's, with the certificates of whoever signed it."""

    document: Annotated[Bytes, Field(min_length=1, max_length=LARGEST_DOCUMENT)]
    """The answer as served, such as `{"tcbInfo":{…},"signature":"…"}`: the signature covers the
    bytes of the inner object, so they must not be written anew."""
    chain: Annotated[Bytes, Field(min_length=1, max_length=LARGEST_CHAIN)]
    """PEM: the signing certificate and the root (`TCB-Info-Issuer-Chain`, URL-decoded)."""


class IntelCollateral(Record):
    """What Intel's provisioning service (PCS, version 4) says about platforms of SGX and TDX."""

    root_crl: Crl
    """https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"""
    pck_crls: Annotated[list[Crl], Field(min_length=1, max_length=4)]
    """`/sgx/certification/v4/pckcrl?ca={platform,processor}&encoding=der`, of one or both."""
    tcb_infos: Annotated[list[SignedDocument], Field(min_length=1, max_length=64)]
    """`/{sgx,tdx}/certification/v4/tcb?fmspc=…`, of each kind of platform that is verified."""
    qe_identities: Annotated[list[SignedDocument], Field(min_length=1, max_length=4)]
    """`/{sgx,tdx}/certification/v4/qe/identity`, of one or both."""


class Collateral(Record):
    """What to apply; empty when there is nothing to apply."""

    amd_crls: list[Crl] = Field(default=[], max_length=MOST_AMD_CRLS)
    """DER lists of https://kdsintf.amd.com/{vcek,vlek}/v1/{product}/crl, each signed by its ARK."""
    intel: IntelCollateral | None = None
    """Needed for SGX and TDX, here or with the evidence. Whoever has none of its own relies on what
    came along: of two that are in force the attester may then choose the older one."""
