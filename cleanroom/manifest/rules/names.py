"""Rules about names: every name that is used is defined, and no two look alike."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from cleanroom.errors import Problem
from cleanroom.manifest.model import AnyComputation, Manifest, Prediction

_LOOKALIKES = str.maketrans("-01", "_ol")


def known(manifest: Manifest) -> Iterator[Problem]:
    """Every party, policy, role, dataset and computation that is named somewhere is defined."""
    for path, kind, name, defined in _references(manifest):
        if name not in defined:
            yield Problem(
                f"{kind} {name!r} is not defined, expected one of {', '.join(sorted(defined))}",
                where=path,
                hint=_did_you_mean(name, defined),
            )


def distinct(manifest: Manifest) -> Iterator[Problem]:
    """No two names of one map differ only by `-` and `_`, `0` and `o`, `1` and `l`, or case."""
    for path, names in _maps(manifest):
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(outline(name), name)
            if other != name:
                yield Problem(
                    f"{name!r} is easily mistaken for {other!r}",
                    where=f"{path}.{name}",
                    hint="choose names that no reader can confuse",
                )


def outline(name: str) -> str:
    """What a hasty reader sees of a name: names with the same outline are mistaken for another."""
    return name.lower().translate(_LOOKALIKES)


def _references(manifest: Manifest) -> Iterator[tuple[str, str, str, Iterable[str]]]:
    for name in manifest.coordinator.policies:
        yield f"coordinator.policies.{name}", "policy", name, manifest.attestation
    for role, worker in manifest.workers.items():
        for name in worker.policies:
            yield f"workers.{role}.policies.{name}", "policy", name, manifest.attestation
    for dataset_id, dataset in manifest.declared.items():
        path = f"datasets.{dataset_id}"
        yield f"{path}.owner", "party", dataset.owner, manifest.parties
        for name in dataset.allow.computations:
            yield f"{path}.allow.computations.{name}", "computation", name, manifest.computations
    for name, computation in manifest.computations.items():
        yield from _references_of(manifest, f"computations.{name}", computation)


def _references_of(
    manifest: Manifest, path: str, computation: AnyComputation
) -> Iterator[tuple[str, str, str, Iterable[str]]]:
    yield f"{path}.workers.role", "worker role", computation.workers.role, manifest.workers
    for name in computation.submitters:
        yield f"{path}.submitters.{name}", "party", name, manifest.parties
    for input_id, read in computation.inputs.items():
        yield f"{path}.inputs.{input_id}.dataset", "dataset", read.dataset, manifest.datasets
    if isinstance(computation, Prediction):
        source = computation.model.dataset
        yield f"{path}.model.dataset", "dataset", source, manifest.datasets
    for output_id, output in computation.outputs.items():
        for name in output.recipients:
            yield f"{path}.outputs.{output_id}.recipients.{name}", "party", name, manifest.parties


def _maps(manifest: Manifest) -> Iterator[tuple[str, Iterable[str]]]:
    yield "parties", manifest.parties
    yield "attestation", manifest.attestation
    yield "workers", manifest.workers
    yield "datasets", manifest.declared
    yield "computations", manifest.computations
    for name, computation in manifest.computations.items():
        yield f"computations.{name}.inputs", computation.inputs
        yield f"computations.{name}.outputs", computation.outputs


def _did_you_mean(name: str, defined: Iterable[str]) -> str:
    near = get_close_matches(name, defined, n=1)
    return f"did you mean {near[0]!r}?" if near else ""
