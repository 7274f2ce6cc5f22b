"""What a file looks like by its first bytes: for the words of a refusal, never to choose a reader.

Pickles and archives that may hold one come first: loading them runs what they say.
"""

import re

from cleanroom.encoding import frame

KEPT = "cleanroom/kept-file/v1"
"""What a model begins with that stays in a room, framed."""

_PICKLE_TEXT = re.compile(rb"\(?(c[A-Za-z_][A-Za-z0-9_.]*\n|[ld]p0\n|\(?l?p0\n|i[A-Za-z_.]+\n)")
_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive, as PyTorch, Keras and NumPy write: it may hold a pickle"),
    (b"\x89HDF", "HDF5, as Keras writes"),
    (b"\x1f\x8b", "gzip, which may hold a pickle"),
    (b"BZh", "bzip2, which may hold a pickle"),
    (b"\xfd7zXZ", "xz, which may hold a pickle"),
    (b"\x78\x9c", "zlib, as joblib writes: it may hold a pickle"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "GGUF"),
    (b"PAR1", "Parquet"),
    (b"ARROW1", "Arrow"),
    (b"binf", "XGBoost's old binary format"),
    (b"tree\n", "a LightGBM text model"),
    (b"\x7fELF", "a program"),
    (frame(KEPT), "a model as it stays in a room"),
)
"""First bytes, and what begins with them."""


def looks_like(raw: bytes) -> str:
    """What the bytes look like, in words."""
    if raw[:1] == b"\x80" and raw[1:2] in (b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a pickle, which runs code when it is loaded"
    if _PICKLE_TEXT.match(raw[:256]):
        return "a pickle of protocol 0, which runs code when it is loaded"
    for sign, words in _SIGNS:
        if raw.startswith(sign):
            return words
    return _of_a_model(raw) or "no format of a model"


def _of_a_model(raw: bytes) -> str:
    if not raw:
        return "an empty file"
    if re.match(rb"\{[LlIUi]", raw[:2]):
        return "UBJ, as XGBoost writes"
    if re.match(rb"\s*\{\s*\"", raw[:64]):
        return "JSON; XGBoost writes UBJ with `save_model('model.ubj')`"
    if raw[8:9] == b"{" and int.from_bytes(raw[:8], "little") < len(raw):
        return "safetensors"
    if re.match(rb"\x08[\x01-\x20](\x12|:|\x1a|B)", raw[:3]):
        return "ONNX"
    return ""
