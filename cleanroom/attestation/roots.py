"""Roots that vendors published, by SHA-256 of the whole DER certificate.

Fingerprints only: the certificates themselves arrive as endorsements. AMD's are the ARKs of
https://kdsintf.amd.com/vcek/v1/{Milan,Genoa,Turin}/cert_chain; the VLEK chains have the same roots.
Intel's is https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.cer.
AWS's is in https://aws-nitro-enclaves.amazonaws.com/AWS_NitroEnclaves_Root-G1.zip.
Intermediates (ASK, ASVK) are deliberately not pinned: the ARK vouches for them and its revocation
list takes them back, so AMD can replace one without a new version of this program.
"""

from collections.abc import Mapping
from typing import Literal

from cleanroom.attestation.policy import Product
from cleanroom.encoding import Digest

Vendor = Literal["amd", "intel", "aws", "google", "microsoft", "nvidia"]
"""Whose roots vouch for a platform."""

AMD_ARK: dict[Digest, Product] = {
    "sha256:69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd": "Milan",
    "sha256:4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1": "Genoa",
    "sha256:1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a": "Turin",
}
"""AMD root keys (ARK) and the product line that each is for."""
NITRO_ROOT: Digest = "sha256:641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
"""AWS Nitro Enclaves Root-G1; it vouches for the modules that sign documents of enclaves."""
INTEL_SGX_ROOT: Digest = "sha256:44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
"""Intel SGX Root CA; it vouches for SGX and TDX."""
GOOGLE_EK_AK_ROOT: Digest = (
    "sha256:594759594b9b61524f6c8ef668f7177f7b9066bc0674f2f49fe9e052be78beb2"
)
"""Google's EK/AK CA Root; it vouches for keys of vTPMs on Google Cloud."""
MICROSOFT_SUPPLY_CHAIN_ROOT: Digest = (
    "sha256:23ffe2b8bdb9a1711515d4cffda04bc7f793d513c76c243f1020507d8669b7db"
)
"""Microsoft Supply Chain RSA Root CA 2022; it vouches for endorsements of utility VMs."""
NVIDIA_DEVICE_ROOT: Digest = (
    "sha256:102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48"
)
"""NVIDIA Device Identity CA; it vouches for GPUs and switches."""
VENDOR_ROOTS: Mapping[Vendor, frozenset[Digest]] = {
    "amd": frozenset(AMD_ARK),
    "intel": frozenset({INTEL_SGX_ROOT}),
    "aws": frozenset({NITRO_ROOT}),
    "google": frozenset({GOOGLE_EK_AK_ROOT}),
    "microsoft": frozenset({MICROSOFT_SUPPLY_CHAIN_ROOT}),
    "nvidia": frozenset({NVIDIA_DEVICE_ROOT}),
}
"""The published roots of each vendor; none of one vendor ever vouches for another's platform."""
