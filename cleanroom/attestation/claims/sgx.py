"""What an SGX quote says about an enclave."""

from typing import Literal

from cleanroom.attestation.claims.base import Hex
from cleanroom.attestation.claims.dcap import DcapClaims


class SgxClaims(DcapClaims):
    """What an Intel processor reports about an enclave."""

    platform: Literal["sgx"]
    """Intel SGX."""
    measurement: Hex
    """MRENCLAVE: the enclave's code and layout, 32 bytes."""
    signer: Hex
    """MRSIGNER: digest of the key that signed the enclave, 32 bytes."""
    isv_prod_id: int
    """The product that the signer numbered."""
    isv_svn: int
    """The security version that the signer gave."""
    host_data: Hex
    """CONFIGID: what the launcher tied to the enclave, 64 bytes."""
    attributes: dict[str, bool]
    """Each known attribute of the enclave by name."""
    attributes_raw: Hex
    """Attributes and XFRM as they stand in the report, 16 bytes."""
    misc_select: int
    """Extended information that the enclave saves."""
