"""Whatever the published schemas allow, and much that they do not, no service answers with a 5xx."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from shop_devstack.programs import SERVICES
from shop_devstack.stack import StackInfo

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FEW = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LEFT_OUT = {
    "/v1/auth/logout",  # it would end the login that the other calls need
    "/v1/notifications/stream",  # its answer does not end
}


def log_in(info: StackInfo) -> dict[str, str]:
    admin = info.admin()
    body = {"email": admin.email, "password": admin.password}
    answer = httpx.post(f"{info.gateway_url}/v1/auth/login", json=body).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def operations(url: str) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = [result.ok() for result in schema.get_all_operations()]
    return [operation for operation in found if operation.path not in LEFT_OUT]


@pytest.fixture(autouse=True)
def nothing_that_concerns_everybody(running_stack: StackInfo) -> Iterator[None]:
    """Withdraw what was made up and would be in other tests' inboxes and totals."""
    yield
    with httpx.Client(base_url=running_stack.gateway_url, headers=log_in(running_stack)) as http:
        # Of each there are fewer than a page has.
        for path, name in (("/v1/broadcasts", "id"), ("/v1/promotions", "id"), ("/v1/tariffs", "country")):
            for each in http.get(path).raise_for_status().json()["items"]:
                http.delete(f"{path}/{each[name]}").raise_for_status()


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_is_answered_with_a_server_error(running_stack: StackInfo, service: str) -> None:
    for operation in operations(running_stack.service_urls[service]):
        for mode in schemathesis.GenerationMode:
            try:
                cases = operation.as_strategy(generation_mode=mode)
            except schemathesis.errors.SchemathesisError:
                continue
            probe(running_stack.service_urls[service], log_in(running_stack), cases)


def probe(url: str, headers: dict[str, str], cases: Any) -> None:
    @FEW
    @given(case=cases)
    def no_server_error(case: Any) -> None:
        answer = case.call(base_url=url, headers=headers)
        assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"

    with suppress(Unsatisfiable):  # nothing can be wrong about a request without parameters
        no_server_error()
