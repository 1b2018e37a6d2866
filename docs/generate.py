"""Writes the pages of settings, routes, topics, access and events from the code; a test holds them to it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs import events_page
from shop_chassis.settings import ServiceSettings
from shop_devstack.settings import StackSettings
from shop_events.access import PRINCIPALS, access_list
from shop_events.asyncapi import document
from shop_events.contracts import Event
from shop_events.releases import newest_fixtures
from shop_events.schemas import every_event, schemas, to_text
from shop_events.services import declared
from shop_events.topics import SERVICES, TOPICS, Topic

HERE = Path(__file__).parent
_SERVED = "../web/docs/events"
_MADE = "<!-- Written by `make docs` from the code. -->\n"


def main() -> None:
    """Write the pages."""
    for file in stale():
        file.unlink()
    for name, text in pages().items():
        (HERE / name).parent.mkdir(parents=True, exist_ok=True)
        (HERE / name).write_text(text)


def pages() -> dict[str, str]:
    """Return each page's text by file name."""
    pages = {
        "settings.md": settings_page(),
        "routes.md": routes_page(),
        "topics.md": topics_page(),
        "access.md": access_page(),
    }
    pages |= {f"events/schemas/{name}.json": to_text(schema) for name, schema in schemas().items()}
    asyncapi = document(declared(), newest_fixtures(HERE / "events" / "released"))
    text = to_text(asyncapi)
    # The second copy is what the gateway serves, beside the page: a folder that deploys by itself.
    served = {f"{_SERVED}/asyncapi.json": text, f"{_SERVED}/index.html": events_page.page(asyncapi)}
    return {**pages, "events/asyncapi.json": text, **served}


def stale() -> list[Path]:
    """Return the files of schemas that no contract has any more."""
    known = pages()
    files = (HERE / "events" / "schemas").glob("*")
    return [file for file in files if str(file.relative_to(HERE)) not in known]


def settings_page() -> str:
    """Return the page of environment variables."""
    parts = [
        "# Settings",
        "",
        _MADE,
        "Every service reads these:",
        "",
        *_table_of(ServiceSettings.model_fields),
    ]
    for service in SERVICES:
        settings = importlib.import_module(f"shop_{service}.main").SERVICE.settings
        parts += ["", f"## {service}", "", *_table_of(_own_fields(settings))]
    parts += ["", "## The stack on a laptop", "", *_table_of(StackSettings.model_fields)]
    return "\n".join(parts) + "\n"


def _own_fields(settings: type[ServiceSettings]) -> dict[str, FieldInfo]:
    shared = ServiceSettings.model_fields
    return {
        name: field
        for name, field in settings.model_fields.items()
        if name not in shared or (_default(field) != _default(shared[name]) and name != "service_name")
    }


def _table_of(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| variable | default | meaning |"
    yield "|---|---|---|"
    for name, field in fields.items():
        yield f"| `{name.upper()}` | {_default(field)} | {field.description} |"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "made at start"
    if field.default is PydanticUndefined:
        return "**required**"
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    return "-" if value in (None, "") else f"`{value}`"


def routes_page() -> str:
    """Return the page of HTTP routes."""
    parts = [
        "# Routes",
        "",
        _MADE,
        "The gateway passes these on. Each service describes its own in full at `/openapi.json`, on its own",
        "port, beside `/health/live`, `/health/ready` and `/metrics`.",
    ]
    for service in SERVICES:
        rows = sorted({_route_row(route) for route in _routes(service)})
        parts += ["", f"## {service}", ""]
        parts += ["| route | what it does |", "|---|---|", *rows] if rows else ["No routes yet."]
    return "\n".join(parts) + "\n"


def _routes(service: str) -> Iterator[APIRoute]:
    for module in _modules(f"shop_{service}.api"):
        for value in vars(module).values():
            if isinstance(value, APIRouter):
                yield from (route for route in value.routes if isinstance(route, APIRoute))


def _modules(name: str) -> Iterator[ModuleType]:
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError:
        return
    yield package
    for found in pkgutil.iter_modules(getattr(package, "__path__", [])):
        yield importlib.import_module(f"{name}.{found.name}")


def _route_row(route: APIRoute) -> str:
    about = (route.description or route.summary or "").strip().partition("\n")[0]
    return f"| `{' '.join(sorted(route.methods or ()))} {route.path}` | {about} |"


def topics_page() -> str:
    """Return the page of topics and the events in them."""
    parts = [
        "# Topics",
        "",
        _MADE,
        "Records are CloudEvents 1.0 in Kafka's binary mode: `ce_*` headers, a JSON value, and the id of the",
        "aggregate as key.",
        "",
        "| topic | owner | key | kind | kept | partitions | read by | carries |",
        "|---|---|---|---|---|---|---|---|",
        *map(_topic_row, TOPICS.values()),
        "",
        "## Events",
        "",
        "| type | topic | meaning |",
        "|---|---|---|",
        *map(_event_row, sorted(every_event(), key=lambda event: (event.topic, event.event_type))),
    ]
    return "\n".join(parts) + "\n"


def _topic_row(topic: Topic) -> str:
    kind = topic.kind if topic.sensitivity == "open" else f"{topic.kind}, {topic.sensitivity}"
    readers = ", ".join(topic.readers)
    return (
        f"| `{topic.name}` | {topic.owner} | {topic.key} | {kind} | {_kept(topic.retention)} "
        f"| {topic.partitions} | {readers} | {topic.carries} |"
    )


def _kept(retention: timedelta | None) -> str:
    if retention is None:
        return "for ever"
    return f"{retention.days} days" if retention.days else f"{int(retention.total_seconds() // 3600)} h"


def _event_row(event: type[Event]) -> str:
    about = (event.__doc__ or "").partition("\n")[0]
    return f"| `{event.event_type}` | `{event.topic}` | {about} |"


def access_page() -> str:
    """Return the page of what each user of the broker may do."""
    parts = [
        "# Access to Kafka",
        "",
        _MADE,
        "Read off the topic registry. What is not listed here is denied. Reading and writing include",
        "describing; a name that ends in `*` stands for all that begin so. On a shared broker the topic",
        "prefix stands before every name.",
    ]
    for principal in PRINCIPALS:
        parts += ["", f"## `User:{principal}`", "", "| may | what | names |", "|---|---|---|"]
        parts += [f"| {may} | {what} | {names} |" for (may, what), names in _permissions(principal)]
    return "\n".join(parts) + "\n"


def _permissions(principal: str) -> Iterator[tuple[tuple[str, str], str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for grant in sorted(access_list()):
        if grant.principal == principal:
            name = f"`{grant.name}{'*' if grant.prefixed else ''}`"
            found.setdefault((grant.operation, grant.resource), []).append(name)
    for kind, names in found.items():
        yield kind, ", ".join(names)


if __name__ == "__main__":
    main()
