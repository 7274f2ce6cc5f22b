"""A model card says what was agreed, told and proven; its page shows any text as text."""

import shutil
import subprocess
from datetime import timedelta

import pytest

from cleanroom.client.card import ModelCard
from cleanroom.client.carding import model_card
from cleanroom.client.receipts import Receipt
from cleanroom.encoding import content_digest
from cleanroom.errors import Usage
from cleanroom.ledger.loss import Loss
from cleanroom.protocol.predicate import BudgetPart
from tests.support.cards import Page, trained_manifest, trained_results
from tests.support.manifests import NOW
from tests.support.receipts import RUN, good_receipt

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def saved(card, path):
    return card.save(path).read_text(encoding="utf-8")


def test_a_card_says_what_was_agreed_and_what_proves_it():
    results = trained_results()
    card, manifest = model_card(results), trained_manifest()
    assert card.manifest == manifest.digest
    assert card.purpose == manifest.metadata.purpose
    assert (card.operation, card.submitter, card.told_to) == ("train.gbdt", "bank", "bank")
    assert card.parameters == {"rounds": 40, "max_depth": 4}
    assert card.settings["split.test_percent"] == "25"
    assert card.settings["limits.max_runs"] == "5"
    assert {name: one.owner for name, one in card.inputs.items()} == {
        "left": "bank",
        "right": "shop",
    }
    features = {
        one.column: (one.owner, one.values) for one in card.columns if one.role == "feature"
    }
    assert features == {"income": ("bank", None), "payment": ("shop", ["card", "cash"])}
    payload = results[0].receipt.record.envelope.payload
    assert card.receipt.payload == content_digest(payload)
    assert card.receipt.verify == f"cleanroom receipt verify {RUN}.receipt.json --allow-simulated"
    assert card.receipt.released_at - card.receipt.submitted_at == timedelta(seconds=30)
    assert card.receipt.released_at == NOW


def test_a_card_holds_the_numbers_that_the_party_was_told():
    card = model_card(trained_results())
    assert [(m.owners, m.metric, m.value) for m in card.metrics][::3] == [
        ("bank, shop", "auc", 0.9),
        ("shop", "auc", None),
    ]
    assert [(p.fpr, p.tpr) for p in card.points] == [(0.2, 0.8), (1.0, 1.0)]
    assert [(one.owner, one.share) for one in card.importance] == [("bank", 0.6), ("shop", 0.4)]
    assert card.model.booster == content_digest(b"ubj")
    assert "at most 5 models" in next(o.words for o in card.outputs if o.output == "model")


def test_a_card_says_what_the_run_spent_of_privacy_budgets(tmp_path):
    zero, one, three = (Loss(epsilon=each, delta="0") for each in ("0", "0.5", "3"))
    spent = BudgetPart(limit=three, before=zero, spent=one, after=one)
    card = model_card(trained_results(budgets={"customers": spent}))
    assert card.budgets == {"customers": spent}
    assert "ε 0.5, δ 0" in Page(saved(card, tmp_path / "card.html")).text
    assert model_card(trained_results()).budgets == {}


def test_a_card_is_a_record_that_reads_back():
    card = model_card(trained_results())
    assert card.to_plain()["schema"] == "https://cleanroom.dev/model-card/v1"
    assert ModelCard.from_bytes(card.to_bytes()) == card


def test_what_was_withheld_or_not_received_is_not_on_the_card():
    card = model_card(trained_results(withheld=["quality", "model"])[:2])
    assert (card.metrics, card.model, card.importance) == ([], None, [])
    assert card.points
    assert {one.output: one.withheld for one in card.outputs}["quality"]


def test_a_result_alone_has_a_card_of_what_it_tells():
    quality = trained_results()[0]
    assert quality.model_card.metrics == model_card([quality]).metrics
    assert quality.model_card.importance == []


def test_a_card_says_plainly_what_nobody_proves():
    card = model_card(trained_results())
    told = " ".join(card.not_proven)
    assert "fair, lawful or fit for any purpose" in told
    assert "each owner answers for its own rows" in told
    assert "machines: they were simulated" in told
    assert any("the model leaves without noise" in line for line in card.unprotected)
    assert any("no witnesses are named" in line for line in card.unprotected)


def test_only_a_training_has_a_card():
    result = trained_results()[0]
    result.receipt = Receipt(good_receipt())
    with pytest.raises(Usage, match=r"'overlap' is intersect.count, expected a training"):
        _ = result.model_card


@pytest.mark.parametrize("suffix", ["json", "html"])
def test_a_card_is_saved_once_and_for_its_owner_only(tmp_path, suffix):
    card = model_card(trained_results())
    written = card.save(tmp_path / f"card.{suffix}")
    assert written.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Usage, match="exists already"):
        card.save(written)
    with pytest.raises(Usage, match=r"expected a name in .json or .html"):
        card.save(tmp_path / "card.pdf")


# --- the page -------------------------------------------------------------------------------------


def test_the_page_shows_metrics_curve_importance_and_receipt(tmp_path):
    card = model_card(trained_results())
    page = Page(saved(card, tmp_path / "card.html"))
    for shown in ("auc", "0.9", "not defined", "60.0%", card.manifest, card.receipt.payload, "ROC"):
        assert shown in page.text
    assert "polyline" in page.tags
    assert "The machines were simulated" in page.text


def test_the_page_opens_in_a_browser(tmp_path):
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed here")
    card = model_card(trained_results())
    written = card.save(tmp_path / "card.html")
    shown = subprocess.run(
        [found, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", written.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert card.manifest in shown.stdout
