"""What it would take to close what a policy entry leaves open, found by trying.

Each stricter value is put into the entry by itself; the sentences of `explain.left_open` that are
gone then are what it closes. So nothing here can promise more than `explain` and the rules keep.
What no field closes is a matter of the platform, or of who holds the machine.
"""

import copy
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cleanroom.attestation.explain import left_open
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.errors import CleanroomError

NOTHING_CLOSES = "no field of the entry closes it"
STRICTER: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "host_data": ("genesis",),
        "min_report_version": (3, 5),
        "vmpl": ([0],),
        "signing_keys": (["vcek"],),
        "tcb_status": (["UpToDate"],),
        "debug": ("forbid",),
        "chip_ids": (["ab" * 64],),
        "ppids": (["ab" * 16],),
        "pcr3": (["ab" * 48],),
        "pcr4": (["ab" * 48],),
        "pcr8": (["ab" * 48],),
        "module_ids": (["i-04fd167167daacf3b-enc01845e97d0b3eb4e"],),
        "vm_ids": (["ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB"],),
        "id_key_digests": (["ab" * 48],),
        "author_key_digests": (["ab" * 48],),
        "signers": (["ab" * 32],),
        "mr_seam": (["ab" * 48],),
        "mr_owner": ("ab" * 48,),
        "mr_owner_config": ("ab" * 48,),
        "mr_service_td": ("zero",),
        "rtmr0": ("ab" * 48,),
        "fresh_report": ("require",),
        "revocation": ("require",),
        "crl_grace_d": (0,),
    }
)
"""Values to try by the name of the field, wherever it stands; lists are examples of lists."""
EXAMPLES = frozenset(name for name, tried in STRICTER.items() if "ab" * 16 in str(tried).lower())
"""Fields whose tried value only stands for one of the author's."""


class Gap(NamedTuple):
    """One thing that an entry leaves open."""

    open: str
    """What, in words."""
    closed_by: str
    """The field and value that close it, or that none does."""


def gaps(policy: AppraisalPolicy) -> list[Gap]:
    """Everything that an entry leaves open, each with what closes it."""
    sentences = left_open(policy)
    closers: dict[str, str] = {}
    for words, stricter in _variants(policy):
        left = set(left_open(stricter))
        for sentence in sentences:
            if sentence not in left:
                closers.setdefault(sentence, words)
    return [Gap(one, closers.get(one, NOTHING_CLOSES)) for one in sentences]


def _variants(policy: AppraisalPolicy) -> Iterator[tuple[str, AppraisalPolicy]]:
    """The entry with one stricter value at a time, where that makes an entry at all."""
    plain = policy.to_plain()
    for path, value in _leaves(plain):
        name = str(path[-1])
        tried = ("require", "forbid") if value == "any" else ()
        for stricter in (*STRICTER.get(name, ()), *tried):
            variant = _replaced(plain, path, stricter)
            try:
                yield _words(path, stricter), type(policy).from_plain(variant)
            except CleanroomError:
                continue


def _leaves(
    tree: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], object]]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from _leaves(value, (*path, name))
    elif path:
        yield path, tree
        if isinstance(tree, list):
            for index, value in enumerate(tree):
                if isinstance(value, dict):
                    yield from _leaves(value, (*path, index))


def _replaced(plain: object, path: tuple[str | int, ...], value: object) -> object:
    whole = copy.deepcopy(plain)
    place: object = whole
    for step in path[:-1]:
        place = place[step]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    return whole


def _words(path: tuple[str | int, ...], value: object) -> str:
    where = ".".join(str(step) for step in path if isinstance(step, str))
    if path[-1] in EXAMPLES:
        return f"{where}: the values that you accept"
    return f"{where}: {value}"
