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
# # How many customers do a bank and a shop have in common?
#
# Neither may see the other's list. Both sign one manifest; confidential machines prove that they
# run it; data is encrypted before it leaves its owner; and a receipt proves afterwards what was run.
#
# Here all machines are processes on this computer, with *simulated* hardware. The code that verifies
# them is the code that verifies real hardware. What they prove is nothing, and everything says so.

# %%
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import cleanroom as cr
from cleanroom import notebook

# %% [markdown]
# ## Two tables that nobody may join
#
# Seeded, so that every reader sees the same. 1,234 people are customers of both; the shop's customers
# type their addresses in capitals, or with blanks around them. Nobody in these tables exists.

# %%
ROWS, COMMON = 5_000, 1_234
chance = np.random.default_rng(7)
at_bank = chance.permutation(ROWS)
at_shop = chance.permutation(ROWS) + ROWS - COMMON


def addresses(people: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(
        "person.", pa.array(people).cast("string"), "@example.org", ""
    )


def with_probability(share: float, changed: pa.Array, plain: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(chance.random(len(plain)) < share), changed, plain)


typed = with_probability(0.2, pc.utf8_upper(addresses(at_shop)), addresses(at_shop))
typed = with_probability(0.1, pc.binary_join_element_wise(" ", typed, " ", ""), typed)

customers = pa.table(
    {
        "email": addresses(at_bank),
        "segment": chance.choice(["basic", "gold", "private"], ROWS, p=[0.7, 0.2, 0.1]),
        "income": chance.lognormal(10.6, 0.4, ROWS).clip(0, 500_000).astype("int64"),
        "since": pa.array(10_957 + chance.integers(0, 9_000, ROWS, dtype="int32")).cast("date32"),
    }
)
baskets = pa.table(
    {
        "email": typed,
        "spend": chance.gamma(2.0, 150.0, ROWS).astype("int64"),
        "visits": chance.poisson(6.0, ROWS).astype("int64"),
        "favourite": chance.choice(["books", "garden", "kitchen", "music", "sport", "toys"], ROWS),
    }
)
truth = np.intersect1d(at_bank, at_shop).size
print(f"the truth, which nobody but this notebook knows: {truth:,} people in common")

# %% [markdown]
# ## One manifest is the whole agreement
#
# What is not in it cannot happen. Before anybody signs, `check` finds contradictions and `plan` says who
# learns what at worst.

# %%
manifest = cr.Manifest.load("../manifests/examples/partner")
manifest.check()
manifest

# %%
print(manifest.plan().to_text())

# %% [markdown]
# Read the last section, *What is NOT protected*, before anything else. It is part of what you sign:
#
# - simulated machines protect nothing;
# - a threshold and rounding are no protection against **differencing**: who may change one row of an
#   input and run again learns about that one person. That is why runs are limited;
# - without witnesses the limits hold over restarts, but not against an operator who puts back an old
#   copy of the coordinator's disk;
# - side channels, the sizes of results and the time they take are not hidden.
#
# ## A room on this machine
#
# `simulate` runs a copy of the manifest's room with fresh keys: one coordinator and two workers. Each party
# verifies the coordinator for itself *before* a byte leaves; `verdict` is what it verified.

# %%
stack = ExitStack()
rooms = stack.enter_context(cr.simulate(manifest, workers=2))
bank, shop = rooms["bank"], rooms["shop"]
bank.verdict

# %% [markdown]
# ## Each party brings its data
#
# `check` reads everything and sends nothing. `add` encrypts under a fresh key, uploads ciphertext, and seals
# the key to the coordinator that was just verified.

# %%
bank.check("customers", customers)

# %%
version_of_customers = bank.add("customers", customers)
version_of_baskets = shop.add("baskets", baskets)
bank.status()

# %% [markdown]
# ## Count the customers in common
#
# Two attested workers form a cluster for this one run and get the data keys for this one run. Both parties
# receive the same number: rounded to tens, withheld below 100.

# %%
counted = notebook.watch(shop.run("overlap")).result()
counted

# %%
number = counted.table["overlap"][0].as_py()
print(f"the room says {number:,}; the truth is {truth:,}")

# %%
counted.plot()

# %% [markdown]
# ## What do the customers in common look like?
#
# The bank gets its own columns and the shop's, for customers it knows already. It never sees the shop's
# spelling of an address, nor anybody who is not its own customer.

# %%
matched = notebook.watch(bank.run("matches")).result()
print(f"{matched.table.num_rows:,} rows with columns {sorted(matched.table.column_names)}")
matched

# %%
matched.plot()

# %% [markdown]
# Were these really the right people? Only this notebook can tell, because it made them up.

# %%
known = set(addresses(np.intersect1d(at_bank, at_shop)).to_pylist())
print(
    "every row is one of the planted people:", set(matched.table["left.email"].to_pylist()) == known
)

# %% [markdown]
# ## The receipt
#
# It was verified when the result was fetched. It verifies again offline, years later, with nothing but your own
# manifest and the vendors' roots.

# %%
notebook.proof(matched.receipt.verify(bank.manifest))

# %% [markdown]
# Whoever does not want to rely on this package takes another verifier: one file of 300 lines that needs Python and
# `cryptography` only. It believes a simulated root only if it is named.

# %%
with TemporaryDirectory() as directory:
    receipt = matched.receipt.save(Path(directory, "receipt.json"))
    own = Path(directory, "manifest.json")
    own.write_bytes(bank.manifest.to_bytes())
    verifier = [sys.executable, "-I", "../docs/spec/verify_receipt.py", receipt, own]
    (simulated_root,) = bank.manifest.attestation["coordinator"].development_roots
    unnamed = subprocess.run(verifier, capture_output=True, text=True, check=False)
    second = subprocess.run([*verifier, simulated_root], capture_output=True, text=True, check=True)

print("without the simulated root:", unnamed.stderr.strip())
print(
    "with it: proven, run",
    json.loads(second.stdout)["run"],
    "was",
    json.loads(second.stdout)["assurance"],
)

# %% [markdown]
# Everything that happened is in the room's log. It names things by digest and holds no row, no key and no count, so
# every party may read all of it.

# %%
bank.log()

# %% [markdown]
# ## Refused
#
# What nobody signed does not happen. The shop is not among the submitters of `matches`:

# %%
try:
    shop.run("matches")
except cr.CleanroomError as refused:
    print(f"{refused.code}: {refused.message}")

# %%
stack.close()
