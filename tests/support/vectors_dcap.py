"""Real quotes of TDX and SGX as evidence, with Intel's collateral of their time."""

import json
from datetime import datetime
from functools import cache

from cleanroom.attestation.binding import binding_of
from cleanroom.attestation.collateral import Collateral, IntelCollateral, SignedDocument
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.quote import Quote, read_quote
from cleanroom.attestation.policy import SgxPolicy, TdxPolicy
from tests.support.vectors import VECTORS, Case, Prepared, content


def quote_of(case: Case) -> Quote:
    """A case's quote, read and not verified."""
    return read_quote(content(case["quote"]))


@cache
def collateral_of(name: str) -> IntelCollateral:
    """Collateral as other verifiers keep it, as Intel serves it."""
    kept = json.loads((VECTORS / name).read_text(encoding="utf-8"))

    def document(field: str, served: str) -> SignedDocument:
        signature = kept[f"{field}_signature"]
        text = f'{{"{served}":{kept[field]},"signature":"{signature}"}}'
        return SignedDocument(document=text.encode(), chain=kept[f"{field}_issuer_chain"].encode())

    return IntelCollateral(
        root_crl=bytes.fromhex(kept["root_ca_crl"]),
        pck_crls=[bytes.fromhex(kept["pck_crl"])],
        tcb_infos=[document("tcb_info", "tcbInfo")],
        qe_identities=[document("qe_identity", "enclaveIdentity")],
    )


def prepare(case: Case) -> Prepared:
    """A case of vendor `tdx` or `sgx`."""
    quote = quote_of(case)
    intel = collateral_of(case["collateral"]) if case["collateral"] else None
    return Prepared(
        evidence=Evidence(platform=case["vendor"], report=content(case["quote"]), endorsements=[]),
        binding=binding_of(quote.body.octets["report_data"]),
        now=datetime.fromisoformat(case["verify_at"]),
        policy=_tdx_policy(quote) if case["vendor"] == "tdx" else _sgx_policy(quote),
        collateral=Collateral(intel=intel),
    )


def _tdx_policy(quote: Quote) -> TdxPolicy:
    octets = quote.body.octets
    image = {
        "mrtd": octets["mr_td"].hex(),
        "rtmr1": octets["rtmr1"].hex(),
        "rtmr2": octets["rtmr2"].hex(),
    }
    return TdxPolicy.from_plain(
        {
            "platform": "tdx",
            "measurements": [image],
            "host_data": "any",
            "min_tcb_evaluation_number": 17,
        }
    )


def _sgx_policy(quote: Quote) -> SgxPolicy:
    return SgxPolicy.from_plain(
        {
            "platform": "sgx",
            "measurements": [quote.body.octets["mr_enclave"].hex()],
            "host_data": "any",
            "min_tcb_evaluation_number": 17,
        }
    )
