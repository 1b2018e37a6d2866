"""What is decided before anything starts: ports, parts, keys and the configuration of the supervisor."""

import base64
import configparser
import json
import shlex
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from shop_devstack import credentials, java, lock, mongod, ports, programs, supervise
from shop_devstack.__main__ import main
from shop_devstack.credentials import Account, StackKeys
from shop_devstack.errors import MissingPartError, RealCredentialsError
from shop_devstack.kafka import Broker, server_properties
from shop_devstack.programs import Layout, Program
from shop_devstack.settings import StackSettings
from shop_devstack.supervise import Process
from shop_events.access import PRINCIPALS


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        chosen = ports.preferred_or_free(taken)
    assert chosen != taken
    assert ports.is_free(chosen)


def test_a_free_preferred_port_is_kept_unless_another_part_has_it() -> None:
    port = ports.free_port()
    assert ports.preferred_or_free(port) == port
    assert ports.preferred_or_free(port, frozenset({port})) != port


def test_no_two_parts_share_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in StackSettings().preferred_ports:
        monkeypatch.setenv(f"{name.replace('-', '_').upper()}_PORT", "0")
    chosen = Layout.choose(tmp_path, StackSettings()).ports
    assert len(set(chosen.values())) == len(chosen)
    assert 0 not in chosen.values()


@pytest.mark.parametrize("name", ["SENDGRID_API_KEY", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"])
def test_credentials_of_a_real_provider_are_refused(name: str) -> None:
    with pytest.raises(RealCredentialsError, match=name):
        credentials.refuse_real({name: "SG.real", "HOME": "/"})
    credentials.refuse_real({name: ""})


def test_up_starts_nothing_while_real_credentials_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEVSTACK_DIR", str(tmp_path / "stack"))
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "real")
    assert main(["up", "--detach"]) == 1
    assert "TWILIO_AUTH_TOKEN" in capsys.readouterr().out
    assert not (tmp_path / "stack").exists()


def test_commands_for_a_running_stack_say_when_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVSTACK_DIR", str(tmp_path))
    assert main(["status"]) == 3
    assert main(["logs"]) == 3
    assert main(["down"]) == 0
    assert main(["events", "--", "--help"]) == 3


def test_a_part_that_there_is_not_is_answered_with_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEVSTACK_DIR", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "catalog.log").touch()
    assert main(["logs", "catalogue"]) == 1
    assert "there are catalog" in capsys.readouterr().out


def test_a_setting_that_is_none_is_named_as_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEVSTACK_DIR", str(tmp_path))
    monkeypatch.setenv("GATEWAY_PORT", "abc")
    assert main(["up", "--detach"]) == 1
    assert "GATEWAY_PORT" in capsys.readouterr().out


def test_reset_deletes_everything_but_the_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVSTACK_DIR", str(tmp_path))
    for folder in ("data/mongod", "jars", "logs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "accounts.json").write_text("{}")
    assert main(["reset"]) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["jars"]


def test_keys_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = StackKeys.kept_in(file)
    assert StackKeys.kept_in(file) == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_keys_of_an_older_stack_are_kept_and_completed(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"payment_api_key": "old"}))
    keys = StackKeys.kept_in(file)
    assert keys.payment_api_key == "old"
    assert StackKeys.kept_in(file) == keys


def test_the_notifier_s_public_key_belongs_to_the_sandbox_s_signing_key() -> None:
    keys = StackKeys.generate()
    private = serialization.load_pem_private_key(keys.sendgrid_signing_key.encode(), None)
    public = serialization.load_der_public_key(base64.b64decode(keys.sendgrid_webhook_public_key))
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert private.public_key() == public


def test_the_administrator_s_password_is_kept_before_the_account_is_made(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    account = Account.kept_in(file)
    assert not account.created
    assert Account.kept_in(file) == account


def layout(folder: Path) -> Layout:
    return Layout.choose(folder, StackSettings(mongodb_url="mongodb://m", kafka_bootstrap_servers="k:1"))


def test_a_service_learns_only_its_own_secrets(tmp_path: Path) -> None:
    keys = StackKeys.generate()
    own = {
        name: programs.service_program(name, layout(tmp_path), keys).environment for name in programs.SERVICES
    }
    assert {name for name, variables in own.items() if "TWILIO_AUTH_TOKEN" in variables} == {"notifier"}
    assert {name for name, variables in own.items() if "PAYMENT_API_KEY" in variables} == {"catalog"}
    assert {name for name, variables in own.items() if "IDENTITY_HASH_KEY" in variables} == {"identity"}
    assert len({variables["MONGODB_DATABASE"] for variables in own.values()}) == 5


def test_each_principal_has_a_password_that_its_user_alone_may_read(tmp_path: Path) -> None:
    chosen = Layout.choose(tmp_path, StackSettings(mongodb_url="mongodb://m", kafka_bootstrap_servers=None))
    again = Layout.choose(tmp_path, StackSettings(mongodb_url="mongodb://m", kafka_bootstrap_servers=None))
    words = {name: login.password for name, login in chosen.kafka.by_principal.items()}
    assert words == {name: login.password for name, login in again.kafka.by_principal.items()}
    assert None not in words.values()
    assert len({*words.values()}) == len(PRINCIPALS)
    assert stat.S_IMODE((tmp_path / "passwords.json").stat().st_mode) == 0o600


def test_a_service_logs_in_to_the_own_broker_as_itself(tmp_path: Path) -> None:
    own = Layout.choose(tmp_path, StackSettings(mongodb_url="mongodb://m", kafka_bootstrap_servers=None))
    keys = StackKeys.generate()
    words = {login.password for login in own.kafka.by_principal.values()}
    for name in programs.SERVICES:
        environment = programs.service_program(name, own, keys).environment
        assert environment["KAFKA_SASL_USERNAME"] == name
        assert environment["KAFKA_SECURITY_PROTOCOL"] == "SASL_PLAINTEXT"
        assert words & {*environment.values()} == {own.kafka.by_principal[name].password}


def test_a_service_logs_in_to_the_own_mongodb_as_itself_at_its_own_database(tmp_path: Path) -> None:
    own = Layout.choose(tmp_path, StackSettings(mongodb_url=None, kafka_bootstrap_servers="k:1"))
    keys = StackKeys.generate()
    urls = {
        name: programs.service_program(name, own, keys).environment["MONGODB_URL"]
        for name in own.mongodb.by_service
    }
    assert len({url.split("@")[0] for url in urls.values()}) == len(programs.SERVICES)
    for name, url in urls.items():
        assert url.startswith(f"mongodb://{name}:")
        assert url.endswith(f"authSource=shop_{name}")
    assert "@" not in own.mongodb.address
    assert "--keyFile" in programs.mongod_program(own, Path("mongod")).command


def test_another_mongodb_is_used_as_its_url_says(tmp_path: Path) -> None:
    assert {*layout(tmp_path).mongodb.by_service.values()} == {"mongodb://m"}
    assert layout(tmp_path).mongodb.key is None


def test_another_broker_gets_the_login_that_the_environment_names_or_none(tmp_path: Path) -> None:
    keys = StackKeys.generate()
    plain = programs.service_program("catalog", layout(tmp_path), keys).environment
    assert plain["KAFKA_SECURITY_PROTOCOL"] == "PLAINTEXT"
    assert plain["KAFKA_SASL_USERNAME"] == plain["KAFKA_SASL_PASSWORD"] == ""
    settings = StackSettings(
        kafka_bootstrap_servers="k:1",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="shop",
        kafka_sasl_password=SecretStr("word"),
        kafka_ssl_cafile="/ca.pem",
        mongodb_url="mongodb://m",
    )
    given = programs.service_program("catalog", Layout.choose(tmp_path, settings), keys).environment
    assert (given["KAFKA_SECURITY_PROTOCOL"], given["KAFKA_SSL_CAFILE"]) == ("SASL_SSL", "/ca.pem")
    assert (given["KAFKA_SASL_USERNAME"], given["KAFKA_SASL_PASSWORD"]) == ("shop", "word")
    assert not (tmp_path / "passwords.json").exists()


def test_the_broker_s_configuration_is_for_its_user_alone_and_lets_nobody_in_unnamed(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "java", [], tmp_path, 1, 2, SecretStr("hush"))
    assert "PLAINTEXT://" not in server_properties(broker).replace("SASL_PLAINTEXT", "")
    assert ":PLAINTEXT" not in server_properties(broker)
    with pytest.raises(FileNotFoundError):
        broker.prepare()  # there is no java to format with
    assert stat.S_IMODE((tmp_path / "server.properties").stat().st_mode) == 0o600
    assert not any("hush" in part for part in broker.command)


def toy(name: str, rank: int) -> Program:
    return Program(name=name, title=name, command=["echo", "100 %", "a b"], rank=rank, ready=lambda: True)


def test_the_supervisor_s_configuration_orders_the_stop_and_hides_the_environment(tmp_path: Path) -> None:
    secretive = replace(toy("c", 20), environment={"KEY": "hush"})
    text = supervise.config_text(tmp_path, [toy("a", 10), toy("b", 20), secretive])
    config = configparser.ConfigParser()
    config.read_string(text)
    assert config["group:tier-10"]["programs"] == "a"
    assert config["group:tier-20"]["programs"] == "b,c"
    assert int(config["group:tier-10"]["priority"]) < int(config["group:tier-20"]["priority"])
    assert shlex.split(config["program:a"]["command"])[-3:] == ["echo", "100 %", "a b"]
    assert config["program:a"]["autorestart"] == "true"
    assert "hush" not in text


def test_a_folder_with_a_long_path_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    assert len(str(supervise.socket_path(deep))) < 108
    assert supervise.socket_path(deep) != supervise.socket_path(tmp_path / ("e" * 120))


@pytest.mark.parametrize(
    ("state", "stopped_at", "reported"),
    [
        ("RUNNING", 5, False),
        ("RUNNING", 9, True),
        ("STARTING", 9, True),
        ("BACKOFF", 9, True),
        ("STOPPED", 9, False),
        ("STOPPING", 5, False),
    ],
)
def test_only_an_end_that_nobody_ordered_is_a_crash(state: str, stopped_at: int, reported: bool) -> None:
    before = {"catalog": Process("catalog", "RUNNING", 1, 5, "")}
    after = {"catalog": Process("catalog", state, 2, stopped_at, "")}
    assert bool(supervise.crashed(before, after)) is reported


def test_a_missing_mongod_names_the_variables_that_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGOD", "/nowhere/mongod")
    with pytest.raises(MissingPartError, match=r"(?s)/nowhere/mongod.*MONGODB_URL.*MONGOD"):
        mongod.find_mongod()


def test_an_old_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java.major_version(str(old)) == 11
    assert java.major_version(str(java.find_java())) >= 17


def test_the_wheel_s_java_serves_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert java.major_version(str(java.find_java())) >= 17


def test_the_lock_gathers_what_packages_ask_for_except_the_project_s_own(tmp_path: Path) -> None:
    for name, wanted in {"a": '["shop-events", "rich"]', "b": '["rich", "aiohttp>=3"]'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\ndependencies = {wanted}\n'
        )
    assert lock.dependencies([tmp_path / "a", tmp_path / "b"]) == ["aiohttp>=3", "rich"]
