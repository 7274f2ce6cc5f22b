"""An operator forges or borrows TDX evidence: it must not become claims, nor meet an entry.

The operator owns the host and the network. Genuine parts are at hand: quotes of other guests, the
collateral of other days, a simulated Intel of its own, and everything that Intel signs for others.
"""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import bind
from cleanroom.attestation.collateral import Collateral, IntelCollateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.quote import BODIES, HEADER, read_quote
from cleanroom.attestation.verifier import verify
from cleanroom.errors import AppraisalFailed, BindingMismatch, EvidenceRejected
from enclave.attester.certifying import pem
from enclave.attester.documents_intel import FMSPC, enclave_identity, tcb_info
from enclave.attester.issuing_intel import (
    AUTHORITY_NAME,
    PCK_NAME,
    ROOT_NAME,
    SIGNER_NAME,
    issue,
    issue_list,
    raw_signature,
    sgx_extension,
    sign_document,
    window_of,
)
from enclave.attester.keeping import load_ec_key
from enclave.attester.quoting import QuoteKeys, TdxLaunch, sign_quote
from enclave.attester.scenarios_tdx import TdxScenario
from tests.support.mutants import assert_mutant_is_caught, passes
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    good_evidence,
    good_policy,
    good_tdx_evidence,
    good_tdx_policy,
    other_tdx,
    simulated_tdx,
    verified_tdx,
)

BODY = HEADER.size
SIGNED_FIELDS = {row.name: BODY + row.offset for row in BODIES["td10"].rows}
"""Where each field of the TD report starts in a quote of version 4."""


def with_report(evidence, report):
    return evidence.model_copy(update={"report": report})


def with_collateral(evidence, **changed):
    collateral = IntelCollateral.from_bytes(evidence.endorsements[0]).model_copy(update=changed)
    return evidence.model_copy(update={"endorsements": [collateral.to_bytes()]})


def collateral_of(platform, days=(-1, 365), **documents):
    """This Intel's collateral, with some documents signed anew."""
    kept, window = platform._kept, window_of(NOW, days)
    signer, chain = load_ec_key(kept.signer_key), pem(kept.signer, kept.root)
    changed = {}
    if "info" in documents:
        signed = sign_document("tcbInfo", documents["info"], signer, chain, window)
        changed["tcb_infos"] = [signed]
    if "identity" in documents:
        signed = sign_document("enclaveIdentity", documents["identity"], signer, chain, window)
        changed["qe_identities"] = [signed]
    return platform.collateral().model_copy(update=changed)


def appraised(claims, **changed):
    return appraise(claims, {"entry": good_tdx_policy(**changed)}, genesis=GENESIS, now=NOW)


# --- the quote ------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", SIGNED_FIELDS.values(), ids=SIGNED_FIELDS.keys())
def test_field_altered_after_signing(at):
    evidence = good_tdx_evidence()
    report = bytearray(evidence.report)
    report[at] ^= 0x01
    with pytest.raises(EvidenceRejected, match="signature of the quote is not its issuer's"):
        verified_tdx(with_report(evidence, bytes(report)))


def test_body_swapped_under_a_genuine_quoting_enclave():
    """QE report, its signature and the chain are untouched and genuine; only the body is ours."""
    victim, ours = good_tdx_evidence().report, good_tdx_evidence("wrong-measurement").report
    end = BODY + BODIES["td10"].size
    spliced = ours[:end] + victim[end:]
    with pytest.raises(EvidenceRejected, match="signature of the quote is not its issuer's"):
        verified_tdx(with_report(good_tdx_evidence(), spliced))


def test_attestation_key_of_our_own_in_a_genuine_frame():
    with pytest.raises(EvidenceRejected, match="QE's report data is of another attestation key"):
        verified_tdx(good_tdx_evidence("other-key"))


def test_story_of_the_foreign_attestation_key_notices_a_missing_check(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "cleanroom.attestation.silicon.dcap:require_attestation_key",
        passes,
        test_attestation_key_of_our_own_in_a_genuine_frame,
    )


def test_story_of_the_swapped_body_notices_a_missing_check(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "cleanroom.attestation.silicon.dcap:require_quote_signature",
        passes,
        test_body_swapped_under_a_genuine_quoting_enclave,
    )


def test_enclave_of_our_own_signs_the_attestation_key():
    """Any enclave on the platform gets a report; only Intel's quoting enclave may vouch for keys."""
    with pytest.raises(EvidenceRejected, match="the QE's MRSIGNER is"):
        verified_tdx(good_tdx_evidence("other-qe"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"isvprodid": 1}, "the QE's product is 2, expected 1"),
        ({"mrsigner": "00" * 32}, "the QE's MRSIGNER"),
        ({"miscselect": "00000001"}, "the QE's miscselect is"),
        ({"attributes": "15000000000000000000000000000000"}, "the QE's attributes is"),
        ({"attributesMask": "FB"}, "the QE's attributes is"),
        ({"tcbLevels": enclave_identity()["tcbLevels"][:1]}, None),
    ],
)
def test_identity_of_another_enclave(changed, message):
    collateral = Collateral(
        intel=collateral_of(simulated_tdx(), identity=enclave_identity() | changed)
    )
    if message is None:
        assert (
            verified_tdx(good_tdx_evidence(), collateral=collateral).host.tcb_status == "UpToDate"
        )
        return
    with pytest.raises(EvidenceRejected, match=message):
        verified_tdx(good_tdx_evidence(), collateral=collateral)


def test_identity_of_the_sgx_quoting_enclave_for_a_tdx_quote():
    sgx = collateral_of(simulated_tdx(), identity=enclave_identity() | {"id": "QE"})
    with pytest.raises(EvidenceRejected, match="without TD_QE identity"):
        verified_tdx(good_tdx_evidence(), collateral=Collateral(intel=sgx))


def test_quoting_enclave_below_every_level():
    level = {**enclave_identity()["tcbLevels"][0], "tcb": {"isvsvn": 9}}
    newer = collateral_of(simulated_tdx(), identity=enclave_identity() | {"tcbLevels": [level]})
    with pytest.raises(EvidenceRejected, match="the TCB of the quoting enclave is below"):
        verified_tdx(good_tdx_evidence(), collateral=Collateral(intel=newer))


# --- the module -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mrsigner": "11" * 48}, "MRSIGNERSEAM is 0000"),
        ({"attributes": "0000000000000001"}, "SEAMATTRIBUTES is zero, expected 0000000000000001"),
    ],
)
def test_module_that_is_not_intel_s(changed, message):
    info = tcb_info()
    info["tdxModuleIdentities"][0] |= changed
    other = collateral_of(simulated_tdx(), info=info)
    with pytest.raises(EvidenceRejected, match=message):
        verified_tdx(good_tdx_evidence(), collateral=Collateral(intel=other))


def test_module_of_a_version_that_intel_never_made():
    with pytest.raises(EvidenceRejected, match="the TDX module is TDX_07"):
        verified_tdx(good_tdx_evidence("unknown-module"))


# --- chains and roots -----------------------------------------------------------------------------


def test_root_of_the_attackers_own():
    evidence = other_tdx().attester(MEASUREMENT, GENESIS).collect(BINDING)
    with pytest.raises(EvidenceRejected, match="the root of the PCK chain is sha256:"):
        verified_tdx(evidence)


def test_simulated_quote_under_production_anchors():
    with pytest.raises(EvidenceRejected, match="expected a root that is trusted here"):
        verify(
            good_tdx_evidence(),
            binding=BINDING,
            anchors=Anchors.vendor(),
            collateral=Collateral(),
            now=NOW,
        )


def test_simulated_quote_under_a_production_policy():
    with pytest.raises(AppraisalFailed, match="assurance is simulated, expected hardware"):
        appraised(verified_tdx(good_tdx_evidence()), development_roots=None)


def test_root_of_another_platform_s_entry_vouches_for_nothing_else():
    """Both simulated roots are anchors of the room; each counts in its own entry only."""
    policies = [good_policy(), good_tdx_policy()]
    claims = verify(
        good_tdx_evidence(),
        binding=BINDING,
        anchors=Anchors.of(policies),
        collateral=Collateral(),
        now=NOW,
    )
    snp_root = policies[0].development_roots
    with pytest.raises(AppraisalFailed, match="assurance is simulated"):
        appraised(claims, development_roots=snp_root)


def test_collateral_of_another_root():
    """Ours says that everything is up to date; the machine's Intel never signed it."""
    forged = with_collateral(good_tdx_evidence("old-tcb"), **dict(other_tdx().collateral()))
    with pytest.raises(EvidenceRejected, match=r"revocation list|root of TCB info"):
        verified_tdx(forged)


def test_tcb_info_of_another_root_beside_genuine_lists():
    forged = with_collateral(
        good_tdx_evidence("old-tcb"), tcb_infos=other_tdx().collateral().tcb_infos
    )
    with pytest.raises(EvidenceRejected, match="the root of TCB info is"):
        verified_tdx(forged)


def test_tcb_info_altered_after_signing():
    evidence = good_tdx_evidence("old-tcb")
    (signed,) = IntelCollateral.from_bytes(evidence.endorsements[0]).tcb_infos
    better = signed.document.replace(b'"OutOfDate"', b'"UpToDate"')
    forged = with_collateral(evidence, tcb_infos=[signed.model_copy(update={"document": better})])
    with pytest.raises(EvidenceRejected, match="signature of TCB info is not its issuer's"):
        verified_tdx(forged)


def test_tcb_info_written_anew_with_the_same_meaning():
    """The signature is over the bytes as served: even another space is another document."""
    evidence = good_tdx_evidence()
    (signed,) = IntelCollateral.from_bytes(evidence.endorsements[0]).tcb_infos
    spaced = signed.document.replace(b'"version":3', b'"version": 3')
    forged = with_collateral(evidence, tcb_infos=[signed.model_copy(update={"document": spaced})])
    with pytest.raises(EvidenceRejected, match="signature of TCB info"):
        verified_tdx(forged)


def test_pck_certificate_stands_in_for_the_signer_of_documents():
    """Everything under the root is genuine, but a platform's key may not speak for Intel."""
    platform, evidence = simulated_tdx(), good_tdx_evidence()
    chain = read_quote(evidence.report).pck_chain
    leaf_and_root = b"".join(
        part + b"-----END CERTIFICATE-----\n"
        for part in (chain.split(b"-----END CERTIFICATE-----\n")[index] for index in (0, 2))
    )
    signed = sign_document(
        "tcbInfo",
        tcb_info(),
        load_ec_key(platform._kept.pck_key),
        leaf_and_root,
        window_of(NOW, (-1, 30)),
    )
    with pytest.raises(EvidenceRejected, match=f"certificate name is {PCK_NAME}"):
        verified_tdx(with_collateral(evidence, tcb_infos=[signed]))


def test_signer_of_documents_stands_in_for_the_authority():
    """The TCB signing certificate is under the root, too, but it is no authority."""
    kept = simulated_tdx()._kept
    pck = issue(
        PCK_NAME,
        load_ec_key(kept.pck_key).public_key(),
        SIGNER_NAME,
        load_ec_key(kept.signer_key),
        window_of(NOW, (-1, 30)),
        sgx=sgx_extension(bytes(16), FMSPC, 9, 11),
    )
    with pytest.raises(EvidenceRejected, match=f"certificate name is {SIGNER_NAME}"):
        verified_tdx(_quoted_under(pem(pck, kept.signer, kept.root)))


def test_authority_that_is_a_leaf():
    kept = simulated_tdx()._kept
    window = window_of(NOW, (-1, 30))
    authority_key = load_ec_key(kept.authority_key)
    false_authority = issue(
        AUTHORITY_NAME, authority_key.public_key(), ROOT_NAME, load_ec_key(kept.root_key), window
    )
    pck = issue(
        PCK_NAME,
        load_ec_key(kept.pck_key).public_key(),
        AUTHORITY_NAME,
        authority_key,
        window,
        sgx=sgx_extension(bytes(16), FMSPC, 9, 11),
    )
    with pytest.raises(EvidenceRejected, match="is no authority"):
        verified_tdx(_quoted_under(pem(pck, false_authority, kept.root)))


def test_chain_with_a_certificate_left_out():
    kept = simulated_tdx()._kept
    with pytest.raises(EvidenceRejected, match="the PCK chain is 2 certificates"):
        verified_tdx(_quoted_under(pem(kept.authority, kept.root)))


def test_chain_in_another_order():
    kept = simulated_tdx()._kept
    with pytest.raises(EvidenceRejected, match=r"the root of the PCK chain|certificate name"):
        verified_tdx(_quoted_under(pem(kept.authority, kept.signer, kept.root)))


def _pck(authority_key, window=(-1, 30), fmspc=FMSPC):
    """A PCK certificate for the machine's own key, issued by whoever has `authority_key`."""
    return issue(
        PCK_NAME,
        load_ec_key(simulated_tdx()._kept.pck_key).public_key(),
        AUTHORITY_NAME,
        load_ec_key(authority_key),
        window_of(NOW, window),
        sgx=sgx_extension(bytes(16), fmspc, 9, 11),
    )


def test_platform_certificate_of_an_authority_of_the_attackers_own():
    """All names are right and the root is genuine; it did not sign this authority."""
    ours, theirs = other_tdx()._kept, simulated_tdx()._kept
    chain = pem(_pck(ours.authority_key), ours.authority, theirs.root)
    with pytest.raises(
        EvidenceRejected, match=f"signature of {AUTHORITY_NAME} is not its issuer's"
    ):
        verified_tdx(_quoted_under(chain))


def test_platform_certificate_that_the_genuine_authority_did_not_sign():
    ours, theirs = other_tdx()._kept, simulated_tdx()._kept
    chain = pem(_pck(ours.authority_key), theirs.authority, theirs.root)
    with pytest.raises(EvidenceRejected, match=f"signature of {PCK_NAME} is not its issuer's"):
        verified_tdx(_quoted_under(chain))


@pytest.mark.parametrize("window", [(-30, -10), (10, 30)])
def test_platform_certificate_out_of_its_validity(window):
    kept = simulated_tdx()._kept
    chain = pem(_pck(kept.authority_key, window), kept.authority, kept.root)
    with pytest.raises(EvidenceRejected, match=f"outside the validity of {PCK_NAME}"):
        verified_tdx(_quoted_under(chain))


def test_platform_certificate_with_a_condition_that_nobody_here_heeds():
    kept = simulated_tdx()._kept
    genuine = x509.load_der_x509_certificate(_pck(kept.authority_key))
    builder = x509.CertificateBuilder(
        issuer_name=genuine.issuer,
        subject_name=genuine.subject,
        public_key=genuine.public_key(),
        serial_number=genuine.serial_number,
        not_valid_before=genuine.not_valid_before_utc,
        not_valid_after=genuine.not_valid_after_utc,
        extensions=list(genuine.extensions),
    )
    condition = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    unsigned = builder.add_extension(condition, critical=True)
    signed = unsigned.sign(load_ec_key(kept.authority_key), SHA256())
    chain = pem(signed.public_bytes(Encoding.DER), kept.authority, kept.root)
    with pytest.raises(EvidenceRejected, match=r"critical extension 1\.2\.3\.4 is unknown here"):
        verified_tdx(_quoted_under(chain))


def test_signer_of_documents_that_the_root_did_not_sign():
    ours, theirs = other_tdx()._kept, simulated_tdx()._kept
    signed = sign_document(
        "tcbInfo",
        tcb_info(),
        load_ec_key(ours.signer_key),
        pem(ours.signer, theirs.root),
        window_of(NOW, (-1, 30)),
    )
    with pytest.raises(EvidenceRejected, match=f"signature of {SIGNER_NAME} is not its issuer's"):
        verified_tdx(with_collateral(good_tdx_evidence(), tcb_infos=[signed]))


def test_signer_of_documents_that_was_revoked():
    kept = simulated_tdx()._kept
    serial = x509.load_der_x509_certificate(kept.signer).serial_number
    listed = issue_list(ROOT_NAME, load_ec_key(kept.root_key), window_of(NOW, (-1, 30)), [serial])
    with pytest.raises(EvidenceRejected, match=f"{SIGNER_NAME} is revoked by its root"):
        verified_tdx(with_collateral(good_tdx_evidence(), root_crl=listed))


def test_authority_that_was_revoked():
    kept = simulated_tdx()._kept
    serial = x509.load_der_x509_certificate(kept.authority).serial_number
    listed = issue_list(ROOT_NAME, load_ec_key(kept.root_key), window_of(NOW, (-1, 30)), [serial])
    with pytest.raises(EvidenceRejected, match=f"{AUTHORITY_NAME} is revoked by its root"):
        verified_tdx(with_collateral(good_tdx_evidence(), root_crl=listed))


def _quoted_under(chain):
    kept = simulated_tdx()._kept
    keys = QuoteKeys(load_ec_key(kept.pck_key), load_ec_key(kept.attestation_key), chain)
    launch = TdxLaunch(MEASUREMENT, GENESIS.ljust(48, b"\0"), TdxScenario())
    report = sign_quote(launch, BINDING, keys)
    return good_tdx_evidence().model_copy(update={"report": report})


# --- revocation and time --------------------------------------------------------------------------


def test_revoked_platform():
    with pytest.raises(EvidenceRejected, match=f"is revoked by {AUTHORITY_NAME}"):
        verified_tdx(good_tdx_evidence("revoked-pck"))


def test_list_of_another_authority_in_place_of_the_platform_s():
    """A list of the root names no platform: it must not pass for the authority's."""
    evidence = good_tdx_evidence("revoked-pck")
    root_list = IntelCollateral.from_bytes(evidence.endorsements[0]).root_crl
    with pytest.raises(EvidenceRejected, match=f"without a list of {AUTHORITY_NAME}"):
        verified_tdx(with_collateral(evidence, pck_crls=[root_list]))


def test_list_of_the_right_name_and_another_key():
    evidence = good_tdx_evidence("revoked-pck")
    with pytest.raises(EvidenceRejected, match="signature of the revocation list"):
        verified_tdx(with_collateral(evidence, pck_crls=other_tdx().collateral().pck_crls))


def test_collateral_of_last_season():
    with pytest.raises(EvidenceRejected, match="not valid on 2027-01-15"):
        verified_tdx(good_tdx_evidence("stale-collateral"))


@pytest.mark.parametrize("part", ["info", "identity"])
@pytest.mark.parametrize("days", [(-90, -60), (60, 90)])
def test_document_out_of_its_window_beside_fresh_lists(part, days):
    document = {"info": tcb_info(), "identity": enclave_identity()}[part]
    stale = collateral_of(simulated_tdx(), days, **{part: document})
    with pytest.raises(EvidenceRejected, match=r"(TCB info|QE identity) is not valid on"):
        verified_tdx(good_tdx_evidence(), collateral=Collateral(intel=stale))


def test_older_documents_that_are_still_in_force():
    """Intel's windows overlap: the parties say which TCB recovery must be known."""
    older = collateral_of(simulated_tdx(), info=tcb_info() | {"tcbEvaluationDataNumber": 16})
    claims = verified_tdx(good_tdx_evidence(), collateral=Collateral(intel=older))
    with pytest.raises(AppraisalFailed, match="TCB evaluation number is 16, expected 18"):
        appraised(claims)


def test_verifier_s_own_collateral_wins_over_what_came_along_and_is_as_fresh():
    strict = collateral_of(
        simulated_tdx(), info=tcb_info() | {"tcbLevels": tcb_info()["tcbLevels"][3:]}
    )
    shown = good_tdx_evidence().carrying(Collateral(intel=simulated_tdx().collateral()))
    claims = verified_tdx(shown, collateral=Collateral(intel=strict))
    assert claims.host.tcb_status == "OutOfDate"


def test_fresher_documents_count_whoever_brings_them():
    """The verifier holds those of before a TCB recovery; the attester brings those of after it."""
    older = collateral_of(simulated_tdx(), info=tcb_info() | {"tcbEvaluationDataNumber": 16})
    shown = good_tdx_evidence().carrying(Collateral(intel=simulated_tdx().collateral()))
    claims = verified_tdx(shown, collateral=Collateral(intel=older))
    assert claims.host.tcb_evaluation_number == 18
    old_first = good_tdx_evidence().carrying(Collateral(intel=older))
    claims = verified_tdx(old_first, collateral=Collateral(intel=simulated_tdx().collateral()))
    assert claims.host.tcb_evaluation_number == 18


def test_older_lists_that_the_attester_brings_do_not_hide_a_revocation():
    """Its own list is of before its PCK was revoked; the verifier's is a day younger."""
    revoked = good_tdx_evidence("revoked-pck")
    told = IntelCollateral.from_bytes(revoked.endorsements[0])
    clean = simulated_tdx().collateral((-2, 364))
    shown = revoked.model_copy(update={"endorsements": [clean.to_bytes()]})
    assert verified_tdx(shown).host.tcb_status == "UpToDate"
    with pytest.raises(EvidenceRejected, match="is revoked by"):
        verify(
            shown,
            binding=BINDING,
            anchors=Anchors.development([simulated_tdx().root_fingerprint]),
            collateral=Collateral(intel=told),
            now=NOW,
        )


@pytest.mark.parametrize("days", [-3, 8 * 365])
def test_certificates_out_of_their_validity(days):
    with pytest.raises(EvidenceRejected, match=r"outside the validity|not valid on"):
        verified_tdx(good_tdx_evidence(), now=NOW + timedelta(days=days))


# --- the guest ------------------------------------------------------------------------------------


def test_debug_guest_whose_memory_the_host_reads():
    with pytest.raises(AppraisalFailed, match="TD attribute debug is set, expected clear"):
        appraised(verified_tdx(good_tdx_evidence("debug")))


def test_guest_that_a_migration_guest_may_move():
    with pytest.raises(AppraisalFailed, match="TD attribute migratable is set"):
        appraised(verified_tdx(good_tdx_evidence("migratable")))


def test_host_swaps_the_kernel_under_the_same_firmware():
    """MRTD is the same: only the registers tell."""
    claims = verified_tdx(good_tdx_evidence("wrong-kernel"))
    assert claims.measurement == MEASUREMENT.hex()
    with pytest.raises(AppraisalFailed, match="RTMR1 is"):
        appraised(claims)


def test_log_that_tells_a_better_story_than_the_registers():
    with pytest.raises(EvidenceRejected, match="RTMR1 by the event log is"):
        verified_tdx(good_tdx_evidence("wrong-log"))


def test_guest_of_another_room():
    other_room = simulated_tdx().attester(MEASUREMENT, b"\x66" * 32).collect(BINDING)
    with pytest.raises(AppraisalFailed, match="host data is 6666"):
        appraised(verified_tdx(other_room))


def test_genesis_followed_by_something_else():
    kept = simulated_tdx().attester(MEASUREMENT, GENESIS + b"\x01" * 16)
    with pytest.raises(AppraisalFailed, match="host data is 5a5a"):
        appraised(verified_tdx(kept.collect(BINDING)))


def test_platform_outside_the_list_behind_an_interposer():
    with pytest.raises(AppraisalFailed, match=r"platform id is .*, expected 1111"):
        appraised(verified_tdx(good_tdx_evidence()), ppids=["11" * 16])


def test_quote_replayed_into_another_session():
    stale = simulated_tdx().attester(MEASUREMENT, GENESIS).collect(bind("x", b"yesterday"))
    with pytest.raises(BindingMismatch, match="report data is"):
        verified_tdx(stale)


def test_report_data_altered_before_signing():
    with pytest.raises(BindingMismatch, match="report data is"):
        verified_tdx(good_tdx_evidence("wrong-binding"))


def test_tdx_quote_presented_as_another_platform():
    evidence = good_tdx_evidence()
    for platform in ("sev-snp", "sgx"):
        renamed = evidence.model_copy(update={"platform": platform, "event_log": None})
        with pytest.raises(EvidenceRejected):
            verified_tdx(renamed)
    report = Evidence(platform="tdx", report=good_evidence().report, endorsements=[])
    with pytest.raises(EvidenceRejected):
        verified_tdx(report, collateral=Collateral(intel=simulated_tdx().collateral()))


@pytest.mark.parametrize("along", [[], [b"{}"], [b"not collateral"]])
def test_evidence_that_comes_without_collateral(along):
    bare = good_tdx_evidence().model_copy(update={"endorsements": along})
    with pytest.raises(EvidenceRejected, match="collateral"):
        verified_tdx(bare)


def test_collateral_that_came_along_twice():
    evidence = good_tdx_evidence()
    twice = evidence.model_copy(update={"endorsements": evidence.endorsements * 2})
    with pytest.raises(EvidenceRejected, match="in 2 endorsements"):
        verified_tdx(twice)


def test_signature_by_another_key_of_the_same_curve():
    kept = simulated_tdx()._kept
    raw = bytearray(good_tdx_evidence().report)
    signed = bytes(raw[: BODY + BODIES["td10"].size])
    raw[636 : 636 + 64] = raw_signature(load_ec_key(kept.root_key), signed)
    with pytest.raises(EvidenceRejected, match="signature of the quote"):
        verified_tdx(with_report(good_tdx_evidence(), bytes(raw)))


def test_attestation_key_that_is_no_point_of_the_curve():
    raw = bytearray(good_tdx_evidence().report)
    raw[700 : 700 + 64] = b"\x01" * 64
    with pytest.raises(EvidenceRejected, match="QE's report data is of another attestation key"):
        verified_tdx(with_report(good_tdx_evidence(), bytes(raw)))
