# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Who repays a loan? A bank and a shop train one model
#
# The bank knows accounts and who defaulted; the shop knows how people buy. Part of the risk lies in what
# *both* know about one person, so neither can learn it alone. Nobody's rows are shown to anybody.
#
# Here all machines are processes on this computer, with *simulated* hardware. What they prove is nothing, and
# everything says so.

# %%
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa

import cleanroom as cr
from cleanroom import notebook

# %% [markdown]
# ## Two tables about 7,000 common customers
#
# Seeded, so that every reader sees the same. Nobody in these tables exists.

# %%
ROWS, COMMON = 10_000, 7_000
chance = np.random.default_rng(7)
PEOPLE = 2 * ROWS - COMMON
wealth, thrift, haste = (chance.standard_normal(PEOPLE) for _ in range(3))
late_payer = chance.random(PEOPLE) < 0.2
risk = -1.9 * wealth - 1.5 * thrift + 1.5 * haste + late_payer - 1.6 * wealth * haste - 1.8
defaulted = chance.random(PEOPLE) < 1 / (1 + np.exp(-risk))
emails = np.array([f"customer{number}@example.com" for number in range(PEOPLE)])


def noise(scale: float) -> np.ndarray:
    return scale * chance.standard_normal(PEOPLE)


at_bank = chance.permutation(ROWS)
accounts = pa.table(
    {
        "email": emails[at_bank],
        "income": np.exp(10.4 + 0.5 * wealth + noise(0.15))
        .clip(0, 500_000)
        .astype("int64")[at_bank],
        "balance": (2000 + 1500 * thrift + noise(400)).round(2)[at_bank],
        "overdrafts": chance.poisson(np.exp(0.3 - 0.7 * thrift))[at_bank],
        "months": chance.integers(1, 240, PEOPLE)[at_bank],
        "product": chance.choice(["car", "card", "home", "none"], PEOPLE)[at_bank],
        "defaulted": defaulted[at_bank],
    }
)
at_shop = chance.permutation(ROWS) + ROWS - COMMON
habits = pa.table(
    {
        "email": emails[at_shop],
        "spend": np.exp(5.5 + 0.6 * haste + noise(0.15)).astype("int64")[at_shop],
        "visits": chance.poisson(np.exp(1.6 + 0.4 * haste))[at_shop],
        "returns": (0.2 + 0.1 * haste + noise(0.05)).clip(0, 1).round(2)[at_shop],
        "late": (chance.random(PEOPLE) < 1 / (1 + np.exp(1 - haste)))[at_shop],
        "payment": np.where(late_payer, "later", chance.choice(["card", "cash"], PEOPLE))[at_shop],
    }
)

# %% [markdown]
# ## What both sign
#
# Which columns may be read, in which role; which units only test; what a submitter may choose; and what leaves, to
# whom. Only the bank gets the model here. Read the last section of the plan first: a model that leaves has no noise.

# %%
manifest = cr.Manifest.load("../manifests/examples/partner")
manifest.check()
told = manifest.plan()
for learning in told.learnings:
    if learning.computation == "credit_model":
        print(f"{learning.party}, {learning.output}: {learning.words}\n")

# %%
print("\n".join(told.unprotected))

# %% [markdown]
# ## A room on this machine
#
# Both parties verify it, check their own data, encrypt and upload it.

# %%
stack = ExitStack()
rooms = stack.enter_context(cr.simulate(manifest, workers=1))
bank, shop = rooms["bank"], rooms["shop"]
added = bank.add("accounts", accounts), shop.add("habits", habits)
shop.verdict

# %% [markdown]
# ## Train
#
# The worker joins on the e-mail addresses, trains XGBoost on three quarters of the common customers and measures on
# the others. Rows of people whom only one party knows never influence the model. Both agreed to see the curve while it
# grows (`live: true`); to interrupt the cell asks whether to cancel the run.

# %%
run = notebook.watch(bank.run("credit_model", rounds=80, max_depth=4))
quality = run.result("quality")
quality.metrics

# %% [markdown]
# The shop gets the same numbers, and a receipt that proves what was run.

# %%
seen_by_shop = shop.run_by_id(run.id).result("quality")
print("both were told the same:", seen_by_shop.metrics == quality.metrics)
notebook.proof(seen_by_shop.receipt.verify(shop.manifest))

# %% [markdown]
# ## Was it worth it? Together, and each one alone
#
# Both agreed to compare (`compare: alone`): the room also trained the bank's features and the shop's features by
# themselves, for the same label, and tested them on the same customers. Those models ended with the run.

# %%
areas = {owners: metrics["auc"] for owners, metrics in quality.comparison.items()}
alone = areas["bank"]
print(f"area under the ROC curve: {alone:.3f} alone, {quality.metrics['auc']:.3f} together")
quality.plot()

# %% [markdown]
# Twenty points for each curve, each about at least twenty customers: enough to draw, too few to find anybody.

# %%
curves = run.result("curves")
curves.plot()

# %% [markdown]
# The picture above is three in one; `curves.plot("roc")`, `"lift"` and `"calibration"` draw one of them.

# %% [markdown]
# ## What does the model look at?

# %%
importance = run.result("importance")
importance.plot()

# %% [markdown]
# ## The model, at the bank
#
# XGBoost's own UBJ and a JSON description: no pickle, nothing that runs. It takes columns by the names of the inputs.

# %%
model = run.result("model").model
model

# %%
one = {
    "left.income": [21_000],
    "left.balance": [-300.0],
    "left.overdrafts": [4],
    "left.months": [30],
    "left.product": ["car"],
    "right.spend": [800],
    "right.visits": [9],
    "right.returns": [0.4],
    "right.late": [True],
    "right.payment": ["later"],
}
print(f"default with probability {model.predict(one)[0, 1]:.2f}")

# %% [markdown]
# The shop was not promised the model, so it cannot get it.

# %%
try:
    shop.run_by_id(run.id).result("model")
except cr.CleanroomError as refused:
    print(refused.code, refused)

# %% [markdown]
# ## Or at nobody
#
# Without `recipients` the model stays sealed in the room. Nobody holds it; a computation that both signed asks it by
# the name `<computation>.<output>`, and all else about it follows from the training.

# %%
LEAVES = """      model:
        kind: model
        recipients: [bank]
"""
STAYS = """      model:
        kind: model
"""
SCORE = """  score:
    op: predict
    model: {dataset: credit_model.model}
    on: [email]
    inputs:
      left: {dataset: accounts, columns: [balance, email, income, months, overdrafts, product]}
      right: {dataset: habits, columns: [email, late, payment, returns, spend, visits]}
    rows: left
    submitters: [bank]
    workers: {role: cpu, count: 1}
    limits: {max_runs: 2, max_rows_per_submitter: 20000}
    outputs:
      scores:
        recipients: [bank]
        columns: [left.email, probability.true]
        reveals_membership: true
        max_rows: 10000
"""
text = Path("../manifests/examples/partner/cleanroom.yaml").read_text(encoding="utf-8")
text = text.replace(LEAVES, STAYS).replace("[credit_model], max_", "[credit_model, score], max_")
sealed = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "cleanroom.yaml"
sealed.write_text(text + SCORE, encoding="utf-8")

# %%
others = stack.enter_context(cr.simulate(cr.Manifest.load(sealed), workers=1))
others["bank"].add("accounts", accounts)
others["shop"].add("habits", habits)
again = others["bank"].run("credit_model", rounds=80, max_depth=4)
kept = again.result("quality").model
kept

# %%
try:
    kept.predict(one)
except cr.CleanroomError as refused:
    print(refused.code, refused)
scores = others["bank"].run("score").result()
both = accounts.join(habits, "email", join_type="inner").sort_by("email")
told = {
    f"{'left' if name in accounts.column_names else 'right'}.{name}": both[name]
    for name in both.column_names
}
found = scores.table.sort_by("left.email")["probability.true"].to_numpy()
same = np.allclose(found, model.predict(told)[:, 1].round(3), rtol=0, atol=1e-9)
print(f"{len(found):,} scores, the same as of the model that left: {same}")

# %% [markdown]
# ## A card for whoever asks later
#
# What was trained, on what, how good it is, what is not protected, and which receipt proves it; `card.save("card.html")`
# writes a page that runs nothing.

# %%
card = run.model_card()
print(*card.not_proven, sep="\n")
card

# %%
stack.close()
