"""`cleanroom key`: make a party's keys, and show their public halves for the manifest."""

from pathlib import Path

import click

from cleanroom.cli import console
from cleanroom.cli.context import json_option
from cleanroom.client.identity import Identity
from cleanroom.manifest.author import block_text


@click.group()
def key() -> None:
    """Make and show a party's keys."""


@key.command()
@click.option("--party", required=True, help="The party's identifier in the manifest.")
@click.option("--name", help="The organisation's name; by default the identifier.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: PARTY.key")
def new(party: str, name: str | None, out: Path | None) -> None:
    """Make an identity file (mode 0600) and PARTY.party.yaml with its public keys.

    Neither file is ever overwritten. Keep the identity file; give the other to your partners.
    """
    identity = Identity.create(party, name or party)
    path = identity.save(out or Path(f"{party}.key"))
    public = path.with_name(f"{party}.party.yaml")
    public.write_text(_block(identity), encoding="utf-8")
    console.say(f"private keys: {path.name} (mode 0600)")
    console.emit(str(public))
    console.next_step(f"give {public.name} to whoever writes the manifest")


@key.command()
@click.argument("identity", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def show(identity: Path, *, as_json: bool) -> None:
    """Print the public keys of an identity file, as the manifest's `parties` takes them."""
    loaded = Identity.load(identity)
    if as_json:
        console.emit_json("key", {"party": loaded.party, **loaded.public()})
    else:
        console.emit(_block(loaded).rstrip())


def _block(identity: Identity) -> str:
    return block_text({identity.party: identity.public()})
