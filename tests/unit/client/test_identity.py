"""An identity file: who may read it, what it holds, what it never shows."""

import json
import os
import stat

import pytest

from cleanroom.client.identity import Identity, IdentityFile
from cleanroom.crypto.sealing import SealKey, seal
from cleanroom.crypto.signing import verify_signature
from cleanroom.errors import FileMissing, IdentityInvalid, Usage
from cleanroom.manifest.model import Party
from tests.support.manifests import good_manifest


@pytest.fixture
def bank():
    return Identity.create("bank", "Bank plc")


def test_what_was_saved_is_loaded_with_the_same_keys(bank, tmp_path):
    path = bank.save(tmp_path / "bank.key")
    assert Identity.load(path).public() == bank.public()


def test_the_file_is_for_its_owner_only(bank, tmp_path):
    path = bank.save(tmp_path / "bank.key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_permissive_umask_does_not_open_the_file(bank, tmp_path):
    before = os.umask(0)
    try:
        path = bank.save(tmp_path / "bank.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o777])
def test_a_file_that_others_may_touch_is_refused(bank, tmp_path, mode):
    path = bank.save(tmp_path / "bank.key")
    path.chmod(mode)
    with pytest.raises(IdentityInvalid, match=f"has mode {mode:04o}, expected 0600"):
        Identity.load(path)


def test_saving_never_overwrites(bank, tmp_path):
    path = bank.save(tmp_path / "bank.key")
    before = path.read_bytes()
    with pytest.raises(Usage, match="exists already"):
        Identity.create("bank", "Bank plc").save(path)
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == ["bank.key"]


def test_saving_into_a_directory_that_is_not_there_says_so(bank, tmp_path):
    with pytest.raises(FileMissing, match="cannot be written"):
        bank.save(tmp_path / "nowhere" / "bank.key")


def test_a_missing_file_is_named_without_its_directory(tmp_path):
    with pytest.raises(FileMissing, match=r"^there is no identity file 'bank.key'$"):
        Identity.load(tmp_path / "bank.key")


def test_a_directory_is_no_identity(tmp_path):
    with pytest.raises(FileMissing, match="there is no identity file"):
        Identity.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b"{" * 100_000])
def test_anything_else_in_the_file_is_refused(tmp_path, content):
    path = tmp_path / "bank.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(IdentityInvalid):
        Identity.load(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "cleanroom/identity/v2"),
        ("party", "Bank"),
        ("receive", "AAAA"),
        ("signing", {}),
        ("extra", 1),
    ],
)
def test_a_field_that_is_off_is_refused_without_showing_a_key(bank, tmp_path, field, value):
    path = bank.save(tmp_path / "bank.key")
    plain = json.loads(path.read_bytes())
    secret = plain["signing"]["submit"]
    plain[field] = value
    path.write_text(json.dumps(plain))
    with pytest.raises(IdentityInvalid, match="does not hold") as refused:
        Identity.load(path)
    assert secret not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_party_name_that_no_manifest_accepts_is_refused():
    with pytest.raises(IdentityInvalid, match="'Bank & Co'"):
        Identity.create("Bank & Co", "Bank plc")


def test_each_signing_use_has_its_own_key(bank):
    signers = [bank.signer(use) for use in ("approve", "submit", "provide")]
    assert [one.kid for one in signers] == ["bank-approve", "bank-submit", "bank-provide"]
    assert len({one.public_key for one in signers}) == 3
    for one in signers:
        assert verify_signature(one.public_key, one.sign(b"x"), b"x", of="x") == b"x"


def test_the_public_block_is_a_party_of_a_manifest_and_opens_nothing(bank):
    party = Party.from_plain(bank.public())
    receive = next(key for key in party.keys if key.use == "receive")
    sealed = seal(b"secret", SealKey(receive.public), context=b"c")
    assert bank.unsealer().open(sealed, context=b"c") == b"secret"


def test_neither_repr_nor_json_shows_a_private_key(bank, tmp_path):
    path = bank.save(tmp_path / "bank.key")
    kept = IdentityFile.from_plain(json.loads(path.read_bytes()))
    private = [*json.loads(path.read_bytes())["signing"].values()]
    shown = (
        repr(bank)
        + repr(bank._repr_mimebundle_())
        + json.dumps(bank.to_json())
        + repr(kept)
        + str(kept)
    )
    assert "bank-submit" in shown
    assert not [one for one in private if one in shown]


def test_an_identity_of_another_party_is_refused():
    with pytest.raises(IdentityInvalid, match=r"party 'mallory', expected one of \['bank', 'shop'"):
        Identity.create("mallory", "Mallory").belongs_to(good_manifest())


def test_an_identity_with_other_keys_of_the_same_name_is_refused(bank):
    with pytest.raises(IdentityInvalid, match="'bank-approve' in the manifest is not the one"):
        bank.belongs_to(good_manifest())


def test_an_identity_whose_keys_the_manifest_names_belongs_to_it(bank):
    manifest = good_manifest(parties__bank=bank.public())
    assert bank.belongs_to(manifest) is bank
