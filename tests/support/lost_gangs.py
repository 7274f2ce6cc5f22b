"""Rooms without a network whose one computation trains on a gang, for tests of gangs that are lost."""

from typing import Any

from cleanroom.manifest.model import Manifest
from tests.support.histories import History
from tests.support.manifests import changed
from tests.support.trainings import LINE, feature, training_plain

LABEL = {"name": "label", "type": "bool", "role": "label"}


def gang_manifest(count: int = 2, **changes: Any) -> Manifest:
    """A manifest whose computation `model` trains on `count` workers."""
    plain = training_plain([feature("a"), LABEL], [feature("b")], LINE)
    where = {"computations__model__workers__count": count}
    return Manifest.from_plain(changed(plain, **where, **changes))


def training(count: int = 2, **changes: Any) -> History:
    """An active room for `gang_manifest`."""
    return History.started(gang_manifest(count, **changes)).agreed()


def formed(history: History, *workers: int, run: int = 1) -> History:
    """The gang of a run forms and gets its keys."""
    for number in workers:
        history.equip(number, run)
    for number in workers:
        history.ready(number, run)
    return history


def running_training() -> History:
    """A training that has its keys, on workers 1 and 2."""
    history = training()
    history.join(1)
    history.join(2)
    history.submit("model")
    return formed(history, 1, 2)


def again(history: History, *workers: int) -> History:
    """Other workers join, and the run has its keys again."""
    for number in workers:
        history.join(number)
    return formed(history, *workers)
