"""A command that does not outlive who asked for it: `python -I -m enclave.worker.tied PARENT …`.

It confines itself and then becomes the command, which keeps the tie (prctl(2): the signal at the
parent's death survives `execve`). A process with threads must not run Python between fork and exec:
gRPC's poller, woken up in such a child, waits for ever on a descriptor that is closed there.
"""

import os
import sys

from enclave.worker.confine import command, confine


def tied(arguments: list[str]) -> list[str]:
    """The command that runs `arguments` and ends with this process."""
    return [*command("enclave.worker.tied", str(os.getpid())), *arguments]


def main(arguments: list[str]) -> None:
    """Confine this process, then become the command.

    Raises:
        MachineUnfit: the kernel refuses, or whoever asked is gone already.
    """
    parent, program, *rest = arguments
    confine(int(parent))
    os.execv(program, [program, *rest])  # noqa: S606 - the command is the caller's own


if __name__ == "__main__":
    main(sys.argv[1:])
