"""What can be wrong with a simulated enclave, as a table: tests and demonstrations choose a row."""

from dataclasses import dataclass
from typing import Literal

NitroScenarioName = Literal[
    "good",
    "debug",
    "wrong-pcr0",
    "wrong-pcr1",
    "wrong-pcr2",
    "wrong-binding",
    "no-user-data",
    "expired",
    "early",
    "open-map",
    "tagged",
    "attached",
    "stolen-certificate",
    "reversed-bundle",
    "long-path",
]


@dataclass(frozen=True, slots=True)
class NitroScenario:
    """How a document, and the certificates under it, differ from a good one."""

    debug: bool = False
    """PCR0, PCR1 and PCR2 are zero."""
    spoiled_register: int | None = None
    """Which register holds another value."""
    other_binding: bool = False
    no_user_data: bool = False
    leaf_hours: tuple[int, int] = (-1, 365 * 24)
    """The leaf's validity, in hours from when the machine was made; a real one lives for three."""
    open_map: bool = False
    """The document's map has no length, as newer modules write it."""
    tagged: bool = False
    """Tag 18 stands before the message."""
    attached: bool = False
    """There are a nonce and a public key too."""
    other_signer: bool = False
    """Another key signs than the certificate's."""
    reversed_bundle: bool = False
    """The bundle begins with the issuer of the leaf."""
    long_path: bool = False
    """One authority more than the path lengths allow."""


SCENARIOS: dict[NitroScenarioName, NitroScenario] = {
    "good": NitroScenario(),
    "debug": NitroScenario(debug=True),
    "wrong-pcr0": NitroScenario(spoiled_register=0),
    "wrong-pcr1": NitroScenario(spoiled_register=1),
    "wrong-pcr2": NitroScenario(spoiled_register=2),
    "wrong-binding": NitroScenario(other_binding=True),
    "no-user-data": NitroScenario(no_user_data=True),
    "expired": NitroScenario(leaf_hours=(-5, -2)),
    "early": NitroScenario(leaf_hours=(2, 5)),
    "open-map": NitroScenario(open_map=True),
    "tagged": NitroScenario(tagged=True),
    "attached": NitroScenario(attached=True),
    "stolen-certificate": NitroScenario(other_signer=True),
    "reversed-bundle": NitroScenario(reversed_bundle=True),
    "long-path": NitroScenario(long_path=True),
}
"""Every scenario by name."""
