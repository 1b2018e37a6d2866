from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shop_chassis.auth import Caller, TokenVerifier
from shop_chassis.problems import Forbidden, Problem, Unauthenticated, Unavailable
from shop_chassis.projections import Revocations, SigningKeys
from shop_events.contracts.identity import SigningKeyPublished, TokensRevoked
from tests.chassis.conftest import Keys

Mint = Callable[..., str]
NOW = int(time.time())
AUDIENCE = "shopstream"
REQUIRED = ("iss", "aud", "sub", "iat", "exp", "jti", "roles", "scope", "sid", "epoch")
ASCII = "".join(map(chr, range(33, 127)))
WITH_FIXTURES = examples(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def refusal(verifier: TokenVerifier, token: str) -> tuple[Any, ...]:
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(token)
    return caught.value.detail, caught.value.headers, caught.value.members


def test_a_good_token_says_who_calls(verifier: TokenVerifier, mint: Mint) -> None:
    assert verifier.verify(mint()) == Caller(
        "usr_1", frozenset({"customer"}), frozenset({"orders:read", "orders:write"}), "fam_1", 3
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "elsewhere"},
        {"aud": "elsewhere"},
        {"aud": ["shopstream", "elsewhere"]},
        pytest.param({"exp": NOW - 6}, id="expired"),
        pytest.param({"iat": NOW + 86_400}, id="of-tomorrow"),
        {"sub": "ord_1"},
        {"sub": "usr_"},
        {"sub": "usr_1\n"},
        {"roles": "admin"},
        {"roles": [1]},
        {"scope": ["a"]},
        {"epoch": "3"},
        {"epoch": -1},
        {"epoch": True},
        {"exp": "soon"},
        {"exp": 1e400},
        {"header": {"kid": "unknown"}},
        {"header": {"kid": None}},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": None}},
        {"header": {"crit": ["exp"]}},
        *(
            {name: None}
            for name in ("iss", "aud", "sub", "iat", "exp", "jti", "roles", "scope", "sid", "epoch")
        ),
    ],
    ids=str,
)
def test_a_token_with_anything_wrong_is_refused_and_not_told_why(
    verifier: TokenVerifier, mint: Mint, changed: dict[str, Any]
) -> None:
    assert refusal(verifier, mint(**changed)) == refusal(verifier, "rubbish")


def test_a_token_is_forgiven_a_small_difference_of_clocks(verifier: TokenVerifier, mint: Mint) -> None:
    assert verifier.verify(mint(exp=int(time.time()) - 2))


def test_a_token_signed_by_a_stranger_is_refused(verifier: TokenVerifier, mint: Mint) -> None:
    refusal(verifier, mint(key=Ed25519PrivateKey.generate()))


def test_the_public_key_is_no_secret_of_an_hmac(
    verifier: TokenVerifier, signing_key: Ed25519PrivateKey, claims: dict[str, Any]
) -> None:
    public = signing_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    headers = {"typ": "at+jwt", "kid": "key-1"}
    refusal(verifier, jwt.encode(claims, public, "HS256", headers))
    refusal(verifier, jwt.encode(claims, "", "none", headers))


def test_a_header_that_claims_another_algorithm_is_refused(verifier: TokenVerifier, mint: Mint) -> None:
    _, payload, signature = mint().split(".")
    for algorithm in ("none", "HS256", "Ed25519", "eddsa", "", None, 1):
        header = json.dumps({"alg": algorithm, "typ": "at+jwt", "kid": "key-1"}).encode()
        refusal(verifier, f"{b64(header)}.{payload}.{signature}")
        refusal(verifier, f"{b64(header)}.{payload}.")


def test_a_key_in_the_token_is_not_believed(verifier: TokenVerifier, mint: Mint) -> None:
    stranger = Ed25519PrivateKey.generate()
    x = b64(stranger.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": x}
    refusal(verifier, mint(header={"jwk": jwk}, key=stranger))


@pytest.mark.parametrize("subject", ["usr_1", "fam_1"])
def test_a_token_below_the_lowest_epoch_is_refused(
    verifier: TokenVerifier, keys: Keys, mint: Mint, subject: str
) -> None:
    keys.epochs[subject] = 3
    assert verifier.verify(mint())
    keys.epochs[subject] = 4
    refusal(verifier, mint())


@given(st.text(max_size=200))
@WITH_FIXTURES
def test_no_text_upsets_the_verifier(verifier: TokenVerifier, token: str) -> None:
    refusal(verifier, token)


@given(header=st.binary(max_size=80), payload=st.binary(max_size=80), signature=st.binary(max_size=70))
@WITH_FIXTURES
def test_no_bytes_upset_the_verifier(
    verifier: TokenVerifier, header: bytes, payload: bytes, signature: bytes
) -> None:
    refusal(verifier, ".".join(map(b64, (header, payload, signature))))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON, name=st.sampled_from(["alg", "typ", "kid", "crit", "b64"]))
@WITH_FIXTURES
def test_no_value_in_the_header_upsets_the_verifier(
    verifier: TokenVerifier, mint: Mint, name: str, value: Any
) -> None:
    _, payload, signature = mint().split(".")
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": "key-1", name: value}
    refusal(verifier, f"{b64(json.dumps(header).encode())}.{payload}.{signature}")


@given(
    value=JSON,
    name=st.sampled_from(["iss", "aud", "sub", "iat", "exp", "nbf", "roles", "scope", "sid", "epoch", "jti"]),
)
@WITH_FIXTURES
def test_a_signed_payload_of_any_values_gives_a_caller_or_a_refusal(
    verifier: TokenVerifier, signing_key: Ed25519PrivateKey, claims: dict[str, Any], name: str, value: Any
) -> None:
    payload = json.dumps({**claims, name: value}).encode()
    token = jwt.api_jws.encode(payload, signing_key, "EdDSA", {"typ": "at+jwt", "kid": "key-1"})
    try:
        caller = verifier.verify(token)
    except Unauthenticated:
        return
    assert caller.user_id.startswith("usr_")


@given(st.data())
@WITH_FIXTURES
def test_a_token_changed_in_one_character_is_never_somebody_else(
    verifier: TokenVerifier, mint: Mint, data: st.DataObject
) -> None:
    token = mint()
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from(ASCII.replace(token[place], "")))
    changed = token[:place] + character + token[place + 1 :]
    try:
        caller = verifier.verify(changed)
    except Unauthenticated:
        return
    assert caller == verifier.verify(token)  # only bits that base64 leaves unused may differ


def test_an_endless_token_is_not_even_read(verifier: TokenVerifier, mint: Mint) -> None:
    refusal(verifier, mint(scope="x" * 5000))
    refusal(verifier, "." * 100_000)


def test_a_caller_without_the_role_is_refused() -> None:
    caller = Caller("usr_1", frozenset({"merchant"}), frozenset({"orders:read"}))
    caller.require_role("admin", "merchant")
    caller.require_scope("orders:read")
    with pytest.raises(Forbidden):
        caller.require_role("admin")
    with pytest.raises(Forbidden):
        caller.require_scope("orders:write")
    assert caller.has_role("merchant")
    assert not caller.has_role("admin")


class FakeView(dict[str, Any]):
    """Stands for a view of a state topic."""


def test_keys_and_revocations_come_from_identitys_topics(signing_key: Ed25519PrivateKey, mint: Mint) -> None:
    x = b64(signing_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    published = SigningKeyPublished(kid="key-1", x=x, published_at="2026-01-01T00:00:00Z")
    keys, revoked = FakeView({"key-1": published}), FakeView()
    verifier = TokenVerifier(SigningKeys(keys), Revocations(revoked), issuer="shopstream", audience=AUDIENCE)
    assert verifier.verify(mint())
    revoked["fam_1"] = TokensRevoked(subject="fam_1", lowest_epoch=9, until="2030-01-01T00:00:00Z")
    refusal(verifier, mint())
    revoked.clear()
    keys["key-1"] = published.model_copy(update={"x": "AAAA"})
    refusal(verifier, mint())


def test_problems_of_refused_callers_tell_nothing_more() -> None:
    assert isinstance(Unauthenticated(), Problem)
    assert Unauthenticated(error=None).headers == {"WWW-Authenticate": "Bearer"}


def test_a_process_that_has_not_caught_up_calls_no_token_good_or_bad(keys: Keys, mint: Mint) -> None:
    informed = False
    verifier = TokenVerifier(keys, keys, issuer="shopstream", audience=AUDIENCE, informed=lambda: informed)
    for token in (mint(), "forged"):
        with pytest.raises(Unavailable):
            verifier.verify(token)
    informed = True
    assert verifier.verify(mint()).user_id == "usr_1"


def test_a_token_that_is_known_is_refused_once_it_has_expired(
    verifier: TokenVerifier, mint: Mint, claims: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token, leeway, clock = mint(), 5, SimpleNamespace(time=time.time)
    assert verifier.verify(token) == verifier.verify(token)
    monkeypatch.setattr("shop_chassis.auth.time", clock)
    clock.time = lambda: claims["exp"] + leeway - 1.0
    assert verifier.verify(token)
    clock.time = lambda: float(claims["exp"] + leeway)
    refusal(verifier, token)


def test_a_token_that_is_known_is_refused_once_its_key_is_withdrawn_or_another_one(
    verifier: TokenVerifier, keys: Keys, mint: Mint
) -> None:
    token, key = mint(), keys.known["key-1"]
    assert verifier.verify(token)
    del keys.known["key-1"]
    refusal(verifier, token)
    keys.known["key-1"] = Ed25519PrivateKey.generate().public_key()
    refusal(verifier, token)
    keys.known["key-1"] = key
    assert verifier.verify(token)


def test_nothing_of_a_known_token_vouches_for_another_one(verifier: TokenVerifier, mint: Mint) -> None:
    token, other = mint(), mint(sub="usr_2")
    assert verifier.verify(token).user_id == "usr_1"
    head, payload, signature = token.split(".")
    refusal(verifier, f"{head}.{other.split('.')[1]}.{signature}")
    refusal(verifier, f"{head}.{payload}.{other.split('.')[2]}")
    refusal(verifier, f"{head}.{payload}.")
    assert verifier.verify(other).user_id == "usr_2"


def test_no_more_tokens_are_known_than_there_is_room_for(
    verifier: TokenVerifier, mint: Mint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop_chassis.auth._MOST_KNOWN", 3)
    tokens = [mint(sub=f"usr_{number}") for number in range(9)]
    for _ in range(2):
        assert [verifier.verify(each).user_id for each in tokens] == [f"usr_{n}" for n in range(9)]
    assert len(verifier._known) == 3
