"""A Nitro entry in words: what it accepts, what it leaves open, what mends a finding."""

from cleanroom.attestation.policy.nitro import NitroPolicy

FREE_HOST_DATA = (
    "a launcher ties nothing to an enclave: somebody else may set up a first manifest of their own"
)
CLOUD = (
    "AWS's hypervisor keeps the enclave apart and AWS's module signs: AWS itself is trusted, "
    "no maker of processors vouches"
)
ANY_INSTANCE = "any parent instance of any AWS account may run the image"
ANY_ROLE = "the parent instance may have any role: PCR3 is not asked for"
ANY_SIGNER = "no signer of the image is asked for: PCR0 to PCR2 alone say which image it is"
DEBUG = "the enclave may run in debug mode: its host reads the console, its registers are zero"
HINTS = {
    "nitro-assurance": "development_roots in the manifest and a simulated room belong together",
    "nitro-debug": "launch the enclave without --debug-mode",
    "nitro-pcr0": "run the image that the manifest lists, or list this image's PCR0",
    "nitro-pcr1": "build the image with the kernel that the manifest lists",
    "nitro-pcr2": "build the image with the application that the manifest lists",
    "nitro-pcr3": "start the parent instance with the role that the manifest lists",
    "nitro-pcr4": "run on a parent instance that the manifest lists",
    "nitro-pcr8": "sign the image with the certificate that the manifest lists",
    "nitro-module-id": "list this launch of the enclave: its id is new with every launch",
    "nitro-host-data": "write host_data: any, which is all that an enclave can meet",
}
"""What usually mends a failed finding, by its code."""


def described(policy: NitroPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    enclaves = "any" if policy.module_ids == "any" else f"{len(policy.module_ids)} listed"
    instances = "any" if policy.pcr4 == "any" else f"{len(policy.pcr4)} listed"
    return [
        "nitro enclaves of AWS",
        f"enclaves: {enclaves}, parent instances: {instances}",
        *(f"image (PCR0) {measurement}" for measurement in policy.pcr0),
    ]


def left_open(policy: NitroPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    said = [CLOUD, FREE_HOST_DATA]
    if policy.debug == "any":
        said.append(DEBUG)
    if not policy.lists_machines:
        said.append(ANY_INSTANCE)
    if policy.pcr3 == "any":
        said.append(ANY_ROLE)
    if policy.pcr8 == "any":
        said.append(ANY_SIGNER)
    return said
