"""A gang's node: refused until it is built."""

from cleanroom.errors import MachineUnfit
from cleanroom.protocol.work import Provision
from enclave.worker.engine import GangExecution
from enclave.worker.joining import Membership


def gang_node(provision: Provision, membership: Membership) -> GangExecution:
    """Refuse.

    Raises:
        MachineUnfit: always.
    """
    del provision, membership
    raise MachineUnfit("this worker forms no gangs")
