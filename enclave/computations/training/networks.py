"""A network, by torch on one thread: the same rows, settings and seed give the same bits.

Torch is loaded here and nowhere else, once a run needs it. It learns; what the network says is
computed by `NetworkModel`, as its recipients do. A step that leaves the numbers of a tame network
ends the fit at the epoch before: how a run ends never depends on where rows lead a network.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
from safetensors.numpy import save

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.network_part import NetworkModel, NetworkPart
from cleanroom.errors import ComputationFailed
from enclave.computations.plan import Lesson
from enclave.computations.training.examples import Examples
from enclave.computations.training.rounds import AfterRound, Measured, Parts, best_round
from enclave.computations.training.samples import Sample
from enclave.computations.training.scaling import scaling
from enclave.computations.training.seen import Fitted
from enclave.computations.training.watched import VALIDATION, parts_watched

HEAVIEST = 1000.0
"""No weight of a tame network is larger: with the layers that rules allow nothing overflows."""
LEAST_CHANCE = 1e-15
"""A class is taken as no less likely in a loss."""
LEAST_WEIGHT = 1e-30
"""Rows of a step weigh no less together: it divides."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A network that was trained."""

    model: NetworkModel
    measured: tuple[Measured, ...]
    linear: None = None

    def predict(self, rows: Matrix) -> Matrix:
        """See `Fitted.predict`."""
        return self.model.predict(rows)

    def weights(self) -> Matrix:
        """Absolute weights of standardised features, multiplied along all ways to the outputs."""
        names = [name for name in self.model.tensors if name.endswith(".weight")]
        ways = np.abs(self.model.tensors[names[-1]]).sum(axis=0)
        for name in reversed(names[:-1]):
            ways = ways @ np.abs(self.model.tensors[name])
        return np.asarray(ways)

    @property
    def booster(self) -> bytes:
        """See `Fitted.booster`: the layers, 32-bit, as safetensors."""
        return save({name: each.astype(np.float32) for name, each in self.model.tensors.items()})

    @property
    def network(self) -> NetworkPart:
        """See `Fitted.network`."""
        return self.model.part


def fit_network(
    examples: Examples,
    lesson: Lesson,
    classes: list[str],
    names: list[str],
    after_round: AfterRound,
) -> Fitted:
    """Train the declared network on the training rows, epoch by epoch."""
    del names
    torch = import_module("torch")
    patience = None if lesson.stopping is None else lesson.stopping.rounds
    looked_at = ((part, rows.counting) for part, rows in parts_watched(examples, lesson))
    watched = [(part, rows) for part, rows in looked_at if len(rows.labels)]
    measured: list[Measured] = []
    with alone(torch, lesson.split.seed):
        models = _models(torch, examples.training.counting, lesson, classes)
        best = next(models)
        for epoch, model in enumerate(models, 1):
            parts = {part: _loss(model, sample, classes) for part, sample in watched}
            measured += _lines(epoch, parts)
            after_round(epoch, parts)
            first = epoch if patience is None else best_round(measured, VALIDATION)
            best = model if first == epoch else best
            if patience is not None and epoch - first >= patience:
                break
    return Learned(best, tuple(measured))


@contextmanager
def alone(torch: Any, seed: int) -> Iterator[None]:  # noqa: ANN401 - torch may not be installed
    """One thread, deterministic algorithms and fresh coins; afterwards all is as it was."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.set_num_threads(threads)


def _models(
    torch: Any,  # noqa: ANN401 - torch may not be installed
    sample: Sample,
    lesson: Lesson,
    classes: list[str],
) -> Iterator[NetworkModel]:
    """The network before any step, then after each epoch, while it is tame."""
    part, settings = _part(sample, lesson), lesson.settings
    rows, labels, weights = _tensors(torch, sample, part, lesson)
    network = _network(torch, [part.width, *part.hidden, max(len(classes), 1)], part.activation)
    steps = torch.optim.AdamW(
        network.parameters(), lr=settings["learning_rate"], weight_decay=settings["l2"]
    )
    yield _model(network, part, lesson)
    for _ in range(int(settings["epochs"])):
        for some in torch.randperm(len(rows)).split(int(settings["batch"])):
            steps.zero_grad()
            weighed = None if weights is None else weights[some]
            _mean_loss(torch, network(rows[some]), labels[some], weighed).backward()
            steps.step()
        model = _model(network, part, lesson)
        if not _tame(model):
            return
        yield model


def _part(sample: Sample, lesson: Lesson) -> NetworkPart:
    """The declared network with the scaling of the training rows."""
    if lesson.network is None:
        raise ComputationFailed("a network has no layers")
    fills, means, deviations = (each.tolist() for each in scaling(sample))
    mean, deviation = 0.0, 1.0
    if lesson.task == "regression":
        label = scaling(Sample(sample.labels[:, np.newaxis], sample.labels, sample.weights))
        mean, deviation = float(label.means[0]), float(label.deviations[0])
    return NetworkPart(
        hidden=lesson.network.hidden,
        activation=lesson.network.activation,
        fills=fills,
        means=means,
        deviations=deviations,
        mean=mean,
        deviation=deviation,
    )


def _tensors(
    torch: Any,  # noqa: ANN401 - torch may not be installed
    sample: Sample,
    part: NetworkPart,
    lesson: Lesson,
) -> tuple[Any, Any, Any]:
    """Rows, labels and, if some count more than others, weights of mean 1."""
    labels = sample.labels
    if lesson.task == "regression":
        labels = ((labels - part.mean) / part.deviation).astype(np.float32)
    weights = None
    if sample.weights is not None:
        weights = torch.from_numpy((sample.weights / sample.weights.mean()).astype(np.float32))
    return torch.from_numpy(part.standard(sample.rows)), torch.from_numpy(labels), weights


def _network(torch: Any, sizes: list[int], activation: str) -> Any:  # noqa: ANN401 - torch's own
    """Layers with torch's own first weights, the activation between them."""
    between = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}
    modules: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        modules += [torch.nn.Linear(inputs, outputs), between[activation]()]
    return torch.nn.Sequential(*modules[:-1])


def _mean_loss(torch: Any, said: Any, labels: Any, weights: Any) -> Any:  # noqa: ANN401 - torch's
    """Cross-entropy of whole numbers, or squared errors, over some rows."""
    functions = torch.nn.functional
    if labels.is_floating_point():
        losses = functions.mse_loss(said[:, 0], labels, reduction="none")
    else:
        losses = functions.cross_entropy(said, labels, reduction="none")
    if weights is None:
        return losses.mean()
    return (losses * weights).sum() / weights.sum().clamp_min(LEAST_WEIGHT)


def _model(network: Any, part: NetworkPart, lesson: Lesson) -> NetworkModel:  # noqa: ANN401 - torch's
    """A copy of the network as it is now."""
    layers = [each for each in network if hasattr(each, "weight")]
    tensors = {
        f"layers.{place}.{name}": getattr(layer, name).detach().numpy().astype(np.float64)
        for place, layer in enumerate(layers)
        for name in ("weight", "bias")
    }
    return NetworkModel(part, tensors, lesson.task)


def _tame(model: NetworkModel) -> bool:
    return all(bool((np.abs(each) <= HEAVIEST).all()) for each in model.tensors.values())


def _loss(model: NetworkModel, sample: Sample, classes: list[str]) -> dict[str, float]:
    """The mean loss of a part by its name, which is XGBoost's."""
    said, labels = model.predict(sample.rows), sample.labels
    if not classes:
        squares = np.average((said - labels) ** 2, weights=sample.weights)
        return {"rmse": float(np.sqrt(squares))}
    chances = np.maximum(said[np.arange(len(labels)), labels], LEAST_CHANCE)
    loss = float(np.average(-np.log(chances), weights=sample.weights))
    return {"logloss" if len(classes) == 2 else "mlogloss": loss}


def _lines(epoch: int, parts: Parts) -> list[Measured]:
    return [
        Measured(epoch, metric, part, value)
        for part, metrics in parts.items()
        for metric, value in metrics.items()
    ]
