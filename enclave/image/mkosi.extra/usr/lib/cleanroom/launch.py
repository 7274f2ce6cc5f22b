# ruff: noqa: INP001 - a program in an image, not a module of the package
"""Starts the one program that a guest is for: from what the launcher said, checked, to arguments.

What the launcher says (systemd credentials: `genesis`, `coordinator`, `listen`, `role`, `node-ip`,
`peers`, `callers`, `evidence`, `endorsement.1` to `.3`, `collateral`) is not measured and not
trusted: each value has one narrow form, becomes one argument, and nothing of it reaches the
environment. The genesis decides which room this is, and every relying party compares it with the
host data that the hardware measured.

    python3 -I -P launch.py coordinator | worker | rules
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from pathlib import Path
from typing import NoReturn

PYTHON = "/usr/bin/python3"
NFT = "/usr/sbin/nft"
FIREWALL = "/etc/nftables.conf"
KEPT = {"PATH": "/usr/bin:/usr/sbin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
"""The whole environment of what is started."""
LONGEST = 4096
"""No credential but the genesis is longer, in bytes."""
LARGEST_GENESIS = 64 * 1024
LARGEST_ENDORSEMENT = 512 * 1024
"""What evidence may carry, in bytes."""
ENDORSEMENTS = tuple(f"endorsement.{number}" for number in (1, 2, 3))
LARGEST_COLLATERAL = 1024 * 1024
"""systemd takes no larger credential, in bytes."""
MOST_NETWORKS = 256
ROLE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
PLATFORM = re.compile(r"[a-z][a-z0-9-]{0,31}")
ADDRESS = re.compile(r"([0-9.]{7,15}):([1-9][0-9]{1,4})")
COORDINATOR_STATE = "/var/lib/cleanroom/room"
WORKER_DIRECTORY = "/run/cleanroom/worker"


class Misconfigured(Exception):
    """What the launcher said is not of the form that is asked for."""


def command(program: str, credentials: Path) -> list[str]:
    """The program and its arguments.

    Args:
        program: `coordinator` or `worker`.
        credentials: the directory in which systemd puts what the launcher said.

    Raises:
        Misconfigured: a value is missing, or not of its form.
    """
    genesis = credentials / "genesis"
    if not genesis.is_file() or genesis.stat().st_size > LARGEST_GENESIS:
        raise Misconfigured("the credential cleanroom.genesis is missing or too large")
    start = [PYTHON, "-I", "-P", "-m", f"enclave.{program}.main", "--genesis", str(genesis)]
    start += _platform(credentials)
    if program == "coordinator":
        listen = _address(credentials, "listen")
        return [*start, "--directory", COORDINATOR_STATE, "--listen", listen]
    return [
        *start,
        *("--directory", WORKER_DIRECTORY),
        *("--coordinator", _address(credentials, "coordinator")),
        *("--role", _matching(credentials, "role", ROLE)),
        *("--node-ip", str(_ip(_said(credentials, "node-ip"), "node-ip"))),
    ]


def _platform(credentials: Path) -> list[str]:
    """Which platform to prove, and what to send along with its evidence: both may be left out."""
    named: list[str] = []
    if (credentials / "evidence").is_file():
        named = ["--evidence", _matching(credentials, "evidence", PLATFORM)]
    for name in ENDORSEMENTS:
        file = credentials / name
        if file.is_file():
            if not 0 < file.stat().st_size <= LARGEST_ENDORSEMENT:
                raise Misconfigured(f"the credential cleanroom.{name} is empty or too large")
            named += ["--endorsements", str(file)]
    return [*named, *_collateral(credentials / "collateral")]


def rules(credentials: Path) -> str:
    """The firewall: /etc/nftables.conf, with its sets filled from what the launcher said.

    Raises:
        Misconfigured: a value is not of its form.
    """
    lines = [f'include "{FIREWALL}"']
    for name in ("peers", "callers"):
        networks = _networks(credentials, name)
        if networks:
            lines.append(f"add element inet cleanroom {name} {{ {', '.join(networks)} }}")
    if (credentials / "coordinator").is_file():
        host, _, port = _address(credentials, "coordinator").partition(":")
        lines.append(f"add element inet cleanroom coordinators {{ {host} . {port} }}")
    return "".join(f"{line}\n" for line in lines)


def _collateral(bundle: Path) -> list[str]:
    if not bundle.is_file():
        return []
    if bundle.stat().st_size > LARGEST_COLLATERAL:
        raise Misconfigured("the credential cleanroom.collateral is too large")
    return ["--collateral", str(bundle)]


def _said(credentials: Path, name: str) -> str:
    file = credentials / name
    if not file.is_file() or file.stat().st_size > LONGEST:
        raise Misconfigured(f"the credential cleanroom.{name} is missing or too long")
    try:
        return file.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        raise Misconfigured(f"the credential cleanroom.{name} is not plain text") from None


def _matching(credentials: Path, name: str, form: re.Pattern[str]) -> str:
    said = _said(credentials, name)
    if not form.fullmatch(said):
        raise Misconfigured(f"the credential cleanroom.{name} is not of its form")
    return said


def _address(credentials: Path, name: str) -> str:
    said = _matching(credentials, name, ADDRESS)
    host, _, port = said.partition(":")
    _ip(host, name)
    if int(port) > 65535:
        raise Misconfigured(f"the credential cleanroom.{name} has no such port")
    return said


def _ip(said: str, name: str) -> IPv4Address:
    try:
        return IPv4Address(said)
    except AddressValueError:
        raise Misconfigured(f"the credential cleanroom.{name} is no IPv4 address") from None


def _networks(credentials: Path, name: str) -> list[str]:
    if not (credentials / name).is_file():
        return []
    said = _said(credentials, name).split()
    if len(said) > MOST_NETWORKS:
        raise Misconfigured(f"the credential cleanroom.{name} lists too many networks")
    try:
        found = [IPv4Network(one) for one in said]
    except (AddressValueError, NetmaskValueError, ValueError):
        raise Misconfigured(f"the credential cleanroom.{name} lists no IPv4 networks") from None
    if any(one.overlaps(IPv4Network("169.254.0.0/16")) for one in found):
        raise Misconfigured(f"the credential cleanroom.{name} covers the metadata service")
    return [str(one) for one in found]


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Become the program, or fill the firewall's sets."""
    if len(arguments) != 1 or arguments[0] not in {"coordinator", "worker", "rules"}:
        sys.stderr.write("launch.py coordinator | worker | rules\n")
        return 2
    directory = Path(environment.get("CREDENTIALS_DIRECTORY", "/nonexistent"))
    try:
        if arguments[0] == "rules":
            return _load(rules(directory))
        start = command(arguments[0], directory)
    except Misconfigured as refused:
        sys.stderr.write(f"{refused}\n")
        return 2
    return _become(start)


def _load(script: str) -> int:
    done = subprocess.run(  # noqa: S603 - one program, and its input is checked
        [NFT, "-f", "-"], input=script, text=True, env=dict(KEPT), check=False
    )
    return done.returncode


def _become(start: list[str]) -> NoReturn:
    os.execve(PYTHON, start, dict(KEPT))  # noqa: S606 - the measured program, without a shell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))  # noqa: TID251 - the program's entry
