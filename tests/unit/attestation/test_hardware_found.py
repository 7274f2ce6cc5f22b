"""Which platform a machine shows: each by what it needs, in the table's order, and none at all."""

import ctypes
import errno

import cbor2
import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.errors import FileMissing, MachineUnfit
from cleanroom.manifest.genesis import Genesis
from enclave.attester.azure_aci import CERTIFICATES, read_context
from enclave.attester.hardware import (
    BY_NAME_ONLY,
    COLLECTED,
    ROWS,
    Absent,
    detect,
    look,
    read_endorsements,
)
from enclave.attester.machine import CCEL, TPM_LOG, Machine
from enclave.attester.nsm import CALL
from enclave.attester.simulated_aci import Endorsed, SimulatedMicrosoft
from enclave.attester.simulated_azure import hcl_report, paravisor_words
from enclave.coordinator.journal import Journal
from tests.support.kernels import FakeQuotes, FakeTsm
from tests.support.machines import azure_memory, container_of, google_memory, machine_with, pem
from tests.support.manifests import good_manifest
from tests.support.nitro_cca import cca_platform, cca_realm, nitro_enclave, verified_there
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    good_attester,
    simulated_platform,
    simulated_tdx,
    verified,
    verified_tdx,
)
from tests.support.tpm import checked, rsa_key


def paravisor(below="snp"):
    words = paravisor_words(rsa_key("vtpm").public_key(), bytes(64))
    report = good_attester().collect(BINDING).report if below == "snp" else bytes(1024)
    return azure_memory(hcl_report(below, report, words))


def tdx():
    return simulated_tdx().attester(MEASUREMENT, GENESIS)


SHOWN = {
    "azure-snp": lambda root: machine_with(root, "tpm", memory=paravisor("snp")),
    "azure-tdx": lambda root: machine_with(root, "tpm", memory=paravisor("tdx")),
    "azure-aci": lambda root: machine_with(
        container_of(root, b"\xd2", "").parent, "sev-guest", provider="sev_guest"
    ),
    "nitro": lambda root: machine_with(root, "nsm"),
    "cca": lambda root: machine_with(root, provider="arm_cca_guest", source=cca_realm()),
    "sev-snp": lambda root: machine_with(root, "sev-guest", provider="sev_guest"),
    "tdx": lambda root: machine_with(root, "tdx-guest", provider="tdx_guest", source=tdx()),
    "gcp-vtpm": lambda root: machine_with(root, "tpm", memory=google_memory()),
    "tpm": lambda root: machine_with(root, "tpm"),
}
"""For each platform a machine that shows it and no other."""
AUTOMATIC = [name for row in ROWS if row.rank != BY_NAME_ONLY for name in row.platforms]


@pytest.mark.parametrize("platform", AUTOMATIC)
def test_machine_that_shows_one_platform_is_that_platform(tmp_path, platform):
    machine = SHOWN[platform](tmp_path)
    found = detect(machine)
    assert found.platform == platform
    assert found.how
    assert detect(machine, platform).platform == platform


@pytest.mark.parametrize("platform", COLLECTED)
def test_platform_that_is_not_there_says_what_is_missing(tmp_path, platform):
    with pytest.raises(MachineUnfit, match=f"no {platform}, expected {platform}") as refused:
        detect(Machine(tmp_path), platform)
    (lacking,) = refused.value.problems
    assert platform in lacking.where
    assert lacking.message.startswith(("no ", "0 folders"))


def test_ordinary_machine_is_no_platform_and_each_one_says_why(tmp_path):
    with pytest.raises(MachineUnfit, match="shows no confidential platform") as refused:
        detect(Machine(tmp_path))
    assert len(refused.value.problems) == len(ROWS) - 1
    assert "simulated room" in refused.value.hint
    assert "doctor" in refused.value.hint


def test_looking_chooses_nothing_and_never_raises(tmp_path):
    seen = look(SHOWN["sev-snp"](tmp_path))
    assert [row for row, _ in seen] == list(ROWS)
    assert [row.platforms for row, one in seen if not isinstance(one, Absent)] == [("sev-snp",)]
    assert all(one.missing for _, one in seen if isinstance(one, Absent))


# --- several at once -------------------------------------------------------------------------------


def test_paravisor_speaks_before_the_processor_that_a_guest_sees(tmp_path):
    machine = machine_with(tmp_path, "tpm", "sev-guest", memory=paravisor(), provider="sev_guest")
    assert detect(machine).platform == "azure-snp"
    assert detect(machine, "sev-snp").platform == "sev-snp"


def test_utility_vm_is_a_container_group_before_it_is_a_guest(tmp_path):
    container_of(tmp_path, b"\xd2", "")
    machine = machine_with(tmp_path, "sev-guest", provider="sev_guest")
    assert detect(machine).platform == "azure-aci"


def test_processor_speaks_before_googles_vtpm_unless_it_is_asked_for(tmp_path):
    machine = machine_with(
        tmp_path, "tpm", "sev-guest", memory=google_memory(), provider="sev_guest"
    )
    assert detect(machine).platform == "sev-snp"
    assert detect(machine, "gcp-vtpm").platform == "gcp-vtpm"


def test_two_processors_at_once_are_refused(tmp_path):
    machine = machine_with(tmp_path, "nsm", "sev-guest")
    with pytest.raises(MachineUnfit, match="shows nitro, sev-snp at once") as refused:
        detect(machine)
    assert "--evidence" in refused.value.hint
    assert detect(machine, "nitro").platform == "nitro"


def test_a_plain_tpm_counts_only_when_it_is_asked_for(tmp_path):
    machine = SHOWN["tpm"](tmp_path)
    with pytest.raises(MachineUnfit, match="no confidential platform"):
        detect(machine)
    assert detect(machine, "tpm").platform == "tpm"


def test_paravisor_over_one_processor_is_not_that_over_another(tmp_path):
    with pytest.raises(MachineUnfit, match="no azure-tdx") as refused:
        detect(SHOWN["azure-snp"](tmp_path), "azure-tdx")
    assert refused.value.problems[0].message == "this is azure-snp"


def test_tpm_whose_index_holds_something_else(tmp_path):
    machine = machine_with(tmp_path, "tpm", memory=azure_memory(b"something else"))
    with pytest.raises(MachineUnfit, match="no azure-snp") as refused:
        detect(machine, "azure-snp")
    assert "holds no report of a paravisor" in refused.value.problems[0].message


def test_tpm_that_may_not_be_opened(tmp_path):
    def refuses(_device):
        raise MachineUnfit("there is no TPM, expected /dev/tpmrm0")

    SHOWN["tpm"](tmp_path)
    with pytest.raises(MachineUnfit, match="no tpm"):
        detect(Machine(tmp_path, open_tpm=refuses), "tpm")


# --- what is found collects ------------------------------------------------------------------------


def test_guest_of_snp_through_configfs(tmp_path):
    machine = SHOWN["sev-snp"](tmp_path)
    found = detect(machine)
    attester = found.begin(tuple(machine.files.attester.endorsements))
    assert found.how == "configfs-tsm provider sev_guest"
    assert verified(attester.collect(BINDING)).measurement == MEASUREMENT.hex()
    assert len(attester.derive_key(b"state")) == 32


def test_guest_of_snp_by_its_device(tmp_path):
    found = detect(machine_with(tmp_path, "sev-guest"))
    assert found.how == "/dev/sev-guest"
    attester = found.begin(())
    assert verified(attester.collect(BINDING)).measurement == MEASUREMENT.hex()
    assert len(attester.derive_key(b"state")) == 32


def test_guest_of_snp_without_its_device_keeps_no_state(tmp_path):
    machine = machine_with(tmp_path, provider="sev_guest")
    attester = detect(machine).begin(tuple(machine.files.attester.endorsements))
    assert verified(attester.collect(BINDING))
    with pytest.raises(MachineUnfit, match="cannot keep its state on sev-snp: there is no /dev/s"):
        attester.derive_key(b"state")


def test_other_provider_beside_the_device(tmp_path):
    """A device answers by itself where configfs-tsm speaks for another platform."""
    machine = machine_with(tmp_path, "sev-guest", provider="tdx_guest", source=tdx())
    with pytest.raises(MachineUnfit, match="shows sev-snp, tdx at once"):
        detect(machine)


def test_guest_of_tdx_through_configfs(tmp_path):
    evidence = tdx().collect(BINDING)
    log = tmp_path / CCEL.relative_to("/")
    log.parent.mkdir(parents=True)
    log.write_bytes(evidence.event_log)
    found = detect(SHOWN["tdx"](tmp_path))
    assert found.how == "configfs-tsm provider tdx_guest"
    attester = found.begin(tuple(evidence.endorsements))
    assert len(verified_tdx(attester.collect(BINDING)).events) == 3
    with pytest.raises(MachineUnfit, match="cannot keep its state on tdx"):
        attester.derive_key(b"state")


def test_coordinator_on_tdx_ends_before_it_keeps_anything(tmp_path):
    attester = detect(SHOWN["tdx"](tmp_path / "machine")).begin(())
    state = tmp_path / "state"
    state.mkdir()
    with pytest.raises(MachineUnfit, match="cannot keep its state on tdx") as refused:
        Journal.open(state, Genesis.of(good_manifest()), attester.derive_key, NOW)
    assert "SEV-SNP" in refused.value.hint
    assert list(state.iterdir()) == []


def test_guest_of_tdx_by_its_device_and_the_hosts_service(tmp_path):
    machine = machine_with(tmp_path, "tdx-guest", quotes=FakeQuotes(tdx()))
    found = detect(machine)
    assert found.how == "/dev/tdx_guest, and the host's quote generation service"
    collected = found.begin(tuple(tdx().collect(BINDING).endorsements)).collect(BINDING)
    assert verified_tdx(collected).measurement == MEASUREMENT.hex()


def test_enclave_is_asked_by_its_device(tmp_path):
    def module(_descriptor, _number, call):
        request, size, response, room = CALL.unpack(call)
        asked = cbor2.loads(ctypes.string_at(request, size))["Attestation"]["user_data"]
        document = nitro_enclave().collect(asked).report
        answer = cbor2.dumps({"Attestation": {"document": document}})
        ctypes.memmove(response, answer, len(answer))
        call[:] = CALL.pack(request, size, response, min(room, len(answer)))

    attester = detect(machine_with(tmp_path, "nsm", ioctl=module)).begin(())
    assert verified_there(attester.collect(BINDING)).report_data == BINDING.hex()


def test_realm_sends_its_platforms_key_along(tmp_path):
    found = detect(SHOWN["cca"](tmp_path))
    attester = found.begin((cca_platform().public_key,))
    assert verified_there(attester.collect(BINDING)).report_data == BINDING.hex()
    with pytest.raises(MachineUnfit, match="0 endorsements, expected one: the platform's key"):
        found.begin(())


def test_container_group_sends_along_what_its_runtime_left(tmp_path):
    microsoft = SimulatedMicrosoft.create(NOW)
    machine = machine_with(tmp_path, "sev-guest")
    chain = "".join(pem(one) for one in machine.ioctl.attester.endorsements[1:])
    leaf = pem(machine.ioctl.attester.endorsements[0])
    endorsement = microsoft.endorse(Endorsed(MEASUREMENT.hex()))
    container_of(tmp_path, endorsement, leaf + chain)
    attester = detect(machine).begin(())
    roots = [simulated_platform().root_fingerprint, microsoft.root_fingerprint]
    claims = checked(attester.collect(BINDING), anchors=Anchors.development(roots))
    assert (claims.platform, attester.host_data) == ("azure-aci", GENESIS)
    assert attester.measurement == MEASUREMENT
    assert len(attester.derive_key(b"state")) == 32


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: file.unlink(), "host-amd-cert-base64 is missing"),
        (lambda file: file.write_text("?"), "host-amd-cert-base64 is not base64"),
        (lambda file: file.write_text("e30="), "gives no certificates"),
    ],
)
def test_container_group_whose_runtime_left_something_else(tmp_path, spoil, message):
    folder = container_of(tmp_path, b"\xd2", "leaf")
    spoil(folder / CERTIFICATES)
    with pytest.raises(MachineUnfit, match=message):
        read_context(folder)


# --- logs of the firmware, and configfs-tsm --------------------------------------------------------


def test_log_of_the_firmware_goes_along_where_the_kernel_shows_one(tmp_path):
    log = tmp_path / TPM_LOG.relative_to("/")
    assert Machine(tmp_path).tpm_log() is None
    log.parent.mkdir(parents=True)
    log.write_bytes(b"measured")
    assert Machine(tmp_path).tpm_log()() == b"measured"
    log.write_bytes(b"")
    with pytest.raises(MachineUnfit, match="log has 0 bytes"):
        Machine(tmp_path).tpm_log()()


def test_kernel_that_shows_the_folder_and_no_platform_behind_it(tmp_path):
    class Closed(FakeTsm):
        def create(self, name):
            raise OSError(errno.ENXIO, name)

    with pytest.raises(MachineUnfit, match="no cca") as refused:
        detect(Machine(tmp_path, files=Closed()), "cca")
    assert "has no platform behind it" in refused.value.problems[0].message


# --- what a launcher sends along -------------------------------------------------------------------


def test_endorsements_are_files_and_directories_in_their_order(tmp_path):
    (tmp_path / "chain").mkdir()
    for name in ("b.der", "a.der"):
        (tmp_path / "chain" / name).write_bytes(name.encode())
    (tmp_path / "key").write_bytes(b"key")
    given = [tmp_path / "key", tmp_path / "chain"]
    assert read_endorsements(given) == (b"key", b"a.der", b"b.der")
    with pytest.raises(FileMissing, match="endorsements are missing"):
        read_endorsements([tmp_path / "nothing"])
