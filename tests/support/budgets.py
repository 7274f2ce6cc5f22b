"""Manifests with privacy budgets: the good manifest, where both datasets may lose so much."""

from typing import Any

UNIT = ["email"]


def budgeted(
    epsilon: str = "1", cost: str = "0.3", shop: str = "", **changes: Any
) -> dict[str, Any]:
    """Changes that give `customers` a budget, and `overlap` noise on one worker.

    Args:
        epsilon: of the bank's budget.
        cost: ε of one run.
        shop: ε of the shop's budget; none by default.
        changes: further ones.
    """
    budgets = {"datasets__customers__privacy": {"unit": UNIT, "epsilon": epsilon}}
    if shop:
        budgets["datasets__baskets__privacy"] = {"unit": UNIT, "epsilon": shop}
    return {
        **budgets,
        "computations__overlap__outputs__size__dp": {"mechanism": "laplace", "epsilon": cost},
        "computations__overlap__workers__count": 1,
        "computations__overlap__limits__max_runs": 100,
        "datasets__customers__allow__max_releases": 1000,
        "datasets__baskets__allow__max_releases": 1000,
        **changes,
    }
