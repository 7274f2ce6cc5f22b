"""What the simulated Intel says about its platforms: TCB information and the quoting enclave.

The forms are those of `cleanroom.attestation.formats.intel_documents`; `issuing_intel` signs them.
"""

from enclave.attester.quoting import QE_PRODUCT, QE_SIGNER
from enclave.attester.scenarios_tdx import ADVISORIES, LEVELS, MODULE_LEVELS, QE_LEVELS

FMSPC, OTHER_FMSPC = bytes.fromhex("5151515151aa"), bytes.fromhex("5151515151bb")
"""Kinds of platforms that Intel does not make."""
PCE_SVN = 11
EVALUATION = 18
"""Which TCB recovery the simulated documents know."""


def tcb_info() -> dict[str, object]:
    """Which levels of a platform are good, before dates and signature."""
    signer = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
    return {
        "id": "TDX",
        "version": 3,
        "fmspc": FMSPC.hex(),
        "pceId": "0000",
        "tcbType": 0,
        "tcbEvaluationDataNumber": EVALUATION,
        "tdxModule": signer,
        "tdxModuleIdentities": [{"id": "TDX_01", **signer, "tcbLevels": _isv(MODULE_LEVELS)}],
        "tcbLevels": [
            {
                "tcb": {
                    "sgxtcbcomponents": [{"svn": level}] * 16,
                    "pcesvn": PCE_SVN,
                    "tdxtcbcomponents": [{"svn": 5}, {"svn": 0}, *[{"svn": level}] * 14],
                },
                "tcbDate": "2026-11-13T00:00:00Z",
                "tcbStatus": status,
                "advisoryIDs": ADVISORIES.get(level, []),
            }
            for level, status in LEVELS.items()
        ],
    }


def enclave_identity() -> dict[str, object]:
    """Which quoting enclaves are good, before dates and signature."""
    return {
        "id": "TD_QE",
        "version": 2,
        "tcbEvaluationDataNumber": EVALUATION,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": QE_SIGNER.hex().upper(),
        "isvprodid": QE_PRODUCT,
        "tcbLevels": _isv(QE_LEVELS),
    }


def _isv(levels: dict[int, str]) -> list[dict[str, object]]:
    return [
        {"tcb": {"isvsvn": svn}, "tcbDate": "2026-11-13T00:00:00Z", "tcbStatus": status}
        for svn, status in levels.items()
    ]
