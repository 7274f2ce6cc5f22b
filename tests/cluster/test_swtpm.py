"""From a software TPM to an attestation result: the collectors' own commands, the verifier's steps.

Skipped where `swtpm` (Debian's package of that name) is not installed.
"""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import bind
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.formats.tpm_public import read_attestation_key, rsa_key
from cleanroom.attestation.policy import TpmPolicy
from cleanroom.attestation.verifier import verify
from cleanroom.errors import BindingMismatch, EvidenceRejected, MachineUnfit, StateUnreadable
from cleanroom.manifest.genesis import Genesis
from enclave.attester.azure import ATTESTATION_KEY, REPORT_INDEX, USER_INDEX, AzureAttester
from enclave.attester.gcp_vtpm import CERTIFICATE, TEMPLATE, GcpVtpmAttester
from enclave.attester.hardware import detect
from enclave.attester.machine import Machine
from enclave.attester.simulated_azure import hcl_report, paravisor_words, report_data_of
from enclave.attester.tpm import ATTESTATION_KEY as ATTESTATION_KEY_TEMPLATE
from enclave.attester.tpm import ATTESTS, BOOT_PCRS, TpmAttester, quotation
from enclave.attester.tpm_commands import ENDORSEMENT, NULL, OWNER, PASSWORD, SHA256, Tpm, words
from enclave.coordinator.journal import Journal
from tests.support.machines import pem
from tests.support.manifests import good_manifest
from tests.support.platform import BINDING, GENESIS, MEASUREMENT, NOW, simulated_platform
from tests.support.swtpm import needs_swtpm, software_tpm
from tests.support.tpm import azure_policy, gcp_policy, google

pytestmark = needs_swtpm
ROOM = Genesis.of(good_manifest())
RSASSA = 0x0014
AZURE_KEY = words(
    *((2, 1), (2, SHA256), (4, ATTESTS), (2, 0)),
    *((2, NULL), (2, RSASSA), (2, SHA256), (2, 2048), (4, 0), (2, 0)),
)
"""TPMT_PUBLIC of a restricted signing key as Azure's vTPM has it."""


@pytest.fixture
def tpm(tmp_path):
    with software_tpm(tmp_path) as started:
        yield started


def extend(tpm, register, content):
    digest = words((4, 1), (2, SHA256)) + hashlib.sha256(content).digest()
    tpm.run(0x182, "PCR_Extend", (register,), digest, PASSWORD)


def boot(tpm):
    for register in (0, 4, 7, 11):
        extend(tpm, register, b"booted %d" % register)


def entry_of(attester, tpm):
    values = {str(index): [value.hex()] for index, value in tpm.pcr_read((4, 7, 11)).items()}
    return TpmPolicy.from_plain(
        {
            "platform": "tpm",
            "memory": "open-to-host",
            "keys": [attester.key_name],
            "boot": {"pcrs": values},
            "host_data": "any",
        }
    )


def verified(evidence, entry, binding=BINDING):
    return verify(
        evidence,
        binding=binding,
        anchors=Anchors.of([entry]),
        collateral=Collateral(),
        now=NOW,
    )


def test_from_a_tpm_to_a_result(tpm):
    boot(tpm)
    attester = TpmAttester(tpm)
    entry = entry_of(attester, tpm)
    claims = verified(attester.collect(BINDING), entry)
    result = appraise(claims, {"entry": entry}, genesis=GENESIS, now=NOW)
    assert (result.status, result.policy) == ("warning", "entry")
    assert len(claims.boot.pcrs) == 24


def test_quote_of_another_conversation(tpm):
    attester = TpmAttester(tpm)
    entry = entry_of(attester, tpm)
    with pytest.raises(BindingMismatch):
        verified(attester.collect(bind("cleanroom/test/v1", b"another")), entry)


def test_key_of_another_tpm(tpm, tmp_path):
    entry = entry_of(TpmAttester(tpm), tpm)
    (tmp_path / "other").mkdir()
    with (
        software_tpm(tmp_path / "other") as other,
        pytest.raises(EvidenceRejected, match="expected a key that the parties registered"),
    ):
        verified(TpmAttester(other).collect(BINDING), entry)


def test_key_is_the_same_after_a_restart(tmp_path):
    names, derived = [], []
    for _ in range(2):
        with software_tpm(tmp_path) as started:
            boot(started)
            names.append(TpmAttester(started).key_name)
            derived.append(TpmAttester(started).derive_key(b"context"))
    assert names[0] == names[1]
    assert derived[0] == derived[1]


def test_key_of_another_boot(tmp_path):
    with software_tpm(tmp_path) as started:
        boot(started)
        before = TpmAttester(started).derive_key(b"context")
        assert TpmAttester(started).derive_key(b"another") != before
    with software_tpm(tmp_path) as started:
        boot(started)
        extend(started, 4, b"another boot loader")
        assert TpmAttester(started).derive_key(b"context") != before


def test_measurement_names_the_boot(tpm):
    before = TpmAttester(tpm).measurement
    extend(tpm, 16, b"debug")
    assert TpmAttester(tpm).measurement == before
    extend(tpm, BOOT_PCRS[4], b"another")
    assert TpmAttester(tpm).measurement != before
    assert len(before) == 48


def test_registers_that_never_rest(tpm):
    handle = tpm.create_primary(OWNER, AZURE_KEY)

    class Restless:
        def quote(self, *arguments):
            quoted = tpm.quote(*arguments)
            extend(tpm, 16, b"again")
            return quoted

        pcr_read = staticmethod(tpm.pcr_read)

    with pytest.raises(MachineUnfit, match="registers changed 4 times"):
        quotation(Restless(), handle, bytes(32), range(24))


def test_index_that_is_not_there(tpm):
    with pytest.raises(MachineUnfit, match="refuses NV_ReadPublic with 0x18b"):
        tpm.nv_read(REPORT_INDEX)


def test_index_is_read_in_parts(tpm):
    content = bytes(range(256)) * 7
    tpm.nv_define(USER_INDEX, len(content))
    tpm.nv_write(USER_INDEX, content)
    assert tpm.nv_read(USER_INDEX) == content


class Paravisor:
    """Answers a guest's write into the vTPM with a new report, as Azure's paravisor does."""

    def __init__(self, tpm, processor, *, deaf=False):
        self.tpm, self.processor, self.deaf = tpm, processor, deaf
        handle = tpm.create_primary(OWNER, AZURE_KEY)
        persistent = words((4, ATTESTATION_KEY))
        tpm.run(0x120, "EvictControl", (OWNER, handle), persistent, PASSWORD)
        self.key = rsa_of(tpm.read_public(ATTESTATION_KEY))
        tpm.nv_define(REPORT_INDEX, 2048)
        self.report(bytes(64))

    def report(self, user_data):
        said = paravisor_words(self.key, user_data)
        report = self.processor.collect(report_data_of(said)).report
        self.tpm.nv_write(REPORT_INDEX, hcl_report("snp", report, said).ljust(2048, b"\0"))

    def pause(self, _seconds):
        if not self.deaf:
            self.report(self.tpm.nv_read(USER_INDEX))


def rsa_of(public):
    return rsa_key(int.from_bytes(public[-256:], "big"), 65537, "key")


@pytest.fixture
def processor():
    return simulated_platform().attester(MEASUREMENT, GENESIS)


def metadata(processor):
    leaf, *chain = (pem(certificate) for certificate in processor.endorsements)

    def ask(path, body):
        assert (path, body) == ("/metadata/THIM/amd/certification", None)
        return json.dumps({"vcekCert": leaf, "certificateChain": "".join(chain)}).encode()

    return ask


def test_from_a_guest_on_azure_to_a_result(tpm, processor):
    boot(tpm)
    paravisor = Paravisor(tpm, processor)
    attester = AzureAttester(tpm, metadata(processor), pause=paravisor.pause)
    evidence = attester.collect(BINDING)
    values = {str(index): [value.hex()] for index, value in tpm.pcr_read((4, 7)).items()}
    entry = azure_policy(boot={"pcrs": values})
    claims = verified(evidence, entry)
    result = appraise(claims, {"azure": entry}, genesis=GENESIS, now=NOW)
    assert (claims.platform, result.assurance) == ("azure-snp", "simulated")
    assert bytes.fromhex(claims.guest.user_data)[:32] == hashlib.sha256(BINDING).digest()


def test_from_an_instance_on_google_cloud_to_a_result(tpm):
    boot(tpm)
    handle = tpm.create_primary(ENDORSEMENT, ATTESTATION_KEY_TEMPLATE)
    public = read_attestation_key(tpm.read_public(handle)).public_key
    tpm.flush(handle)
    leaf = google().certify(load_der_public_key(public))
    for index, content in ((CERTIFICATE, leaf), (TEMPLATE, ATTESTATION_KEY_TEMPLATE)):
        tpm.nv_define(index, len(content))
        tpm.nv_write(index, content)
    attester = GcpVtpmAttester(tpm, (google().authority, google().root))
    values = {str(index): [value.hex()] for index, value in tpm.pcr_read((4, 7)).items()}
    entry = gcp_policy(boot={"pcrs": values})
    claims = verified(attester.collect(BINDING), entry)
    result = appraise(claims, {"gcp": entry}, genesis=GENESIS, now=NOW)
    assert (result.policy, claims.instance) == ("gcp", "5151")


def test_paravisor_that_makes_no_new_report(tpm, processor):
    paravisor = Paravisor(tpm, processor, deaf=True)
    attester = AzureAttester(tpm, lambda *_: b"", pause=paravisor.pause)
    with pytest.raises(MachineUnfit, match="made no new report in 10 tries"):
        attester.collect(BINDING)


def test_commands_are_bounded_by_what_they_say():
    for answer in (b"", b"\x80\x01\0\0\0\x0a\0\0\0", b"\x80\x01\0\0\0\x0b\0\0\0\0"):
        with pytest.raises(MachineUnfit, match="malformed"):
            Tpm(lambda _, answer=answer: answer).read_public(1)


# --- a machine with a TPM is found, and keeps a coordinator's state --------------------------------


def machine_over(tpm, root, **doors):
    """A machine whose /dev/tpmrm0 is the software TPM."""
    (root / "dev").mkdir(exist_ok=True)
    (root / "dev/tpmrm0").touch()
    return Machine(root, open_tpm=lambda _device: tpm._send, **doors)


def test_machine_with_a_tpm_is_found_by_name_and_proves_itself(tpm, tmp_path):
    boot(tpm)
    found = detect(machine_over(tpm, tmp_path), "tpm")
    entry = entry_of(TpmAttester(tpm), tpm)
    claims = verified(found.begin(()).collect(BINDING), entry)
    assert appraise(claims, {"entry": entry}, genesis=GENESIS, now=NOW).policy == "entry"


def test_guest_on_azure_is_found_and_sends_certificates_that_it_was_given(tpm, processor, tmp_path):
    boot(tpm)
    paravisor = Paravisor(tpm, processor)

    def unreachable(_path, _body):
        raise MachineUnfit("the metadata service does not answer")

    found = detect(machine_over(tpm, tmp_path, metadata=unreachable))
    assert (found.platform, found.how) == ("azure-snp", "paravisor's report over snp in the vTPM")
    # The paravisor answers a guest's write by itself; here the test is the paravisor.
    tpm.nv_define(USER_INDEX, 64)
    paravisor.report(hashlib.sha256(BINDING).digest().ljust(64, b"\0"))
    evidence = found.begin(tuple(processor.endorsements)).collect(BINDING)
    claims = verified(evidence, azure_policy())
    assert claims.platform == "azure-snp"


def test_instance_on_google_cloud_is_found(tpm, tmp_path):
    machine = machine_over(tpm, tmp_path)
    with pytest.raises(MachineUnfit, match="no gcp-vtpm"):
        detect(machine, "gcp-vtpm")
    for index in (CERTIFICATE, TEMPLATE):
        tpm.nv_define(index, 8)
        tpm.nv_write(index, b"contents")
    assert detect(machine).platform == "gcp-vtpm"


def opened(directory, root, tpm):
    attester = detect(machine_over(tpm, root), "tpm").begin(())
    return Journal.open(directory, ROOM, attester.derive_key, NOW)


def test_coordinators_state_opens_again_after_a_restart_of_the_same_boot(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    authorities = []
    for _ in range(2):
        with software_tpm(tmp_path) as started:
            boot(started)
            journal = opened(state, tmp_path, started)
            authorities.append(journal.keys.root_certificate)
            journal.close()
    assert authorities[0] == authorities[1]


def test_coordinators_state_stays_closed_to_another_boot_and_another_tpm(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    with software_tpm(tmp_path) as started:
        boot(started)
        opened(state, tmp_path, started).close()
    with software_tpm(tmp_path) as started:
        boot(started)
        extend(started, 4, b"another boot loader")
        with pytest.raises(StateUnreadable):
            opened(state, tmp_path, started)
    (tmp_path / "other").mkdir()
    with software_tpm(tmp_path / "other") as started:
        boot(started)
        with pytest.raises(StateUnreadable):
            opened(state, tmp_path, started)
