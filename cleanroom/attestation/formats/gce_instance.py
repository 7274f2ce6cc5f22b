"""The extension with which Google names an instance in the certificate of its vTPM's key.

Object identifier 1.3.6.1.4.1.11129.2.1.21 (CloudComputeInstanceIdentifier), as go-tpm-tools reads
it: {zone, project number, project id, instance id, instance name, [0] {[0] version, [1] is
production, [2] to [5] further properties}}.
"""

from dataclasses import dataclass

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.formats.x509 import Certificate
from cleanroom.attestation.rejection import rejected

INSTANCE = "1.3.6.1.4.1.11129.2.1.21"
PROPERTIES = 0xA0
"""[0] EXPLICIT: the security properties; old certificates have none."""
VERSION, PRODUCTION, LAST = 0xA0, 0xA1, 0xA5
"""Tags inside: [0] a number, [1] to [5] truth values."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Which instance a key belongs to."""

    zone: str
    project_number: int
    project: str
    number: int
    name: str
    production: bool
    """False where nothing is said."""


def read_instance(certificate: Certificate) -> Instance:
    """The instance that a certificate names.

    Raises:
        EvidenceRejected: it names none, or in another form.
    """
    if INSTANCE not in certificate.extensions:
        raise rejected(
            f"extension {INSTANCE}", found="missing", expected="the instance's name and number"
        )
    outer = Der(certificate.extensions[INSTANCE].value, "instance")
    fields = outer.inside(der.SEQUENCE, "")
    outer.end()
    zone = fields.text("zone", (der.UTF8_STRING,))
    project_number = fields.integer("project number")
    project = fields.text("project id", (der.UTF8_STRING,))
    number = fields.integer("instance id")
    name = fields.text("instance name", (der.UTF8_STRING,))
    production = bool(fields.more) and _is_production(fields)
    fields.end()
    return Instance(zone, project_number, project, number, name, production)


def _is_production(fields: Der) -> bool:
    wrapper = fields.inside(PROPERTIES, "security properties")
    properties = wrapper.inside(der.SEQUENCE, "list")
    wrapper.end()
    version = properties.optional(VERSION, "security version")
    if version:
        Der(version, "security version").integer("number")
    said = {}
    for tag in range(PRODUCTION, LAST + 1):
        value = properties.optional(tag, "property")
        said[tag] = bool(value) and Der(value, "property").boolean("value")
    properties.end()
    return said[PRODUCTION]
