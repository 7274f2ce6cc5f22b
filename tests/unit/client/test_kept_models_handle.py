"""A handle on a model that stays says where it may be used, and is of no other use."""

import pytest

from cleanroom.client.kept import KeptModel, kept_models
from cleanroom.errors import ModelSealed
from cleanroom.ledger.entry import OutputRecord
from cleanroom.manifest.model import Manifest
from tests.support.keeping import keeping_plain, staying_plain

SEALED = OutputRecord(
    output="model", recipient="room", digest="sha256:" + "1" * 64, size=9, suppressed=False
)


def handles(plain, *outputs):
    return kept_models(Manifest.from_plain(plain), "model", "r-1", outputs)


def test_it_says_where_it_is_and_what_may_use_it():
    (handle,) = handles(staying_plain(), SEALED)
    assert handle == KeptModel("model.model", "r-1", "model", ("score",))
    assert repr(handle) == "KeptModel('model.model' by r-1: sealed in the room, used by score)"
    assert handle.to_json()["used_by"] == ["score"]
    shown = handle._repr_mimebundle_()["text/html"]
    assert all(words in shown for words in ("model.model", "r-1", "score"))


def test_a_model_that_is_kept_as_a_declared_dataset_has_its_name():
    (handle,) = handles(keeping_plain(), SEALED)
    assert (handle.dataset, handle.used_by) == ("trees", ("score",))


def test_one_that_nothing_uses_says_so():
    unused = KeptModel("fit.model", "r-1", "model", ())
    assert repr(unused).endswith("used by nothing)")
    assert "recipients" in unused.sealed().hint


def test_nobody_asks_or_saves_it():
    (handle,) = handles(staying_plain(), SEALED)
    for use in (handle.predict, handle.save):
        with pytest.raises(ModelSealed, match=r"'model\.model' of run r-1 stays sealed") as refused:
            use({"left.a": [1.0]})
        assert (refused.value.code, refused.value.exit_status) == ("CR-5005", 6)
        assert refused.value.hint == "run score"


def test_what_is_withheld_or_goes_to_a_party_is_no_model_that_stays():
    withheld = SEALED.model_copy(update={"suppressed": True})
    metrics = SEALED.model_copy(update={"output": "quality", "recipient": "bank"})
    assert handles(staying_plain(), withheld, metrics) == ()
