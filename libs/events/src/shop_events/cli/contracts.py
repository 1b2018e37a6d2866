"""``shop-events schema check|release`` and ``asyncapi``: what events are, what a change would break."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer

from shop_events.asyncapi import document
from shop_events.cli import options, screen
from shop_events.releases import Contracts, breaks, missing_fixtures, newest_fixtures
from shop_events.schemas import to_text
from shop_events.services import declared

app = typer.Typer(no_args_is_help=True, help="The contracts of this code against those released last.")


@app.command("check")
def check(docs: options.Docs = options.DOCS, as_json: options.AsJson = False) -> None:
    """Say what the contracts of this code would break, and whom; exit status 1 if anything."""
    current = Contracts.current()
    found = breaks(Contracts.released(docs / "released"), current)
    if as_json:
        for each in found:
            about = {"subject": each.subject, "place": each.place, "side": each.side, "what": each.what}
            screen.line({**about, "readers": each.readers})
    else:
        for subject, group in groupby(found, key=lambda each: each.subject):
            typer.echo(subject)
            for each in group:
                typer.echo(f"  {each.what}\n    breaks {each.side}: {', '.join(each.readers)}")
    if found:
        screen.say("Keep what was released and add optional fields only, or publish a new version beside it.")
        raise typer.Exit(1)
    screen.say(f"{len(current.schemas)} event types: nothing that was released breaks.")


@app.command("release")
def release(
    version: Annotated[str, typer.Argument(help="Version of the release, for instance 0.2.0.")],
    docs: options.Docs = options.DOCS,
) -> None:
    """Make the contracts of this code the released ones; refused when they break those before."""
    folder = docs / "released"
    released, current = Contracts.released(folder), Contracts.current()
    if breaks(released, current):
        check(docs)
    fixtures = folder / "fixtures" / version
    if missing := missing_fixtures(released, current, fixtures):
        screen.say(f"Put a realistic record of each new or changed event into {fixtures} first:")
        for name in missing:
            typer.echo(name)
        raise typer.Exit(1)
    current.write(folder)
    screen.say(f"Released {version}: {len(current.schemas)} event types.")


def asyncapi(docs: options.Docs = options.DOCS) -> None:
    """Print the AsyncAPI 3.0 document of all topics and all installed services."""
    typer.echo(to_text(document(declared(), newest_fixtures(docs / "released"))), nl=False)
