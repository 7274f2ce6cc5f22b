"""What a worker of a gang does beyond a single one: its key and its request."""

from cleanroom.crypto.certificates import PrivateKey, certificate_request, new_private_key
from cleanroom.protocol.work import Equipped
from tests.support.rooms import FakeWorker


def equip(worker: FakeWorker, run: str, port_base: int = 7100) -> PrivateKey:
    """Make the node's key and ask for its certificate."""
    key = new_private_key()
    worker.report(Equipped(run=run, request=certificate_request(key), port_base=port_base))
    return key
