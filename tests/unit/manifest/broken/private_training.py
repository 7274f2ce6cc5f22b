"""Cases of rules about a training with noise."""

from tests.support.private_trainings import NOISY_NETWORK
from tests.support.rule_changes import private

# rule, change, where, words of the message
BROKEN = [
    (
        "units_count_once",
        private(join="left", left="left", missing="mean"),
        "computations.model.join",
        "join is left, expected inner with dp",
    ),
    (
        "units_count_once",
        private(duplicates="all"),
        "computations.model.duplicates",
        "duplicates is all, expected first with dp",
    ),
    (
        "units_count_once",
        private(max_rows=999_999),
        "computations.model.max_rows",
        "max_rows is 999999, expected at least 1000000 with dp",
    ),
    (
        "units_count_once",
        private(split={"test_percent": 25, "seed": 1}),
        "computations.model.split.seed",
        "seed is given, expected none with dp",
    ),
    (
        "units_count_once",
        private(workers={"role": "cpu", "count": 2}),
        "computations.model.workers.count",
        "count is 2, expected 1 with dp",
    ),
    (
        "sizes_are_signed",
        private(column={"name": "age", "type": "int64", "role": "feature"}),
        "computations.model.inputs.left.columns.age",
        "column 'age': it has no bounds, expected some with dp",
    ),
    (
        "sizes_are_signed",
        private(column={"name": "age", "type": "int64", "role": "weight", "bounds": ["0", "9"]}),
        "computations.model.inputs.left.columns.age",
        "column 'age': role is weight, expected none with dp",
    ),
    (
        "sizes_are_signed",
        private(
            label={
                "name": "bought",
                "type": "string",
                "role": "label",
                "values": ["no", "often", "once"],
            }
        ),
        "computations.model.inputs.left.columns.bought",
        "column 'bought': it has 3 values, expected two with dp",
    ),
    (
        "sizes_are_signed",
        private(
            column={
                "name": "age",
                "type": "string",
                "role": "feature",
                "values": [f"{number:03}" for number in range(250)],
            }
        ),
        "computations.model.inputs",
        "features make 256 columns, expected at most 255 with dp",
    ),
    (
        "sizes_are_signed",
        private(dp={"mechanism": "gaussian", "epsilon": "1", "delta": "0"}),
        "computations.model.dp.delta",
        "delta is 0, expected more: Gaussian noise never costs ε alone",
    ),
    (
        "outputs_have_noise",
        private(folds=5, outputs={"quality": {"kind": "metrics", "recipients": ["bank"]}}),
        "computations.model.folds",
        "folds is 5, expected none with dp",
    ),
    (
        "outputs_have_noise",
        private(outputs={"curves": {"kind": "evaluation", "recipients": ["bank"]}}),
        "computations.model.outputs.curves",
        "kind is evaluation, expected metrics, importance or model with dp",
    ),
    (
        "outputs_have_noise",
        private(
            outputs={"quality": {"kind": "metrics", "recipients": ["bank"], "compare": "alone"}}
        ),
        "computations.model.outputs.quality.compare",
        "compare is alone, expected none with dp",
    ),
    (
        "noisy_networks_step_whole",
        private(**{**NOISY_NETWORK, "network": {"hidden": [8, 256]}}),
        "computations.model.network.hidden",
        "hidden is 2 layers of up to 256 units, expected at most 4 of 255 with dp",
    ),
    (
        "noisy_networks_step_whole",
        private(**{**NOISY_NETWORK, "network": {"hidden": [8] * 5}}),
        "computations.model.network.hidden",
        "hidden is 5 layers of up to 8 units",
    ),
    (
        "noisy_networks_step_whole",
        private(**NOISY_NETWORK, batch=256),
        "computations.model.batch",
        "batch is 256, expected none with dp",
    ),
    (
        "noisy_networks_step_whole",
        private(**NOISY_NETWORK, early_stopping={"rounds": 3}),
        "computations.model.early_stopping",
        "early_stopping is given, expected none with dp",
    ),
    (
        "units_count_once",
        private(**NOISY_NETWORK, split={"test_percent": 25, "seed": 1}),
        "computations.model.split.seed",
        "seed is given, expected none with dp",
    ),
]
