"""A type that proves something is constructed in one place only, so that holding it is the proof."""

from dataclasses import dataclass

import pytest

from tests.support.source_tree import ROOT, calls, dotted, functions, modules, parsed, relative


@dataclass(frozen=True)
class Home:
    """Where a type that proves something is made."""

    type: str
    """The class."""
    module: str
    """The only module, or package, that may call it."""
    readable: bool = False
    """Whether reading it back from bytes anywhere proves as much: its own shape is the proof."""


HOMES = (
    Home("Manifest", "cleanroom.manifest", readable=True),
    Home("ApprovedManifest", "cleanroom.manifest.approval"),
    Home("CheckedManifest", "cleanroom.manifest.checks"),
    Home("Claims", "cleanroom.attestation"),
    Home("AttestationResult", "cleanroom.attestation.appraisal", readable=True),
    Home("SealedDataset", "cleanroom.dataset.seal"),
    Home("CheckedModel", "cleanroom.dataset.models.check"),
    Home("SealedModel", "cleanroom.dataset.models.sealing"),
    Home("Released", "enclave.computations.release"),
    Home("ReferenceValues", "cleanroom.attestation.reference_values"),
    Home("TrustedRoom", "cleanroom.protocol.statement"),
    Home("VerifiedReceipt", "cleanroom.protocol.receipt"),
)
READERS = ("from_bytes", "from_plain", "model_validate", "model_validate_json")


def stands(home: Home) -> bool:
    path = ROOT / home.module.replace(".", "/")
    return path.with_suffix(".py").is_file() or any(path.glob("*.py"))


def minted_abroad(home: Home) -> list[str]:
    """Calls of the class, or of its readers, outside its home."""
    minting = {home.type} | (
        {f"{home.type}.{reader}" for reader in READERS} if not home.readable else set()
    )
    return [
        f"{relative(path)}:{line}"
        for path in modules()
        if not f"{dotted(path)}.".startswith(f"{home.module}.")
        for name, line in calls(parsed(path))
        if any(f".{name}".endswith(f".{mint}") for mint in minting)
    ]


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.type)
def test_minted_at_home_only(home):
    assert minted_abroad(home) == []


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.type)
def test_the_home_that_stands_makes_its_type(home):
    if not stands(home):
        pytest.skip(f"{home.module} is not built yet")
    at_home = [path for path in modules() if f"{dotted(path)}.".startswith(f"{home.module}.")]
    assert any(home.type in path.read_text(encoding="utf-8") for path in at_home)


def test_nobody_makes_a_record_without_its_checks():
    unchecked = [
        f"{relative(path)}:{line} {name}"
        for path in modules()
        for name, line in calls(parsed(path))
        if name.rpartition(".")[2] in {"model_construct", "__new__"}
    ]
    assert unchecked == []


CHECKING = ("verify", "check", "appraise", "approve", "authenticate")
TRUSTED = (
    "cleanroom/attestation",
    "cleanroom/crypto",
    "cleanroom/ledger",
    "cleanroom/manifest",
    "cleanroom/protocol",
)


def test_a_check_of_the_trusted_core_never_answers_with_a_bool():
    droppable = [
        f"{relative(path)}:{function.lineno} {function.name}"
        for path in modules(*TRUSTED)
        for function in functions(parsed(path))
        if function.name.lstrip("_").split("_")[0] in CHECKING
        and getattr(function.returns, "id", "") == "bool"
    ]
    assert droppable == []
