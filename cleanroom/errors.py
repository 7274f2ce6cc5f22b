"""Every way in which the clean room says no, with a stable code for each.

This module is for the words and codes of failure. It formats nothing for a terminal, knows no
other package, and never carries a secret, a row, a cell value or a path of the host.

    CleanroomError
    ├── ManifestError          1xxx  exit 3   the contract itself is wrong
    ├── ApprovalError          2xxx  exit 5   somebody has not (validly) signed
    ├── NotTrusted             3xxx  exit 4   evidence, signature or log does not hold
    ├── DataError              4xxx  exit 3   an input is not what the manifest describes
    ├── PrivacyRefused         5xxx  exit 6   a rule or a limit withholds
    ├── RunError               6xxx  exit 8   a run was refused or failed inside
    ├── TransportError         7xxx  exit 7   unreachable; trying again may help
    ├── SetupError             8xxx  exit 2   this machine, directory or call is not ready
    └── InternalError          9xxx  exit 1   a bug in this program

A concrete error is a subclass with a `code` and a `slug`; neither is ever reused. `docs/errors.md`
is generated from these classes, and the same code travels in gRPC's rich status.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it is, and how to mend it."""

    message: str
    """What is wrong: subject, found, expected; lower case, no full stop."""
    where: str = ""
    """A path into the document (`datasets.customers.owner`) or the name of what was checked."""
    line: int = 0
    """1-based line in the author's file; 0 when the problem has no place in a file."""
    column: int = 0
    """1-based column in the author's file; 0 when unknown."""
    hint: str = ""
    """One way to mend it."""


CATALOGUE: dict[str, type["CleanroomError"]] = {}
"""Every concrete error by its code: read by the docs, the wire and `manifest explain`."""


class CleanroomError(Exception):
    """Base of everything the clean room raises on purpose.

    Args:
        message: what, found, expected; lower case, no full stop.
        hint: one way to mend it; replaces the class's own `fix`.
        problems: every single thing that is wrong, when there may be several.
    """

    code: ClassVar[str] = ""
    slug: ClassVar[str] = ""
    fix: ClassVar[str] = ""
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.fix
        self.problems = tuple(problems)

    def __init_subclass__(cls) -> None:
        """Enter a concrete error into the catalogue; a code used twice is a bug at import."""
        super().__init_subclass__()
        if "code" not in vars(cls):
            return
        if cls.code in CATALOGUE or any(cls.slug == known.slug for known in CATALOGUE.values()):
            raise RuntimeError(f"error code {cls.code} or slug {cls.slug!r} is already taken")
        CATALOGUE[cls.code] = cls

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code}: {self.message})"


# --- 1xxx: the contract ---------------------------------------------------------------------------


class ManifestError(CleanroomError):
    """The manifest is not well formed, or its parts do not fit each other."""

    exit_status = 3


class ManifestSyntax(ManifestError):
    """The text is not in the strict YAML subset that manifests are written in."""

    code, slug = "CR-1001", "manifest-syntax"
    fix = "write plain YAML: strings, integers, true, false, null, lists and string-keyed maps"


class ManifestShape(ManifestError):
    """A field is unknown, missing, or of the wrong type."""

    code, slug = "CR-1002", "manifest-shape"
    fix = "run `cleanroom manifest schema` for the fields, or open the file in an editor with it"


class ManifestRule(ManifestError):
    """Every field is well formed, but some do not fit each other."""

    code, slug = "CR-1003", "manifest-rule"
    fix = "mend the fields named above, then run `cleanroom check` again"


class ManifestOutdated(ManifestError):
    """The time is outside `metadata.not_before` .. `metadata.not_after`."""

    code, slug = "CR-1004", "manifest-outdated"
    fix = "the parties agree on a new version with a later `not_after`"


class NotCanonical(ManifestError):
    """Signed or stored bytes are not the canonical encoding of what they say."""

    code, slug = "CR-1005", "not-canonical"
    fix = "send the bytes that were signed, unchanged"


class RecordMalformed(ManifestError):
    """A signed, sent or stored record is not of the shape this version knows."""

    code, slug = "CR-1006", "record-malformed"
    fix = "use the same version of the clean room on both sides"


# --- 2xxx: approvals ------------------------------------------------------------------------------


class ApprovalError(CleanroomError):
    """A needed signature is missing or does not count."""

    exit_status = 5


class ApprovalMissing(ApprovalError):
    """Not every affected owner has approved this manifest."""

    code, slug = "CR-2001", "approval-missing"
    fix = "each missing party runs `cleanroom plan`, then `cleanroom approve`"


class ApprovalInvalid(ApprovalError):
    """An approval does not hold: key, party, manifest, lineage or time do not match."""

    code, slug = "CR-2002", "approval-invalid"
    fix = "the named party approves this very manifest again with its `approve` key"


class ManifestConflict(ApprovalError):
    """The room already holds a different manifest for this version."""

    code, slug = "CR-2003", "manifest-conflict"
    fix = "compare digests with the other parties: everybody must approve the same file"


# --- 3xxx: trust ----------------------------------------------------------------------------------


class NotTrusted(CleanroomError):
    """Evidence, a signature or the log does not hold; nothing confidential was sent."""

    exit_status = 4


class EvidenceRejected(NotTrusted):
    """Some signature, certificate chain or layout of the evidence does not hold."""

    code, slug = "CR-3001", "evidence-rejected"
    fix = "ask the operator for fresh evidence and the vendor certificates that belong to it"


class BindingMismatch(NotTrusted):
    """The evidence is genuine but was made for other keys, another nonce or another manifest."""

    code, slug = "CR-3002", "binding-mismatch"
    fix = "connect again; if it stays, somebody is relaying evidence: do not continue"


class AppraisalFailed(NotTrusted):
    """The evidence is genuine but does not meet the attestation policy in the manifest."""

    code, slug = "CR-3003", "appraisal-failed"
    fix = "ask the operator to run what the manifest allows, or agree on a new manifest"


class SimulationRefused(NotTrusted):
    """The room is simulated and this was not explicitly allowed."""

    code, slug = "CR-3004", "simulation-refused"
    fix = "only for development: pass --allow-simulated (or allow_simulated=True)"


class StatementRejected(NotTrusted):
    """The coordinator's statement does not say what this party agreed to."""

    code, slug = "CR-3005", "statement-rejected"
    fix = "compare the manifest and approvals with the other parties before going on"


class LogInconsistent(NotTrusted):
    """The room's log is shorter than, or does not extend, the one remembered or presented."""

    code, slug = "CR-3006", "log-inconsistent"
    fix = "the room was rolled back or forked: keep your remembered head and ask all parties"


class SignatureInvalid(NotTrusted):
    """A signature does not verify under the key that the manifest names for this use."""

    code, slug = "CR-3007", "signature-invalid"
    fix = "sign with the party's own key for this use"


class SealBroken(NotTrusted):
    """Sealed bytes do not open: wrong key, wrong context, altered, truncated or replayed."""

    code, slug = "CR-3008", "seal-broken"
    fix = "use the bytes that were sealed for this purpose, unchanged"


class ReceiptInvalid(NotTrusted):
    """A receipt does not prove what it says."""

    code, slug = "CR-3009", "receipt-invalid"
    fix = "fetch the receipt again; if it still fails, do not rely on this result"


class CallerRefused(NotTrusted):
    """The caller is not who it must be for this call."""

    code, slug = "CR-3010", "caller-refused"
    fix = "connect again with the identity of a party that the manifest allows to do this"


class CollateralMissing(NotTrusted):
    """A vendor's certificate, list or document that is needed is not here, or out of date."""

    code, slug = "CR-3011", "collateral-missing"
    fix = "run `cleanroom attestation collateral pull` where the vendor can be reached"


class ReferenceValuesRefused(NotTrusted):
    """Reference values that the manifest names are missing, ended, or not signed as it asks."""

    code, slug = "CR-3012", "reference-values-refused"
    fix = "put what the image's builders signed into `reference-values/`, as the manifest names it"


# --- 4xxx: data -----------------------------------------------------------------------------------


class DataError(CleanroomError):
    """An input is not what the manifest describes."""

    exit_status = 3


class DataUnreadable(DataError):
    """A file is missing, empty, of another format, or not decodable."""

    code, slug = "CR-4001", "data-unreadable"
    fix = "give a Parquet, Arrow or UTF-8 CSV file with the columns of the manifest"


class DataMismatch(DataError):
    """Columns, types, row counts or values are not what the manifest declares."""

    code, slug = "CR-4002", "data-mismatch"
    fix = "run `cleanroom data check` and mend what its report lists"


class DataOversized(DataError):
    """An input decodes to more rows or bytes than the manifest or this version allows."""

    code, slug = "CR-4003", "data-oversized"
    fix = "split the input, or agree on a larger `rows.max`"


class DatasetRefused(DataError):
    """A dataset version is not for this room, owner or dataset, or is not complete."""

    code, slug = "CR-4004", "dataset-refused"
    fix = "run `cleanroom data add` again for this room"


class DatasetMissing(DataError):
    """A run needs a dataset of which no version was added yet."""

    code, slug = "CR-4005", "dataset-missing"
    fix = "the owner runs `cleanroom data add`"


class ModelRefused(DataError):
    """A model's file is of another format, damaged, hostile, or not what the manifest declares."""

    code, slug = "CR-4006", "model-refused"
    fix = "save the model again in the format that the manifest names; pickles are never read"


class ImageUnreadable(DataError):
    """A firmware, kernel or table that is to be measured is cut, of another format, or hostile."""

    code, slug = "CR-4007", "image-unreadable"
    fix = "give the very file that the hypervisor is started with, whole and unpacked"


# --- 5xxx: privacy --------------------------------------------------------------------------------


class PrivacyRefused(CleanroomError):
    """A rule that the parties signed withholds this."""

    exit_status = 6


class GroupTooSmall(PrivacyRefused):
    """Fewer distinct units of a contributing owner than the output's `min_group`."""

    code, slug = "CR-5001", "group-too-small"
    fix = "the result stays withheld; run it over larger inputs"


class LimitReached(PrivacyRefused):
    """`max_runs` or `max_releases` is used up."""

    code, slug = "CR-5002", "limit-reached"
    fix = "the parties agree on a new manifest version with a higher limit"


class OutputTooLarge(PrivacyRefused):
    """A result is larger than the output's `max_rows` or `max_bytes`."""

    code, slug = "CR-5003", "output-too-large"
    fix = "ask for less, or agree on a higher limit"


class BudgetExhausted(PrivacyRefused):
    """A run would cost more of a dataset's privacy budget than is left of it."""

    code, slug = "CR-5004", "budget-exhausted"
    fix = "run `cleanroom budget` for what is left; nothing refills a budget within a lineage"


class ModelSealed(PrivacyRefused):
    """A model stays sealed in the room: nobody has it, and only computations of the room use it."""

    code, slug = "CR-5005", "model-sealed"
    fix = "run a `predict` or `evaluate` that names it, or agree that it goes to recipients"


# --- 6xxx: runs -----------------------------------------------------------------------------------


class RunError(CleanroomError):
    """A run was refused or failed inside."""

    exit_status = 8


class RunRefused(RunError):
    """The request names something the manifest does not allow this party to run."""

    code, slug = "CR-6001", "run-refused"
    fix = "run `cleanroom plan` to see who may run what, and with which parameters"


class ParameterOutOfRange(RunError):
    """A parameter is unknown, missing or outside its signed range."""

    code, slug = "CR-6002", "parameter-out-of-range"
    fix = "run `cleanroom plan` to see the parameters and their ranges"


class WorkerLost(RunError):
    """A worker of this run's gang ended or lost its lease."""

    code, slug = "CR-6003", "worker-lost"
    fix = "start the run again; it has used one of its runs only if a key had been granted"


class RunTimedOut(RunError):
    """The run took longer than `limits.timeout_s`, or no worker was free in time."""

    code, slug = "CR-6004", "run-timed-out"
    fix = "ask the operator whether enough workers are running, then run it again"


class ComputationFailed(RunError):
    """The computation ended with an error inside the worker."""

    code, slug = "CR-6005", "computation-failed"
    fix = "the owners check their data; no detail leaves the worker"


class RunCancelled(RunError):
    """The run was cancelled by its submitter."""

    code, slug = "CR-6006", "run-cancelled"
    fix = "start it again when you need it"


class RunUnknown(RunError):
    """There is no such run, output or receipt (or it is not for this party)."""

    code, slug = "CR-6007", "run-unknown"
    fix = "run `cleanroom status` for the runs of this room"


class MemoryShort(RunError):
    """The inputs need more memory than the worker has."""

    code, slug = "CR-6008", "memory-short"
    fix = "use larger workers, more workers, or smaller inputs"


class AdmissionRefused(RunError):
    """A worker may not join: role, count, statement or lease do not hold."""

    code, slug = "CR-6009", "admission-refused"
    fix = "start the worker with a role of the manifest, below its `max_live`"


class WorkerUnfit(RunError):
    """The worker lacks a package that the computation needs; no key was opened."""

    code, slug = "CR-6010", "worker-unfit"
    fix = "ask the operator for workers built with it: `train.torch` needs the extra `torch`"


# --- 7xxx: transport ------------------------------------------------------------------------------


class TransportError(CleanroomError):
    """The other side could not be reached or answered wrongly; trying again may help."""

    exit_status = 7


class Unreachable(TransportError):
    """Nobody answers at this address."""

    code, slug = "CR-7001", "unreachable"
    fix = "check the address and that the coordinator runs, then try again"


class DeadlineExceeded(TransportError):
    """The other side did not answer in time."""

    code, slug = "CR-7002", "deadline-exceeded"
    fix = "try again; if it stays, ask the operator"


class TransferBroken(TransportError):
    """A stream ended early or carried bytes of another digest or size."""

    code, slug = "CR-7003", "transfer-broken"
    fix = "try again: the transfer resumes where it stopped"


class Overloaded(TransportError):
    """A size, rate or quota of the coordinator is exceeded."""

    code, slug = "CR-7004", "overloaded"
    fix = "send less at once, or try again later"


# --- 8xxx: this machine ---------------------------------------------------------------------------


class SetupError(CleanroomError):
    """This machine, directory or call is not ready for what was asked."""

    exit_status = 2


class Usage(SetupError):
    """The call's words are off: a name, a flag or a file that does not fit."""

    code, slug = "CR-8001", "usage"
    fix = "run the command with --help"


class FileMissing(SetupError):
    """A file that is needed here does not exist or cannot be used."""

    code, slug = "CR-8002", "file-missing"
    fix = "check the path, or run the command from the directory of `cleanroom.yaml`"


class PortTaken(SetupError):
    """Another program listens on the address."""

    code, slug = "CR-8003", "port-taken"
    fix = "choose another port, or end the other program"


class MachineUnfit(SetupError):
    """This machine lacks something the command needs."""

    code, slug = "CR-8004", "machine-unfit"
    fix = "run `cleanroom doctor` and mend what it lists"


class IdentityInvalid(SetupError):
    """An identity file is malformed, readable by others, or of another party."""

    code, slug = "CR-8005", "identity-invalid"
    fix = "make one with `cleanroom key new`, and keep its mode 0600"


class StateUnreadable(SetupError):
    """The coordinator's stored state does not open on this platform or is damaged."""

    code, slug = "CR-8006", "state-unreadable"
    fix = "start it with the image and directory that wrote the state"


# --- 9xxx: bugs -----------------------------------------------------------------------------------


class InternalError(CleanroomError):
    """A bug in this program; nothing about data is said."""

    code, slug = "CR-9001", "internal-error"
    fix = "report it with the command you ran and its version"
    exit_status = 1
