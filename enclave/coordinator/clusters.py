"""The credentials of one gang's cluster: an authority and a token that live for one run.

Whoever holds a leaf and the token rules the cluster, so each goes to an admitted worker of this
gang only, and neither the authority's key nor the token is kept once they are handed out.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from cleanroom.crypto.certificates import issue, new_authority, new_private_key
from cleanroom.crypto.sealing import SealKey, seal
from cleanroom.protocol.work import Credentials, Peer, token_context
from enclave.coordinator.state import Run

TOKEN_LENGTH = 32
LOOPBACK = ("localhost", "127.0.0.1")
"""Names besides the node's own address: the cluster's own proxies dial them."""
MARGIN = timedelta(minutes=10)
"""A leaf outlives its run's deadline by this much: the engine cannot rotate it."""


def gang_of(run: Run) -> list[Peer]:
    """The nodes of a run, the head first; ports are 0 for a gang of one."""
    return [
        Peer(
            instance=worker.instance,
            node=node,
            node_ip=worker.join.node_ip,
            port_base=brought.port_base if brought else 0,
        )
        for node, worker in enumerate(run.gang)
        for brought in [run.equipped.get(worker.instance)]
    ]


def credentials(run: Run, now: datetime) -> Iterator[tuple[str, Credentials]]:
    """What each worker of the gang gets, by instance; made afresh, never twice.

    Raises:
        SignatureInvalid: a certificate request is malformed or not signed by its own key.
    """
    key, token = new_private_key(), secrets.token_bytes(TOKEN_LENGTH)
    lifetime = run.deadline - now + MARGIN
    authority = new_authority(f"run {run.name}", key, now, lifetime)
    gang = gang_of(run)
    for worker in run.gang:
        names = list(dict.fromkeys((worker.join.node_ip, *LOOPBACK)))
        request = run.equipped[worker.instance].request
        leaf = issue(authority, key, request, names, now=now, lifetime=lifetime)
        context = token_context(run.name, worker.instance)
        yield (
            worker.instance,
            Credentials(
                run=run.name,
                gang=gang,
                certificate=leaf,
                authority=authority,
                sealed_token=seal(token, SealKey(worker.join.seal_key), context=context),
            ),
        )
