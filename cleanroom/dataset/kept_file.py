"""A linear model or a network as it stays in the room: its description and its tensors, framed.

Both parts are what an export has, and are judged anew before they are used, though only a worker
of the room can have written them. Trees stay as XGBoost writes them, without a description.
"""

from cleanroom.dataset.model_file import ModelDescription
from cleanroom.dataset.models.appearance import KEPT
from cleanroom.dataset.models.check import READERS, CheckedModel, check_model
from cleanroom.dataset.models.layers import tensors_of
from cleanroom.encoding import content_digest, frame
from cleanroom.errors import CleanroomError, ModelRefused
from cleanroom.manifest.model import ModelDataset

_LENGTH = 4
"""Of a length in a frame, in bytes."""


def kept_file(description: bytes, tensors: bytes) -> bytes:
    """The file of a model that stays.

    Args:
        description: the canonical bytes of a `ModelDescription`.
        tensors: the network's safetensors; empty for a linear model.
    """
    return frame(KEPT, description, tensors)


def read_kept(raw: bytes, model: ModelDataset) -> tuple[ModelDescription, bytes]:
    """The description and the tensors, once they are whole and what the manifest says of them.

    Raises:
        ModelRefused: they are not.
    """
    text, tensors = _parts(raw)
    try:
        description = ModelDescription.from_bytes(text)
    except CleanroomError as malformed:
        raise ModelRefused(f"the description does not read: {malformed}") from None
    for what, found, expected in _compared(description, model):
        if found != expected:
            raise ModelRefused(f"the {what} of the description are not those of the manifest")
    if description.network is not None and min(description.network.deviations) <= 0:
        raise ModelRefused("a deviation of the description is not above 0")
    if description.booster != (content_digest(tensors) if tensors else None):
        raise ModelRefused("the tensors are not those that the description names")
    return description, tensors


def require_kept(raw: bytes, model: ModelDataset) -> dict[str, int]:
    """Return how large the model is, once it is whole and what the manifest says of it.

    Raises:
        ModelRefused: it is not.
    """
    description, tensors = read_kept(raw, model)
    if description.linear is not None:
        return {"coefficients": sum(map(len, description.linear.coefficients))}
    read = tensors_of(tensors, description.sizes)
    return {"layers": len(read) // 2, "weights": sum(each.size for each in read.values())}


def check_kept(content: bytes, dataset: ModelDataset) -> CheckedModel:
    """Return a model once its file is what the manifest says, whether it was brought or stayed.

    Raises:
        DataOversized, ModelRefused: as `check_model`.
    """
    return check_model(content, dataset, {**READERS, "cleanroom": require_kept})


def _compared(
    description: ModelDescription, model: ModelDataset
) -> list[tuple[str, object, object]]:
    """What the manifest says, too: by name, as found and as expected."""
    network, features = description.network, description.features
    layers = None if network is None else (network.hidden, network.activation)
    declared = None if model.network is None else (model.network.hidden, model.network.activation)
    return [
        ("task", description.task, model.task),
        ("classes", description.classes, model.classes),
        (
            "features",
            [(each.column, each.values) for each in features],
            [(each.name, each.values) for each in model.features],
        ),
        ("layers", layers, declared),
        ("kind", description.kind, "linear" if network is None else "torch"),
    ]


def _parts(raw: bytes) -> tuple[bytes, bytes]:
    """The two fields of the frame."""
    fields, at = [], 0
    while at < len(raw):
        start = at + _LENGTH
        at = start + int.from_bytes(raw[at:start], "big")
        fields.append(raw[start:at])
    if at != len(raw) or len(fields) != 3 or fields[0] != KEPT.encode():
        raise ModelRefused("the file is not the description and the tensors of a model")
    return fields[1], fields[2]
