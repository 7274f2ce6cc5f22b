"""Every parser that reads bytes from outside, with seeds to start from.

A target takes bytes and may raise errors of the house; anything else is a fault.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cleanroom.attestation.collateral import IntelCollateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats import cbor, cca, cose, nitro, tpm, tpm_public
from cleanroom.attestation.formats.amd_certificates import AMD_SUITE, read_endorsements
from cleanroom.attestation.formats.cert_table import read_table
from cleanroom.attestation.formats.crl import require_unrevoked
from cleanroom.attestation.formats.event_log import read_event_log, replay
from cleanroom.attestation.formats.hcl import read_hcl_report
from cleanroom.attestation.formats.intel_documents import (
    read_enclave_identity,
    read_tcb_info,
    signed_part,
)
from cleanroom.attestation.formats.nvidia import read_opaque
from cleanroom.attestation.formats.pck import read_pck
from cleanroom.attestation.formats.quote import read_quote
from cleanroom.attestation.formats.snp import read_report
from cleanroom.attestation.formats.spdm import read_measurements
from cleanroom.attestation.formats.tpm_parts import AzureParts, TpmParts, read_parts
from cleanroom.attestation.formats.uvm import read_endorsement
from cleanroom.attestation.formats.x509 import pem_certificates, read_certificate
from cleanroom.attestation.recognise import recognise
from cleanroom.attestation.reference_values import ReferenceValuesStatement
from cleanroom.attestation.unverified import SIGNED_BY, sayings
from cleanroom.collateral.authenticode import authenticode
from cleanroom.collateral.bundle import Bundle
from cleanroom.collateral.direct_boot import DirectBoot, kernel_events
from cleanroom.collateral.tdvf import read_tdvf
from cleanroom.crypto.envelope import Envelope
from cleanroom.dataset.models.check import check_model
from cleanroom.errors import CleanroomError
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.text import load
from cleanroom.protocol.receipt import Receipt
from cleanroom.protocol.statement import Statement
from fuzz import seeds
from tests.support import manifests, networks, platform, predictions


@dataclass(frozen=True, slots=True)
class Target:
    """One way in."""

    read: Callable[[bytes], object]
    """What is fuzzed."""
    seeds: Callable[[], list[bytes]]
    """Well-formed inputs: at least one is read without a refusal."""
    longest: int
    """Longer inputs find nothing new; in bytes."""


def feed(target: Target, raw: bytes) -> None:
    """Read some bytes; a refusal in words of the house is fine.

    Raises:
        Exception: anything else, which is a fault of the parser.
    """
    try:
        target.read(raw)
    except CleanroomError:
        return


def _nitro(raw: bytes) -> object:
    message = cose.read_sign1(raw, "document", SIGNED_BY, tag_optional=True)
    return nitro.read_document(message.payload)


def _cca(raw: bytes) -> object:
    signed = [cose.read_sign1(one, "token", SIGNED_BY).payload for one in cca.read_collection(raw)]
    return cca.read_platform(signed[0]), cca.read_realm(signed[1])


def _spdm(raw: bytes) -> object:
    return read_opaque(read_measurements(raw).opaque)


def _crl(raw: bytes) -> object:
    _, ask, ark = (read_certificate(one, AMD_SUITE) for one in seeds.amd_chain())
    require_unrevoked(ask, ark, [raw], platform.NOW)
    return raw


def _pck(raw: bytes) -> object:
    chain = pem_certificates(raw.removesuffix(b"\0"))
    return read_pck(read_certificate(chain[0], "ecdsa-p256-sha256"))


def _tcb_info(raw: bytes) -> object:
    return read_tcb_info(signed_part(raw, "tcbInfo")[0])


def _identity(raw: bytes) -> object:
    return read_enclave_identity(signed_part(raw, "enclaveIdentity")[0])


def _event_log(raw: bytes) -> object:
    return replay(read_event_log(raw), "sha384", range(1, 5))


def _certificate(raw: bytes) -> object:
    return read_certificate(raw, AMD_SUITE, "ecdsa-p256-sha256", "ecdsa-p384-sha384")


def _azure_parts(raw: bytes) -> object:
    return read_parts(AzureParts, raw)


def _tpm_parts(raw: bytes) -> object:
    return read_parts(TpmParts, raw)


def _trees(raw: bytes) -> object:
    return check_model(raw, predictions.model_dataset())


def _network(raw: bytes) -> object:
    features = [{"name": name, "type": "int64"} for name in "abcde"]
    layers = {"hidden": networks.HIDDEN}
    return check_model(
        raw,
        predictions.model_dataset(0, format="safetensors", features=features, network=layers),
    )


def _graph(raw: bytes) -> object:
    features = [{"name": name, "type": "int64"} for name in "abcde"]
    return check_model(raw, predictions.model_dataset(0, format="onnx", features=features))


def _graphs() -> list[bytes]:
    made = (networks.forest_graph(), networks.linear_graph(1))
    return [each.SerializeToString() for each in made]


def _booted(raw: bytes) -> object:
    return authenticode(raw), kernel_events(DirectBoot(raw, b"initrd", "ro"), 1 << 32)


def _bytes() -> list[bytes]:
    return [manifests.good_manifest().to_bytes()]


TARGETS: dict[str, Target] = {
    "snp-report": Target(read_report, seeds.reports, 1200),
    "dcap-quote": Target(read_quote, lambda: [seeds.quote()], 8192),
    "cert-table": Target(read_table, seeds.table, 4096),
    "amd-endorsements": Target(
        lambda raw: read_endorsements([raw]), lambda: [*seeds.amd_chain(), *seeds.table()], 4096
    ),
    "certificate": Target(_certificate, lambda: list(seeds.amd_chain()), 4096),
    "pck-chain": Target(_pck, seeds.pck_chain, 8192),
    "revocation-list": Target(_crl, seeds.revocations, 4096),
    "tcb-info": Target(_tcb_info, lambda: [seeds.intel().tcb_infos[0].document], 16384),
    "qe-identity": Target(_identity, lambda: [seeds.intel().qe_identities[0].document], 8192),
    "event-log": Target(_event_log, seeds.events, 8192),
    "cbor": Target(lambda raw: cbor.read(raw, "value"), lambda: [b"\xa1\x01\x82\x02\x43abc"], 2048),
    "nitro-document": Target(_nitro, seeds.nitro_document, 8192),
    "cca-token": Target(_cca, seeds.cca_token, 4096),
    "spdm-measurements": Target(_spdm, seeds.device_reports, 8192),
    "tpm-quote": Target(tpm.read_quote, lambda: [seeds.tpm_parts().quotation.message], 1024),
    "tpm-signature": Target(
        tpm.read_signature,
        lambda: [one.quotation.signature for one in (seeds.tpm_parts(), seeds.azure())],
        1024,
    ),
    "tpm-key": Target(tpm_public.read_attestation_key, lambda: [seeds.tpm_parts().key], 1024),
    "tpm-parts": Target(_tpm_parts, lambda: [seeds.tpm_parts().to_bytes()], 8192),
    "azure-parts": Target(_azure_parts, lambda: [seeds.azure().to_bytes()], 16384),
    "paravisor-report": Target(read_hcl_report, lambda: [seeds.azure().hcl_report], 8192),
    "uvm-endorsement": Target(read_endorsement, seeds.uvm_endorsement, 8192),
    "evidence-json": Target(Evidence.from_bytes, seeds.evidence, 32768),
    "evidence-any": Target(lambda raw: sayings(recognise(raw)), seeds.raw_evidence, 32768),
    "intel-collateral": Target(
        IntelCollateral.from_bytes, lambda: [seeds.intel().to_bytes()], 32768
    ),
    "collateral-bundle": Target(Bundle.from_bytes, seeds.bundle, 32768),
    "reference-values": Target(ReferenceValuesStatement.from_bytes, seeds.reference_values, 8192),
    "tdx-firmware": Target(read_tdvf, seeds.firmware, 4096),
    "boot-program": Target(_booted, seeds.programs, 4096),
    "dsse-envelope": Target(Envelope.from_bytes, seeds.envelope, 4096),
    "model-ubj": Target(_trees, lambda: [predictions.ubj()], 65536),
    "model-onnx": Target(_graph, _graphs, 4096),
    "model-safetensors": Target(_network, lambda: [networks.safetensors(1)], 4096),
    "manifest-text": Target(
        lambda raw: load(raw, name="cleanroom.yaml"), seeds.manifest_texts, 2560
    ),
    "manifest-bytes": Target(Manifest.from_bytes, _bytes, 8192),
    "room-statement": Target(Statement.from_bytes, seeds.statement, 32768),
    "receipt": Target(Receipt.from_bytes, seeds.receipt, 131072),
}
"""Every target by its name."""

if __name__ == "__main__":
    print("\n".join(TARGETS))  # noqa: T201 - a list for the shell
