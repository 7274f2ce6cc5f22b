"""The model: canonical or refused, frozen, and with defaults that never change in version 1."""

import pytest
from pydantic import ValidationError

from cleanroom.encoding import content_digest
from cleanroom.errors import ManifestRule, NotCanonical, RecordMalformed
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.schema import leaves, nodes_at
from tests.support.manifests import ABSENT, changed, good_manifest, good_plain, signer

DEFAULTS = {
    "attestation.*.author_key_digests": "any",
    "attestation.*.boot.bank": "sha256",
    "attestation.*.chip_ids": "any",
    "attestation.*.crl_grace_d": 0,
    "attestation.*.csp_ids": [],
    "attestation.*.debug": "forbid",
    "attestation.*.development_roots": None,
    "attestation.*.devices.gpus.policy.development_roots": None,
    "attestation.*.devices.gpus.policy.device_ids": "any",
    "attestation.*.devices.gpus.policy.modes": ["single", "multi"],
    "attestation.*.devices.switches.policy.architectures": ["ls10"],
    "attestation.*.devices.switches.policy.development_roots": None,
    "attestation.*.devices.switches.policy.device_ids": "any",
    "attestation.*.devices.switches.policy.lock": "require",
    "attestation.*.enclave_attributes.debug": "forbid",
    "attestation.*.enclave_attributes.einittoken_key": "forbid",
    "attestation.*.enclave_attributes.provision_key": "forbid",
    "attestation.*.extended_measurements.rem0": "zero",
    "attestation.*.extended_measurements.rem1": "zero",
    "attestation.*.extended_measurements.rem2": "zero",
    "attestation.*.extended_measurements.rem3": "zero",
    "attestation.*.guest.fresh_report": "require",
    "attestation.*.guest.secure_boot": "require",
    "attestation.*.guest_policy.debug": "forbid",
    "attestation.*.guest_policy.migrate_ma": "forbid",
    "attestation.*.id_key_digests": "any",
    "attestation.*.lifecycles": ["secured"],
    "attestation.*.max_collateral_age_d": None,
    "attestation.*.max_crl_age_d": None,
    "attestation.*.measurements": None,
    "attestation.*.measurements.*.rtmr0": "any",
    "attestation.*.measurements.*.rtmr1": "any",
    "attestation.*.measurements.*.rtmr2": "any",
    "attestation.*.measurements.*.rtmr3": "zero",
    "attestation.*.min_isv_svn": 0,
    "attestation.*.min_mitigation_vector": 0,
    "attestation.*.min_report_version": 3,
    "attestation.*.module_ids": "any",
    "attestation.*.mr_owner": "any",
    "attestation.*.mr_owner_config": "any",
    "attestation.*.mr_seam": "any",
    "attestation.*.mr_service_td": "zero",
    "attestation.*.pcr3": "any",
    "attestation.*.pcr4": "any",
    "attestation.*.pcr8": "any",
    "attestation.*.platform_info.alias_check_complete": "require",
    "attestation.*.ppids": "any",
    "attestation.*.revocation": "if-present",
    "attestation.*.signers": "any",
    "attestation.*.signing_keys": ["vcek"],
    "attestation.*.tcb_applies_to": ["reported", "committed", "launch"],
    "attestation.*.tcb_status": ["UpToDate"],
    "attestation.*.td_attributes.debug": "forbid",
    "attestation.*.td_attributes.hgs_plus_prof": "forbid",
    "attestation.*.td_attributes.migratable": "forbid",
    "attestation.*.td_attributes.perf_prof": "forbid",
    "attestation.*.td_attributes.perfmon": "forbid",
    "attestation.*.td_attributes.pmt_prof": "forbid",
    "attestation.*.td_attributes.sept_ve_disable": "require",
    "attestation.*.td_attributes.unnamed": "forbid",
    "attestation.*.vmpl": [0],
    "attestation.*.zones": "any",
    "computations.*.duplicates": "first",
    "computations.*.folds": None,
    "computations.*.join": "inner",
    "computations.*.left": None,
    "computations.*.batch": 256,
    "computations.*.l2": "1",
    "computations.*.network.activation": "relu",
    "computations.*.learning_rate": "0.3",
    "computations.*.limits.timeout_s": 900,
    "computations.*.max_rows": 10_000_000,
    "computations.*.min_child_weight": "1",
    "computations.*.missing": "refuse",
    "computations.*.subsample": "1",
    "computations.*.colsample_bytree": "1",
    "computations.*.early_stopping.validation_percent": 20,
    "computations.*.outputs.*.compare": "none",
    "computations.*.outputs.*.decimals": 3,
    "computations.*.outputs.*.gate.min_group": 10,
    "computations.*.outputs.*.gate.round_to": 1,
    "computations.*.outputs.*.kept_as": None,
    "computations.*.outputs.*.max_bytes": 1 << 30,
    "computations.*.outputs.*.live": False,
    "computations.*.outputs.*.min_bin": 20,
    "computations.*.outputs.*.min_test": 100,
    "computations.*.outputs.*.points": 20,
    "computations.*.outputs.*.recipients": [],
    "computations.*.outputs.*.reveals_membership": False,
    "computations.*.parameters.iterations.default": None,
    "computations.*.parameters.limit.default": None,
    "computations.*.parameters.max_depth.default": None,
    "computations.*.parameters.learning_rate.default": None,
    "computations.*.parameters.l2.default": None,
    "computations.*.parameters.min_child_weight.default": None,
    "computations.*.parameters.subsample.default": None,
    "computations.*.parameters.colsample_bytree.default": None,
    "computations.*.parameters.epochs.default": None,
    "computations.*.parameters.rounds.default": None,
    "computations.*.split.seed": 1,
    "computations.*.split.test_percent": 25,
    "computations.*.workers.count": 1,
    "datasets.*.columns.*.bounds": None,
    "datasets.*.columns.*.normalise": "exact",
    "datasets.*.columns.*.nullable": False,
    "datasets.*.classes": [],
    "datasets.*.columns.*.values": None,
    "datasets.*.privacy.delta": "0",
    "datasets.*.features.*.nullable": False,
    "datasets.*.features.*.values": None,
    "datasets.*.kind": "table",
    "datasets.*.max_bytes": 1 << 26,
    "datasets.*.network.activation": "relu",
    "datasets.*.rows.min": 1,
    "coordinator.max_evidence_age_s": None,
    "workers.*.lease_s": 600,
    "workers.*.max_evidence_age_s": None,
    "workers.*.reattest_s": None,
}
"""Other bits of guest policies, platforms and attributes are `any`."""


def test_defaults_are_what_earlier_signers_read():
    found = {}
    for leaf in leaves():
        nodes = [node for node in nodes_at(*leaf.split(".")) if "default" in node]
        if nodes and not leaf.startswith("attestation.*.min_tcb."):
            found[leaf] = nodes[0]["default"]
    lax = {leaf for leaf, default in found.items() if default == "any" and leaf.count(".") == 3}
    assert {leaf: default for leaf, default in found.items() if leaf not in lax} == DEFAULTS


def test_digest_is_the_hash_that_the_specification_gives():
    manifest = good_manifest()
    assert manifest.digest == content_digest(b"cleanroom/manifest/v1\x00" + manifest.to_bytes())


def test_bytes_hold_exactly_the_fields_that_were_set():
    assert good_manifest().to_plain() == good_plain()
    assert b"lease_s" not in good_manifest().to_bytes()


def test_default_that_is_written_down_is_another_document_with_the_same_meaning():
    written = good_manifest(workers__cpu__lease_s=600)
    assert written.workers["cpu"].lease_s == good_manifest().workers["cpu"].lease_s
    assert written.digest != good_manifest().digest


def test_bytes_survive_a_round():
    manifest = good_manifest()
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


def test_set_out_of_order_is_refused_in_bytes_and_sorted_in_text():
    raw = good_manifest().to_bytes()
    swapped = raw.replace(b'"submitters":["bank","shop"]', b'"submitters":["shop","bank"]')
    assert swapped != raw
    with pytest.raises(NotCanonical, match="not its canonical encoding"):
        Manifest.from_bytes(swapped)
    assert good_manifest(computations__overlap__submitters=["shop", "bank"]) == good_manifest()


def test_python_name_of_a_field_is_not_a_second_spelling():
    plain = changed(good_plain(), apiVersion=ABSENT, api_version="cleanroom/v1")
    with pytest.raises(RecordMalformed, match="apiVersion"):
        Manifest.from_plain(plain)


@pytest.mark.parametrize(
    "change",
    [
        {"apiVersion": "cleanroom/v2"},
        {"computations__overlap__limits__max_runs": True},
        {"computations__overlap__limits__max_runs": 1.5},
        {"metadata__version": "1"},
        {"coordinator__policies": ["Not A Name"]},
    ],
)
def test_value_of_another_type_is_never_converted(change):
    with pytest.raises(RecordMalformed):
        good_manifest(**change)


def test_manifest_cannot_be_changed_in_place():
    with pytest.raises(ValidationError, match="frozen"):
        good_manifest().metadata.version = 2


def test_key_is_found_by_party_and_use():
    manifest = good_manifest()
    assert manifest.key_of("bank", "submit").kid == "bank-submit"
    assert manifest.verify_keys("bank", "submit") == {
        "bank-submit": signer("bank", "submit").public_key
    }


@pytest.mark.parametrize(("party", "use"), [("bank", "witness"), ("mallory", "approve")])
def test_key_that_is_not_there_is_an_error_and_never_nothing(party, use):
    with pytest.raises(ManifestRule, match=f"party '{party}' has no key for use '{use}'"):
        good_manifest().key_of(party, use)
