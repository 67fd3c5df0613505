"""A webhook is signed, goes to the address that was checked, and waits for nobody long."""

from __future__ import annotations

import socket
import ssl
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_django import Settings

from tests.conftest import PROJECT
from tests.notifications.receiver import SECRET, Receiver, receiving
from tests.project.documents import blocks
from tests.servers import free_port
from vcfjobs.errors import NotDeliveredError
from vcfjobs.notifications import webhooks
from vcfjobs.notifications.origins import listed_origin

PAYLOAD = {"type": "run.succeeded", "data": {"run_id": "é"}}
OTHER_SECRET = "whsec_" + "QUJD" * 10


def send(receiver: Receiver) -> None:
    webhooks.send(receiver.url, "msg-1", PAYLOAD)


def test_a_receiver_can_verify_what_it_gets(receiver: Receiver) -> None:
    send(receiver)
    (message,) = receiver.messages
    assert (message.path, message.id, message.payload) == ("/hook?who=me", "msg-1", PAYLOAD)
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert message.headers["content-type"] == "application/json"
    assert message.is_signed_by(SECRET)
    assert not message.is_signed_by(OTHER_SECRET)


@pytest.mark.usefixtures("secret")
def test_the_signature_is_that_of_the_specifications_libraries() -> None:
    headers = webhooks.signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_changed_both_sign(receiver: Receiver, settings: Settings) -> None:
    settings.ANYVAR_CALLBACK_SECRET += [b64decode(OTHER_SECRET.removeprefix("whsec_"))]
    send(receiver)
    assert all(receiver.messages[0].is_signed_by(secret) for secret in (SECRET, OTHER_SECRET))


def test_the_documented_receiver_accepts_what_the_service_sends_and_nothing_else(receiver: Receiver) -> None:
    send(receiver)
    (message,) = receiver.messages
    (block,) = (one for one in blocks(PROJECT / "docs" / "how-to.md") if "webhook-signature" in one.text)
    documented: dict[str, Any] = {}
    exec(block.text, documented)
    assert documented["SECRET"] == SECRET
    is_genuine = documented["is_genuine"]
    assert is_genuine(message.headers, message.body)
    assert not is_genuine(message.headers, message.body + b" ")
    for name, value in (("webhook-id", "msg-2"), ("webhook-timestamp", "1614265330")):
        assert not is_genuine(message.headers | {name: value}, message.body)


@pytest.mark.parametrize("status", [302, 307, 400, 500])
def test_another_status_than_2xx_is_no_delivery_and_no_redirect_is_followed(
    receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]
    receiver.headers = {"Location": f"{receiver.origin}/elsewhere"}
    with pytest.raises(NotDeliveredError, match=f"The receiver answered {status}."):
        send(receiver)
    assert [message.path for message in receiver.messages] == ["/hook?who=me"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_host_that_is_not_listed_as_private_is_never_connected_to(
    receiver: Receiver, settings: Settings, host: str
) -> None:
    receiver.host = host
    settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = []
    settings.ANYVAR_CALLBACK_HOSTS = [listed_origin(receiver.origin)]
    with pytest.raises(NotDeliveredError, match="private network"):
        send(receiver)
    assert receiver.connections == 0


def test_a_host_that_is_no_longer_listed_gets_nothing(receiver: Receiver, settings: Settings) -> None:
    settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = [listed_origin("elsewhere")]
    with pytest.raises(NotDeliveredError, match="not allowed on this service"):
        send(receiver)
    assert receiver.connections == 0


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::1", False),
        ("fec0::1", False),
        ("::7f00:1", False),
    ],
)
def test_only_addresses_of_the_internet_are_public(address: str, public: bool) -> None:
    assert webhooks.is_public(address) is public


def test_the_name_is_resolved_once(
    receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a name that changes its address after the check would lead to is never asked."""
    receiver.host = "hooks.test"
    settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = [listed_origin(receiver.origin)]
    real, asked = socket.getaddrinfo, []

    def resolve(host: str, *more: Any, **options: Any) -> Any:
        if host == "hooks.test":
            asked.append(host)
            return real("127.0.0.1" if len(asked) == 1 else "192.0.2.1", *more, **options)
        assert ip_address(host)
        return real(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    send(receiver)
    assert asked == ["hooks.test"]
    assert receiver.messages[0].headers["host"] == f"hooks.test:{receiver.port}"


def test_a_receiver_that_answers_byte_by_byte_is_hung_up_on(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 1.0)
    receiver.dawdle = True
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        send(receiver)
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("secret")
def test_a_receiver_that_is_not_there_is_an_error_of_the_network(settings: Settings) -> None:
    receiver = Receiver(free_port())
    settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = [listed_origin(receiver.origin)]
    with pytest.raises(ConnectionRefusedError):
        send(receiver)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of localhost, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "localhost.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("trusted", [True, False])
def test_by_https_the_certificate_must_be_that_of_the_host(
    certificate: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving("localhost", str(certificate)) as receiver:
        settings.ANYVAR_CALLBACK_PRIVATE_HOSTS = [listed_origin(receiver.origin)]
        if trusted:
            send(receiver)
            assert receiver.messages[0].is_signed_by(SECRET)
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                send(receiver)
        assert receiver.names == ["localhost"]
        assert len(receiver.messages) == trusted
