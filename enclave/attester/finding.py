"""What each platform shows of itself to a guest, and how evidence of it is begun.

One function for each: it gives how the platform was found and what collects there, or raises what
is missing. Finding asks as little as it can: whether a device is there, who answers through
configfs-tsm, whether the TPM holds an index. Nothing is asked of a network.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from cleanroom.attestation.evidence import Platform
from cleanroom.attestation.formats.hcl import read_hcl_report
from cleanroom.errors import EvidenceRejected, MachineUnfit
from enclave.attester import Attester, azure, cca, gcp_vtpm, sev_snp, tdx
from enclave.attester.azure_aci import CONTEXT, AciAttester, read_context
from enclave.attester.keyless import refuse_key
from enclave.attester.machine import CCEL, Machine
from enclave.attester.nitro import NitroAttester
from enclave.attester.nsm import NSM, ask_device
from enclave.attester.queued import QueuedAttester
from enclave.attester.sev_guest import SEV_GUEST, derived_key, device_report
from enclave.attester.tdx_guest import TDX_GUEST, by_driver, device_quote
from enclave.attester.tpm import TpmAttester
from enclave.attester.tsm import Reports, reports_of

Begin = Callable[[tuple[bytes, ...]], Attester]
"""Makes the attester, given what shall be sent along with evidence."""


class Found(NamedTuple):
    """A platform that is there."""

    platform: Platform
    how: str
    """What showed it, in words."""
    begin: Begin


def azure_guest(machine: Machine) -> Found:
    """A guest of Azure's paravisor: its vTPM holds the paravisor's report."""
    try:
        below = read_hcl_report(machine.tpm.nv_read(azure.REPORT_INDEX)).below
    except EvidenceRejected:
        raise MachineUnfit("the TPM's index 0x1400001 holds no report of a paravisor") from None

    def begin(endorsements: tuple[bytes, ...]) -> Attester:
        return QueuedAttester(
            azure.AzureAttester(
                machine.tpm,
                machine.metadata,
                event_log=machine.tpm_log(),
                endorsements=endorsements,
            )
        )

    how = f"paravisor's report over {below} in the vTPM"
    return Found("azure-tdx" if below == "tdx" else "azure-snp", how, begin)


def azure_container(machine: Machine) -> Found:
    """A container group on Azure: its runtime left a folder, and the processor answers."""
    folders = sorted(machine.root.glob(CONTEXT))
    if len(folders) != 1:
        raise MachineUnfit(f"{len(folders)} folders /{CONTEXT}, expected one")
    below = sev_snp_guest(machine)

    def begin(endorsements: tuple[bytes, ...]) -> Attester:
        del endorsements  # what the runtime left is whole
        return AciAttester(below.begin(()), read_context(folders[0]))

    return Found("azure-aci", f"/{CONTEXT}, {below.how}", begin)


def nitro_enclave(machine: Machine) -> Found:
    """An enclave on AWS: the secure module's device."""
    driver = machine.driver(NSM)
    ask = partial(ask_device, device=driver.device, ioctl=driver.ioctl)
    return Found("nitro", str(NSM), lambda _: NitroAttester(ask))


def cca_realm(machine: Machine) -> Found:
    """A realm: who answers through configfs-tsm."""
    _require_provider(machine, cca.PROVIDER)

    def begin(endorsements: tuple[bytes, ...]) -> Attester:
        if len(endorsements) != 1:
            raise MachineUnfit(
                f"{len(endorsements)} endorsements, expected one: the platform's key (CPAK)",
                hint="give the key that the machine's maker registered, DER, with --endorsements",
            )
        return cca.CcaAttester(reports_of(machine.reports, cca.PROVIDER), endorsements[0])

    return Found("cca", f"configfs-tsm provider {cca.PROVIDER}", begin)


def sev_snp_guest(machine: Machine) -> Found:
    """A guest of SEV-SNP: through configfs-tsm, else by its device."""

    def key_seed() -> bytes:
        if not machine.has(SEV_GUEST):
            refuse_key("sev-snp", f"there is no {SEV_GUEST} beside configfs-tsm")
        return derived_key(machine.driver(SEV_GUEST))

    how, reports = _reports(
        machine, sev_snp.PROVIDER, lambda: partial(device_report, driver=machine.driver(SEV_GUEST))
    )
    how = how or str(SEV_GUEST)
    return Found("sev-snp", how, lambda sent: sev_snp.SevSnpAttester(reports, key_seed, sent))


def tdx_guest(machine: Machine) -> Found:
    """A guest of TDX: through configfs-tsm, else by its device and the host's quote service."""

    def by_device() -> Reports:
        driver = machine.driver(TDX_GUEST)
        asked = [by_driver(driver), machine.quotes]
        return partial(device_quote, driver=driver, roads=asked)

    how, reports = _reports(machine, tdx.PROVIDER, by_device)
    how = how or f"{TDX_GUEST}, and the host's quote generation service"
    log = machine.place(CCEL)
    return Found("tdx", how, lambda sent: tdx.TdxAttester(reports, log, sent))


def gcp_instance(machine: Machine) -> Found:
    """An instance on Google Cloud: its vTPM holds a certificate of its key."""
    for index in (gcp_vtpm.CERTIFICATE, gcp_vtpm.TEMPLATE):
        machine.tpm.nv_read_public(index)

    def begin(endorsements: tuple[bytes, ...]) -> Attester:
        return QueuedAttester(
            gcp_vtpm.GcpVtpmAttester(machine.tpm, endorsements, machine.tpm_log())
        )

    return Found("gcp-vtpm", "certified key in the vTPM", begin)


def tpm_machine(machine: Machine) -> Found:
    """Any machine with a TPM 2.0."""
    tpm = machine.tpm
    return Found("tpm", "TPM 2.0", lambda _: QueuedAttester(TpmAttester(tpm, machine.tpm_log())))


def _require_provider(machine: Machine, provider: str) -> None:
    if machine.provider != provider:
        raise MachineUnfit(f"configfs-tsm provider is {machine.provider!r}, not {provider!r}")


def _reports(
    machine: Machine, provider: str, by_device: Callable[[], Reports]
) -> tuple[str, Reports]:
    """How reports are had: through configfs-tsm, or (said by no words) by the device."""
    try:
        _require_provider(machine, provider)
    except MachineUnfit as missing:
        try:
            return "", by_device()
        except MachineUnfit as absent:
            raise MachineUnfit(f"{missing.message}; {absent.message}") from None
    return f"configfs-tsm provider {provider}", reports_of(machine.reports, provider)
