"""`cleanroom attestation verify`: evidence or a kept proof, compared with what parties accept."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import Binding, binding_of
from cleanroom.attestation.claims import AnyClaims
from cleanroom.attestation.claims.snp import SnpClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence, Platform
from cleanroom.attestation.policy import Product
from cleanroom.attestation.result import Finding
from cleanroom.attestation.table import PLATFORMS, compare
from cleanroom.attestation.unverified import claimed_binding
from cleanroom.attestation.verifier import verify as verify_evidence
from cleanroom.cli import console
from cleanroom.cli.attestation_files import (
    FILE,
    TIME,
    given_time,
    read_bundle,
    read_evidence,
    read_proof,
)
from cleanroom.cli.attestation_policies import Asked, asked_of, reference_values_option
from cleanroom.cli.context import json_option, load_manifest, manifest_option
from cleanroom.client.proof import Proof
from cleanroom.client.verdict import HEADINGS, SIMULATED, open_lines
from cleanroom.collateral.bundle import complete
from cleanroom.collateral.freshness import moment_of
from cleanroom.encoding import instant_text
from cleanroom.errors import CollateralMissing, SimulationRefused, Usage

NOT_COMPARED = "NOT COMPARED: this may be old, or made for somebody else"


@click.command()
@click.argument("file", type=FILE)
@click.option("--policy", type=FILE, help="Entries of `attestation`; instead of a manifest.")
@manifest_option
@click.option("--genesis", type=FILE, help="From `cleanroom manifest genesis`; with --policy.")
@reference_values_option
@click.option("--binding", metavar="HEX", help="The 64 bytes that the evidence must carry.")
@click.option("--any-binding", is_flag=True, help="Do not compare them: for old evidence.")
@click.option("--endorsement", "endorsements", type=FILE, multiple=True, help="Certificates.")
@click.option("--event-log", type=FILE, help="What was measured, as the firmware keeps it.")
@click.option("--platform", type=click.Choice(sorted(PLATFORMS)), help="What the file is of.")
@click.option("--product", type=click.Choice(get_args(Product)), help="For old SEV-SNP reports.")
@click.option("--collateral", "bundle", type=FILE, help="A bundle; see `collateral bundle`.")
@click.option("--grace-s", type=int, default=0, show_default=True, help="For the bundle's end.")
@click.option("--at", type=TIME, help="Judge as of then, such as 2026-11-20T12:00:00Z.")
@click.option("--allow-simulated", is_flag=True, help="Accept simulated evidence.")
@json_option
def verify(  # noqa: PLR0913 - one parameter for each option
    file: Path,
    policy: Path | None,
    manifest_path: Path | None,
    genesis: Path | None,
    binding: str | None,
    *,
    values: tuple[Path, ...],
    any_binding: bool,
    endorsements: tuple[Path, ...],
    event_log: Path | None,
    platform: Platform | None,
    product: Product | None,
    bundle: Path | None,
    grace_s: int,
    at: datetime | None,
    allow_simulated: bool,
    as_json: bool,
) -> None:
    """Verify evidence or a room's statement, and compare it with what the parties accept.

    FILE is our evidence as JSON, a SEV-SNP report, a DCAP quote, a Nitro document, a CCA token
    (also as hex or base64), or what `cleanroom attest --save` kept.
    """
    proof = read_proof(file, given_time(at))
    if proof is not None:
        if policy or values or binding or any_binding or grace_s:
            raise Usage("a statement brings its binding, and is verified with the manifest only")
        own = Collateral() if bundle is None else read_bundle(bundle).collateral
        moment = proof.verified_at if at is None else given_time(at)
        _verify_proof(proof, manifest_path, own, moment, allow=allow_simulated, as_json=as_json)
        return
    evidence = read_evidence(file, endorsements, event_log, platform)
    now, beside = given_time(at), Collateral()
    asked = asked_of(policy, manifest_path, genesis, values, now)
    expected = _expected(evidence, binding, any_binding=any_binding)
    if bundle is not None:
        kept = read_bundle(bundle)
        now, beside = moment_of(kept, now, grace_s=grace_s), kept.collateral
        evidence = complete(evidence, kept, product)
    claims = verify_evidence(
        evidence,
        binding=expected,
        anchors=Anchors.of(asked.policies.values()),
        collateral=beside,
        now=now,
    )
    _require_heeded(claims, beside)
    _tell(claims, asked, bound=binding is not None, as_json=as_json)
    appraise(claims, asked.policies, genesis=asked.genesis, now=now)
    if claims.assurance == "simulated" and not allow_simulated:
        raise SimulationRefused("the evidence is of a simulated platform")
    console.say("the evidence is authentic and one entry holds whole")


def _require_heeded(claims: AnyClaims, beside: Collateral) -> AnyClaims:
    """Whoever brings lists of AMD's wants this machine to be looked up in one of them."""
    if beside.amd_crls and isinstance(claims, SnpClaims) and claims.revocation is None:
        raise CollateralMissing(
            f"the bundle has {len(beside.amd_crls)} revocation lists and none of the evidence's "
            "root, expected one",
            hint="pull and bundle again, with this evidence",
        )
    return claims


def _expected(evidence: Evidence, binding: str | None, *, any_binding: bool) -> Binding:
    if any_binding == (binding is not None):
        raise Usage(
            "it is not said which binding the evidence must carry",
            hint="give --binding, or say --any-binding for evidence whose conversation is over",
        )
    if binding is None:
        return claimed_binding(evidence)
    try:
        return binding_of(bytes.fromhex(binding))
    except ValueError:
        raise Usage("the binding is not hexadecimal, expected 128 hex digits") from None


def _tell(claims: AnyClaims, asked: Asked, *, bound: bool, as_json: bool) -> None:
    """Print every finding of every entry, passed or not."""
    entries = {
        name: compare(claims, entry, asked.genesis) for name, entry in asked.policies.items()
    }
    if as_json:
        console.emit_json("attestation-verify", _plain(claims, entries, bound=bound))
        return
    rows: list[tuple[str, str, str, str]] = [
        ("ok", "evidence", claims.evidence, "signed under a trusted root"),
        ("ok" if bound else "??", "binding", "as expected" if bound else NOT_COMPARED, "yours"),
    ]
    for name, findings in entries.items():
        rows.append(("", f"[{name}]", "", ""))
        rows += [
            ("ok" if one.passed else "NO", one.check, one.found, one.expected) for one in findings
        ]
    if claims.assurance == "simulated":
        console.say(SIMULATED)
    console.emit(console.table(HEADINGS, rows))


def _plain(
    claims: AnyClaims, entries: Mapping[str, list[Finding]], *, bound: bool
) -> dict[str, object]:
    return {
        "authentic": True,
        "assurance": claims.assurance,
        "binding_compared": bound,
        "judged_at": instant_text(claims.verified_at),
        "accepted_by": [
            name for name, findings in entries.items() if all(one.passed for one in findings)
        ],
        "findings": {
            name: [one.to_plain() for one in findings] for name, findings in entries.items()
        },
        "claims": claims.to_plain(),
    }


def _verify_proof(
    proof: Proof,
    path: Path | None,
    own: Collateral,
    now: datetime,
    *,
    allow: bool,
    as_json: bool,
) -> None:
    loaded = load_manifest(path)
    verdict, workers = proof.verified(
        loaded.manifest,
        allow_simulated=allow,
        collateral=own,
        reference_values=tuple(loaded.reference_values()),
        now=now,
    )
    if as_json:
        told = {**verdict.to_json(), "nonce_compared": False, "log_compared": False}
        told["workers"] = [worker.to_json() for worker in workers]
        console.emit_json("attestation-statement", told)
        return
    if verdict.assurance == "simulated":
        console.say(SIMULATED)
    console.say(f"judged as of {instant_text(now)}")
    old = {
        "nonce": NOT_COMPARED,
        "age of evidence": NOT_COMPARED,
        "log": f"{verdict.room.head.size} entries, {NOT_COMPARED}",
    }
    rows = [
        ("??" if check in old else "ok", check, old.get(check, found), expected)
        for _, check, found, expected in verdict.table()
    ]
    console.emit("\n".join([console.table(HEADINGS, rows), *open_lines(verdict.policy)]))
    for worker in workers:
        console.emit(f"{worker!r}\n")
