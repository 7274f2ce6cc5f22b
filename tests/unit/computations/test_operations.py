import numpy as np
import pyarrow as pa
import pytest

from cleanroom.errors import ManifestRule, ParameterOutOfRange, RunRefused
from enclave.computations.process import compute
from enclave.computations.registry import operations
from tests.support.intersections import emails
from tests.support.manifests import good_manifest


def planned(name, parameters=None, manifest=None):
    manifest = manifest or good_manifest()
    computation = manifest.computations[name]
    return operations[computation.op].plan(computation, manifest.datasets, parameters or {})


def test_the_table_of_operations_is_closed():
    assert set(operations) == {
        "intersect.count",
        "evaluate",
        "intersect.rows",
        "predict",
        "train.gbdt",
        "train.linear",
        "train.torch",
    }
    with pytest.raises(TypeError, match="does not support item assignment"):
        operations["evil"] = operations["intersect.count"]


def test_a_count_reads_the_key_columns_and_nothing_else():
    plan = planned("overlap")
    assert [(each.owner, each.keys, each.payload) for each in plan.inputs] == [
        ("bank", ("email",), ()),
        ("shop", ("email",), ()),
    ]
    assert (plan.rules[0].min_group, plan.rules[0].round_to) == (100, 10)


def test_rows_read_the_columns_that_some_output_names():
    plan = planned("matches")
    assert [each.payload for each in plan.inputs] == [
        ("email", "income", "segment"),
        ("email", "favourite", "spend"),
    ]


def test_identities_of_an_output_belong_to_the_owner_of_their_dataset():
    columns = planned("matches").rules[0].columns
    assert [(column.name, column.owner) for column in columns if column.identity] == [
        ("left.email", "bank")
    ]


def test_a_parameter_is_taken_within_its_signed_range():
    assert planned("matches").limit == 100_000
    assert planned("matches", {"limit": 7}).limit == 7


@pytest.mark.parametrize("parameters", [{"limit": 0}, {"limit": 100_001}, {"seed": 1}])
def test_a_parameter_outside_of_it_is_refused(parameters):
    with pytest.raises(ParameterOutOfRange, match=r"expected 1 to 100000|are unknown"):
        planned("matches", parameters)


def test_a_count_takes_no_parameters():
    with pytest.raises(ParameterOutOfRange, match="are unknown"):
        planned("overlap", {"limit": 5})


def test_a_required_parameter_without_default_is_asked_for():
    manifest = good_manifest(computations__matches__parameters__limit={"min": 1, "max": 5})
    with pytest.raises(ParameterOutOfRange, match="'limit' is missing and has no default"):
        planned("matches", manifest=manifest)


def test_an_operation_plans_only_its_own_computations():
    manifest = good_manifest()
    with pytest.raises(RunRefused, match=r"is not intersect\.rows"):
        operations["intersect.rows"].plan(manifest.computations["overlap"], manifest.datasets, {})
    with pytest.raises(RunRefused, match=r"is not intersect\.count"):
        operations["intersect.count"].plan(manifest.computations["matches"], manifest.datasets, {})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs__left__columns": ["income"]}, "no such dataset or columns"),
        ({"inputs__left__dataset": "nowhere"}, "no such dataset or columns"),
        ({"outputs__for_shop__columns": ["middle.spend"]}, "names an input"),
        ({"outputs__for_bank__reveals_membership": False}, "reveals_membership: true"),
    ],
)
def test_a_computation_that_does_not_fit_its_datasets_is_not_planned(changes, words):
    named = {f"computations__matches__{path}": value for path, value in changes.items()}
    with pytest.raises(ManifestRule, match=words):
        planned("matches", manifest=good_manifest(**named))


def test_the_good_manifest_runs_from_tables_to_released_results():
    numbers = np.arange(300)
    customers = pa.table(
        {
            "email": emails(numbers),
            "income": pa.array(numbers),
            "segment": pa.array(["gold", "basic", "private"] * 100).dictionary_encode(),
        }
    )
    baskets = pa.table(
        {
            "email": emails(numbers + 150),
            "favourite": pa.array(["tea"] * 300),
            "spend": pa.array(numbers, pa.float64()),
        }
    )
    plan = planned("matches")
    kinds = {column.name: column.type for rule in plan.rules for column in rule.columns}
    tables = {
        "left": customers.set_column(1, "income", customers["income"].cast(kinds["left.income"])),
        "right": baskets.set_column(2, "spend", baskets["spend"].cast(kinds["right.spend"])),
    }
    bank, shop = compute(plan, tables, bytes(32))
    assert (bank.recipient, bank.rows, shop.recipient, shop.rows) == ("bank", 150, "shop", 150)
    assert bank.table["left.email"].to_pylist() == customers["email"].to_pylist()[150:]
    assert bank.table["left.segment"].to_pylist() == customers["segment"].to_pylist()[150:]
    assert shop.table["right.email"].to_pylist() == baskets["email"].to_pylist()[:150]
