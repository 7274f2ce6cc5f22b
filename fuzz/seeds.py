"""Well-formed inputs for every target, made by the simulator: nothing real is kept here."""

from dataclasses import replace
from functools import cache

from cleanroom.attestation.collateral import Collateral, IntelCollateral
from cleanroom.attestation.formats.cert_table import ENTRY_SIZE, GUIDS
from cleanroom.attestation.formats.quote import read_quote
from cleanroom.attestation.formats.tpm_parts import AzureParts, TpmParts
from cleanroom.collateral.bundle import Bundle
from cleanroom.crypto.envelope import sign
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.manifest.author import block_text, manifest_text
from cleanroom.manifest.model import Manifest
from enclave.attester.simulated_aci import Endorsed, SimulatedMicrosoft
from enclave.attester.simulated_azure import SimulatedAzureGuest
from enclave.attester.simulated_tpm import SimulatedTpm
from tests.support import firmware as images
from tests.support import hostile_room, manifests, nitro_cca, nvidia, platform, receipts, tpm
from tests.support.trainings import TREES, feature, training_plain


def reports() -> list[bytes]:
    """SEV-SNP reports."""
    return [platform.good_evidence(product).report for product in ("Milan", "Genoa", "Turin")]


@cache
def quote() -> bytes:
    """A TDX quote."""
    return platform.good_tdx_evidence().report


def pck_chain() -> list[bytes]:
    """PEM certificates inside a quote."""
    return [read_quote(quote()).pck_chain]


@cache
def amd_chain() -> tuple[bytes, ...]:
    """Leaf, intermediate and root."""
    return tuple(platform.good_evidence().endorsements)


def table() -> list[bytes]:
    """A certificate table with one entry."""
    leaf, start = amd_chain()[0], 2 * ENTRY_SIZE
    place = start.to_bytes(4, "little") + len(leaf).to_bytes(4, "little")
    return [GUIDS["VCEK"] + place + bytes(ENTRY_SIZE) + leaf]


def revocations() -> list[bytes]:
    """Revocation lists, empty and not."""
    machine = platform.simulated_platform()
    return [machine.revocations(revoked, platform.NOW) for revoked in ((), ("SEV-Genoa",))]


@cache
def intel() -> IntelCollateral:
    """Intel's lists and documents."""
    return platform.simulated_tdx().collateral()


def events() -> list[bytes]:
    """An event log of TDX."""
    log = platform.good_tdx_evidence().event_log
    return [] if log is None else [log]


def firmware() -> list[bytes]:
    """Firmware for TDX, with a boot volume as short as can be."""
    short = replace(images.BOOT, content=b"\xa5" * 64)
    later = images.Row(images.PERMANENT, 0x1000000, 1 << 24, attributes=2)
    rows = ((short,), (short, images.HAND_OFF, images.SCRATCH, later))
    return [images.firmware(each) for each in rows]


def programs() -> list[bytes]:
    """Kernels with an EFI stub and a setup header, signed or not."""
    return [images.kernel(), images.program(certificates=b"\x5c" * 64)]


def nitro_document() -> list[bytes]:
    """A document of an enclave."""
    return [nitro_cca.nitro_enclave().collect(platform.BINDING).report]


def cca_token() -> list[bytes]:
    """A token of a realm."""
    return [nitro_cca.cca_realm().collect(platform.BINDING).report]


def uvm_endorsement() -> list[bytes]:
    """An endorsement of a utility VM, in both forms."""
    said = SimulatedMicrosoft.create(platform.NOW)
    image = platform.MEASUREMENT.hex()
    return [said.endorse(Endorsed(image, with_claims=claims)) for claims in (False, True)]


@cache
def azure() -> AzureParts:
    """The parts of a guest's evidence on Azure."""
    guest = SimulatedAzureGuest(
        "snp",
        platform.good_attester().collect,
        SimulatedTpm(tpm.rsa_key("fuzz"), tpm.PCRS),
    )
    return AzureParts.from_bytes(guest.collect(platform.BINDING).report)


@cache
def tpm_parts() -> TpmParts:
    """The parts of a TPM's evidence."""
    return TpmParts.from_bytes(tpm.good_tpm().collect(platform.BINDING).report)


def evidence() -> list[bytes]:
    """Evidence as records."""
    return [
        platform.good_evidence().to_bytes(),
        platform.good_tdx_evidence().to_bytes(),
        tpm.good_tpm().collect(platform.BINDING).to_bytes(),
    ]


def raw_evidence() -> list[bytes]:
    """Evidence in every form that is recognised."""
    raw = [*reports(), quote(), *nitro_document(), *cca_token()]
    return [*raw, raw[0].hex().encode(), *evidence()]


def device_reports() -> list[bytes]:
    """SPDM measurements of a GPU and a switch."""
    return [nvidia.gpu_evidence().report, nvidia.switch_evidence().report]


def envelope() -> list[bytes]:
    """A signed envelope."""
    return [sign("application/json", b"{}", Ed25519Signer.generate("ann-approve")).to_bytes()]


def statement() -> list[bytes]:
    """What a room says about itself."""
    room = hostile_room.HostileRoom(hostile_room.simulated_manifest())
    return [room.statement(b"n" * 32).to_bytes()]


def receipt() -> list[bytes]:
    """A receipt."""
    return [receipts.good_receipt().to_bytes()]


def bundle() -> list[bytes]:
    """Collateral in one file."""
    packed = Bundle(
        format="https://cleanroom.dev/collateral/v1",
        fetched_at=platform.NOW,
        certificates=sorted(amd_chain()),
        collateral=Collateral(amd_crls=revocations(), intel=intel()),
    )
    return [packed.to_bytes()]


def reference_values() -> list[bytes]:
    """What a builder signs about an image."""
    launch = (
        b'{"guest_features":"0x1","hypervisor":"qemu","measurement":"'
        + b"ab" * 48
        + b'","platform":"sev-snp","vcpu_type":"EPYC-v4","vcpus":2}'
    )
    predicate = (
        b'{"image":"worker","issued_at":"2027-01-01T00:00:00Z","launches":[' + launch + b"],"
        b'"valid_until":"2028-01-01T00:00:00Z","version":"1.0.0"}'
    )
    subject = b'[{"digest":{"sha256":"' + b"0" * 64 + b'"},"name":"kernel"}]'
    return [
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":' + predicate + b","
        b'"predicateType":"https://cleanroom.dev/reference-values/v1","subject":' + subject + b"}"
    ]


def manifest_texts() -> list[bytes]:
    """A manifest with one of each thing, and each section of a larger one by itself.

    YAML is read event by event in Python: a text of a quarter of the size is tried four times as
    often, and a section alone reaches the same lines.
    """
    plain = manifests.good_plain()
    for party in plain["parties"].values():
        del party["keys"][1:]
    for dataset in plain["datasets"].values():
        del dataset["columns"][1:]
    del plain["computations"]["matches"]
    del plain["attestation"]["worker-snp"]
    plain["workers"]["cpu"]["policies"] = ["coordinator-snp"]
    trains = training_plain([feature("age")], [feature("spend")], TREES)["computations"]
    sections = {name: part for name, part in manifests.good_plain().items() if name != "parties"}
    texts = [manifest_text(Manifest.from_plain(plain)), block_text({"computations": trains})]
    texts += [block_text({name: section}) for name, section in sections.items()]
    return [text.encode() for text in texts]
