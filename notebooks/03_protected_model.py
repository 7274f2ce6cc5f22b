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
# # A model that nobody sees, and rows that nobody sees
#
# A lab has trained a model of who comes back to hospital within a month. A hospital wants a score for each of its
# patients. The lab does not show its model, the hospital does not show its patients: both meet in a clean room.
#
# Here all machines are processes on this computer, with *simulated* hardware. What they prove is nothing, and
# everything says so.

# %%
import pickle
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import xgboost

import cleanroom as cr
from cleanroom import notebook

# %% [markdown]
# ## The lab's asset
#
# Seeded, so that every reader sees the same. Nobody in these tables exists. A text becomes one number for each of its
# values, in the manifest's order; a missing value stays missing.

# %%
WARDS = np.array(["cardiology", "geriatrics", "surgery"])


def people(count: int, seed: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    age, days = chance.integers(18, 100, count), chance.poisson(6, count)
    earlier, creatinine = chance.poisson(0.7, count), chance.gamma(4, 0.3, count).round(2)
    ward = WARDS[chance.integers(0, 3, count)]
    worry = (
        0.04 * (age - 60) + 0.9 * earlier + 1.2 * (creatinine - 1.2) + (ward == "geriatrics") - 2
    )
    returned = np.where(chance.random(count) < 1 / (1 + np.exp(-worry)), "yes", "no")
    creatinine[chance.random(count) < 0.1] = np.nan
    return {
        "patient": np.array([f"P{seed}-{number:06}" for number in chance.permutation(count)]),
        "age": age,
        "days": days,
        "earlier": earlier,
        "creatinine": creatinine,
        "ward": ward,
        "returned": returned,
    }


def matrix(of: dict[str, np.ndarray]) -> np.ndarray:
    wards = [of["ward"] == ward for ward in WARDS]
    return np.column_stack([of[name] for name in ("age", "days", "earlier", "creatinine")] + wards)


known = people(20_000, seed=1)
booster = xgboost.train(
    {"objective": "binary:logistic", "max_depth": 5, "learning_rate": 0.1},
    xgboost.DMatrix(matrix(known), label=known["returned"] == "yes"),
    100,
)
stack = ExitStack()
place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
booster.save_model(place / "model.ubj")
print(
    f"the lab's model: {len(booster.get_dump())} trees, {(place / 'model.ubj').stat().st_size:,} bytes"
)

# %% [markdown]
# ## The hospital's asset

# %%


def table(of: dict[str, np.ndarray], *without: str) -> pa.Table:
    return pa.table({name: column for name, column in of.items() if name not in without})


now, last_year = people(5_000, seed=2), people(8_000, seed=3)
patients, discharged = table(now, "returned"), table(last_year)

# %% [markdown]
# ## What both sign
#
# Whose model, over whose rows, who gets scores and how finely rounded, and for how many rows the hospital may ask in
# all. The last line is what a budget does *not* do.

# %%
manifest = cr.Manifest.load("../manifests/examples/ip")
manifest.check()
told = manifest.plan()
for learning in told.learnings:
    print(f"{learning.party}, {learning.computation}.{learning.output}: {learning.words}\n")
print(next(words for words in told.unprotected if "copied" in words))

# %% [markdown]
# ## Bring both
#
# The lab's file is judged where it is, by the same reader that judges it in the room before XGBoost sees a byte. Only
# ciphertext leaves.

# %%
rooms = stack.enter_context(cr.simulate(manifest, workers=1))
lab, hospital = rooms["lab"], rooms["hospital"]
print(lab.check("readmission", place / "model.ubj").to_text())

# %%
(place / "model.pkl").write_bytes(pickle.dumps(booster))
try:
    lab.check("readmission", place / "model.pkl")
except cr.CleanroomError as refused:
    print(refused.code, refused)

# %%
added = (
    lab.add("readmission", place / "model.ubj"),
    hospital.add("patients", patients),
    hospital.add("discharged", discharged),
)
hospital.verdict

# %% [markdown]
# ## Scores for the hospital

# %%
run = notebook.watch(hospital.run("risk"))
scores = run.result("scores")
scores

# %% [markdown]
# They are what XGBoost itself says, in the hospital's order, rounded to two decimals.

# %%
alone = booster.predict(xgboost.DMatrix(matrix(now))).astype(float).round(2)
same = np.array_equal(scores.table["probability.yes"].to_numpy(), alone)
print("the same as XGBoost on the plain rows:", same)
print(
    "in the hospital's order:",
    scores.table["patients.patient"].to_pylist() == now["patient"].tolist(),
)

# %% [markdown]
# The lab took part, and gets none of them. The receipt names the model's version and both owners.

# %%
try:
    lab.run_by_id(run.id).result("scores")
except cr.CleanroomError as refused:
    print(refused.code, refused)
notebook.proof(scores.receipt.verify(hospital.manifest))

# %% [markdown]
# ## How good is the model? Both may know
#
# Measured on patients of last year, of whom the hospital knows whether they returned.

# %%
quality = notebook.watch(lab.run("quality")).result("metrics")
quality.metrics

# %% [markdown]
# ## The budget
#
# Each run takes all of its rows off the budget; three more runs use it up. The log says so to both, and neither a new
# version of the rows nor a restart refills it.

# %%
for _ in range(3):
    notebook.watch(hospital.run("risk"))
try:
    hospital.run("risk")
except cr.CleanroomError as refused:
    print(refused.code, refused)
spent = [each.content for each in lab.log().entries if each.content.kind == "rows-granted"]
print(f"the lab reads in the log: {spent[-1].submitter} had {spent[-1].spent:,} rows scored")

# %%
stack.close()
