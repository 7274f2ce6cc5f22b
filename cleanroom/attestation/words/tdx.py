"""A TDX entry in words: what it accepts, what it leaves open, what mends a finding."""

from collections.abc import Iterator

from cleanroom.attestation.policy import TdxPolicy
from cleanroom.attestation.policy.tdx import TdAttributeDemands, TdImage
from cleanroom.attestation.words.dcap import (
    FREE_HOST_DATA,
    described_platform,
    open_platform,
    platform_hints,
)
from cleanroom.attestation.words.reference import described_name

HINTS = platform_hints("tdx") | {
    "tdx-measurement": "run the image that the manifest lists, or list this image's MRTD",
    "tdx-rtmr0": "launch the guest with the configuration that the manifest pins",
    "tdx-rtmr1": "boot the kernel that the manifest pins",
    "tdx-rtmr2": "boot with the command line and initial file system that the manifest pins",
    "tdx-rtmr3": "measure at run time only what the manifest pins",
    "tdx-events": "send the event log, and boot only what the manifest lists",
    "tdx-attributes": "launch the guest with the attributes that the manifest asks for",
    "tdx-attributes-unnamed": "launch the guest without attributes that are unknown here",
    "tdx-service-td": "launch the guest without a service guest",
    "tdx-owner": "launch the guest with the owner that the manifest names",
    "tdx-module": "use a host with a TDX module that the manifest lists",
}
"""What usually mends a failed finding, by its code."""
OPEN_ATTRIBUTES = {
    "debug": "the host may read and write the guest's memory: nothing is confidential",
    "hgs_plus_prof": "the host may watch the guest's scheduling classes",
    "perf_prof": "the host may watch the guest's performance counters",
    "pmt_prof": "the host may watch the guest's telemetry",
    "sept_ve_disable": "the host may take pages away and surprise the guest with exceptions",
    "migratable": "a migration guest may move the guest and learn its keys",
    "perfmon": "performance counters may be used inside the guest: side channels stay open",
}
"""What it means when an attribute may be either."""
SAFE_WHEN = dict.fromkeys(OPEN_ATTRIBUTES, "forbid") | {"sept_ve_disable": "require"}
"""The demand that closes each attribute."""
FREE_RTMR0 = "RTMR0 is free: the host chooses the guest's configuration and ACPI tables"
UNREAD = "what the named image leaves free is not known here: read its reference values"
FREE_RTMR3 = "RTMR3 is free: what runs later may measure anything"


def described(policy: TdxPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    images = map(_image, policy.measurements or ())
    return ["tdx", *described_platform(policy), *images, *described_name(policy)]


def _image(image: TdImage) -> str:
    registers = (f"rtmr{index} {getattr(image, f'rtmr{index}')}" for index in range(4))
    ruled = [f"events of RTMR{rule.register_index} by rule" for rule in image.events]
    return ", ".join([f"measurement {image.mrtd}", *registers, *ruled])


def left_open(policy: TdxPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    return [*open_platform(policy), *open_attributes(policy.td_attributes), *_launch(policy)]


def open_attributes(demands: TdAttributeDemands) -> Iterator[str]:
    """One sentence for each attribute that an entry does not close."""
    asked: dict[str, str] = demands.model_dump()
    for name, safe in SAFE_WHEN.items():
        if asked[name] != safe:
            yield OPEN_ATTRIBUTES[name]
    if demands.unnamed == "any":
        yield "attributes without a name here are accepted: they may weaken the guest"


def _launch(policy: TdxPolicy) -> Iterator[str]:
    if policy.host_data == "any":
        yield FREE_HOST_DATA
    if policy.mr_service_td != "zero":
        yield "a service guest may be bound to the guest, and reach into it"
    images = policy.measurements
    if images is None:
        yield UNREAD
        return
    if any(image.rtmr0 == "any" and not _ruled(image, 0) for image in images):
        yield FREE_RTMR0
    if any(image.rtmr3 == "any" and not _ruled(image, 3) for image in images):
        yield FREE_RTMR3


def _ruled(image: TdImage, index: int) -> bool:
    return any(rule.register_index == index for rule in image.events)
