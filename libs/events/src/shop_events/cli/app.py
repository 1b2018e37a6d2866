"""The command line, put together."""

from __future__ import annotations

import logging
from collections.abc import Callable

import typer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, TransactionalIdAuthorizationFailed
from pydantic import ValidationError
from pymongo.errors import PyMongoError

from shop_events.cli import contracts, letters, parked, screen, state, topics
from shop_events.operations.records import TopicUnreadable
from shop_events.operations.replays import NotAReader

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Topics, lag, dead letters, replays, parked events and contracts. Connects as the services do: "
    "KAFKA_BOOTSTRAP_SERVERS, KAFKA_…, TOPIC_PREFIX, MONGODB_URL, MONGODB_DATABASE.",
)
_COMMANDS: tuple[Callable[..., None], ...] = (
    *(topics.topics, topics.describe, topics.tail, topics.lag),
    *(letters.replay, state.rebuild, state.republish, contracts.asyncapi),
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(letters.app, name="dead-letters")
app.add_typer(parked.app, name="parked")
app.add_typer(contracts.app, name="schema")

_EXPECTED = (KafkaError, PyMongoError, LookupError, NotAReader, TopicUnreadable, FileNotFoundError)


def run() -> int:
    """Run the command line and return its exit status: 0 done, 1 failed, 2 called wrongly."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what goes wrong is told below
    try:
        app()
    except ValidationError as error:
        for each in error.errors(include_input=False):
            screen.say(f"{'.'.join(map(str, each['loc']))}: {each['msg']}")
        return 2
    except (TopicAuthorizationFailedError, TransactionalIdAuthorizationFailed) as error:
        screen.say(f"This login may not do that: {', '.join(map(str, error.args)) or type(error).__name__}")
        return 1
    except _EXPECTED as error:
        screen.say(f"{type(error).__name__}: {error}")
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0
