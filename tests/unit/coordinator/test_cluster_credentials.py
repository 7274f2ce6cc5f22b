"""Credentials of a gang: an authority and a token of one run, for its attested workers only."""

import hashlib
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509

from cleanroom.crypto.certificates import (
    certificate_request,
    key_digest,
    new_private_key,
    spki_digest,
    verify_issued,
)
from cleanroom.crypto.sealing import Unsealer
from cleanroom.errors import SealBroken, SignatureInvalid
from cleanroom.protocol.work import token_context
from enclave.coordinator import events
from enclave.coordinator.blobs import Blobs
from enclave.coordinator.callers import Callers
from enclave.coordinator.clusters import MARGIN, credentials, gang_of
from enclave.coordinator.effects import IssueCredentials
from enclave.coordinator.keys import RoomKeys
from enclave.coordinator.leases import Leases
from enclave.coordinator.performing import Performer
from tests.support.histories import History, instance, run_name
from tests.support.manifests import NOW

KEYS = {number: new_private_key() for number in (1, 2)}
UNSEALERS = {
    number: Unsealer(seed + seed[:32])
    for number in (1, 2)
    for seed in [hashlib.sha512(instance(number).encode()).digest()]
}
"""The private halves of what histories join with."""


def provisioned(requests=None):
    """A gang of two whose nodes are equipped."""
    history = History.active()
    for number in (1, 2):
        history.join(number, node_ip=f"10.0.0.{number}")
    history.submit("overlap")
    for number in (1, 2):
        request = (requests or {}).get(number, certificate_request(KEYS[number]))
        history.apply(
            events.WorkerEquipped(
                at=NOW,
                run=run_name(1),
                instance=instance(number),
                request=request,
                port_base=7000 + 100 * number,
            )
        )
    return history


@pytest.fixture(scope="module")
def issued():
    """What both nodes get, by instance."""
    return dict(credentials(provisioned().run(), NOW))


def test_each_node_gets_a_leaf_of_the_runs_authority_for_its_own_key(issued):
    assert len({one.authority for one in issued.values()}) == 1
    for number in (1, 2):
        mine = issued[instance(number)]
        assert verify_issued(mine.certificate, mine.authority)
        assert spki_digest(mine.certificate) == key_digest(KEYS[number])


def test_a_leaf_is_for_the_nodes_attested_address_and_its_loopback(issued):
    parsed = x509.load_der_x509_certificate(issued[instance(2)].certificate)
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [
        ip_address("10.0.0.2"),
        ip_address("127.0.0.1"),
    ]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_a_leaf_outlives_the_deadline_by_the_margin_only(issued):
    parsed = x509.load_der_x509_certificate(issued[instance(1)].certificate)
    deadline = NOW + timedelta(seconds=900)
    assert parsed.not_valid_after_utc == deadline + MARGIN


def test_all_nodes_share_one_token_that_each_opens_alone(issued):
    tokens = {
        UNSEALERS[number].open(
            issued[instance(number)].sealed_token,
            context=token_context(run_name(1), instance(number)),
        )
        for number in (1, 2)
    }
    assert [len(token) for token in tokens] == [32]
    with pytest.raises(SealBroken):
        UNSEALERS[2].open(
            issued[instance(1)].sealed_token, context=token_context(run_name(1), instance(1))
        )


def test_no_two_runs_share_authority_or_token():
    run = provisioned().run()
    first, second = dict(credentials(run, NOW)), dict(credentials(run, NOW))
    name = instance(1)
    assert first[name].authority != second[name].authority
    opened = [
        UNSEALERS[1].open(one[name].sealed_token, context=token_context(run_name(1), name))
        for one in (first, second)
    ]
    assert opened[0] != opened[1]


def test_a_gang_knows_its_nodes_in_order():
    assert [(peer.node, peer.node_ip, peer.port_base) for peer in gang_of(provisioned().run())] == [
        (0, "10.0.0.1", 7100),
        (1, "10.0.0.2", 7200),
    ]


def test_a_request_that_is_none_is_refused():
    run = provisioned({2: b"not a request"}).run()
    with pytest.raises(SignatureInvalid, match="malformed"):
        dict(credentials(run, NOW))


def test_a_request_that_is_none_ends_the_run_before_any_key_is_granted(tmp_path):
    history = provisioned({2: b"not a request"})
    assert IssueCredentials(run_name(1)) in history.effects
    performer = Performer(
        RoomKeys.generate(NOW),
        Blobs(tmp_path),
        Callers(lambda: 0.0),
        Leases(lambda: 0.0),
        Leases(lambda: 0.0),
    )
    following = performer.perform(IssueCredentials(run_name(1)), history.room)
    history.apply(following(NOW))
    assert (history.run().phase, history.run().code) == ("failed", SignatureInvalid.code)
    assert not history.run().granted
    assert performer.perform(IssueCredentials(run_name(1)), history.room) is None
