"""Cases of rules about parties, their keys and the times that are signed."""

from tests.support.manifests import ABSENT
from tests.support.rule_changes import BANK_KEYS

# rule, change, where, words of the message
BROKEN = [
    (
        "times_are_ordered",
        {"metadata__not_after": "2027-01-10T00:00:00Z"},
        "metadata.not_after",
        "expected a time after not_before (2027-01-10T00:00:00Z)",
    ),
    (
        "version_follows_previous",
        {"metadata__version": 2},
        "metadata.previous",
        "version 2 names no previous version",
    ),
    (
        "version_follows_previous",
        {"metadata__previous": "sha256:" + "0" * 64},
        "metadata.previous",
        "version 1 names a previous version, expected null",
    ),
    (
        "keys_are_named",
        {"parties__bank__keys__0__kid": "bank-sign"},
        "parties.bank.keys.0.kid",
        "kid is 'bank-sign', expected 'bank-approve'",
    ),
    (
        "keys_are_named",
        {"parties__bank__keys__0__kid": "shop-approve"},
        "parties.bank.keys.0.kid",
        "kid is 'shop-approve', expected 'bank-approve'",
    ),
    (
        "keys_are_named",
        {"parties__bank__keys": [*BANK_KEYS, {**BANK_KEYS[0], "public": "A" * 43 + "="}]},
        "parties.bank.keys",
        "party 'bank' has 2 keys for use 'approve', expected one",
    ),
    (
        "keys_fit_their_use",
        {"parties__bank__keys__0__alg": "mlkem768-x25519"},
        "parties.bank.keys.0.alg",
        "alg is 'mlkem768-x25519' for use 'approve', expected 'ed25519'",
    ),
    (
        "keys_fit_their_use",
        {"parties__bank__keys__3__alg": "ed25519"},
        "parties.bank.keys.3.alg",
        "alg is 'ed25519' for use 'receive', expected 'mlkem768-x25519'",
    ),
    (
        "keys_fit_their_use",
        {"parties__bank__keys__0__public": "AAAA"},
        "parties.bank.keys.0.public",
        "the public key is 3 bytes, expected 32 bytes for ed25519",
    ),
    (
        "keys_fit_their_use",
        {"parties__bank__keys__3__public": BANK_KEYS[0]["public"][:42] + "A="},
        "parties.bank.keys.3.public",
        "is 32 bytes, expected 1216 bytes",
    ),
    (
        "keys_are_used_once",
        {"parties__shop__keys__0__public": BANK_KEYS[0]["public"]},
        "parties.shop.keys.0.public",
        "'shop-approve' is the same public key as 'bank-approve' of 'bank'",
    ),
    (
        "keys_are_used_once",
        {"parties__bank__keys__1__public": BANK_KEYS[0]["public"]},
        "parties.bank.keys.1.public",
        "'bank-submit' is the same public key as 'bank-approve' of 'bank'",
    ),
    (
        "everybody_approves",
        {"parties__bank__keys__0": ABSENT},
        "parties.bank.keys",
        "party 'bank' has no key for use 'approve'",
    ),
    (
        "roles_have_keys",
        {"parties__bank__keys__1": ABSENT},
        "computations.overlap.submitters.bank",
        "party 'bank' has no key for use 'submit'",
    ),
    (
        "roles_have_keys",
        {"parties__bank__keys__2": ABSENT},
        "datasets.customers.owner",
        "party 'bank' has no key for use 'provide'",
    ),
    (
        "roles_have_keys",
        {"parties__bank__keys__3": ABSENT},
        "computations.overlap.outputs.size.recipients.bank",
        "party 'bank' has no key for use 'receive'",
    ),
]
