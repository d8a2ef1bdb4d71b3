"""Files with certificates and keys, looked at before anything is sent, so that a wrong one is said at the start."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from otelchan.errors import UsageError


class Pem(NamedTuple):
    """A file as it was given. setting: the dotted key."""

    setting: str
    path: str

    def wrong(self, what: str) -> UsageError:
        """The error that says so."""
        return UsageError(f"{self.setting} is {self.path}, but {what}")


def check(trusted: Pem | None, client: Pem | None, key: Pem | None) -> None:
    """Raises UsageError when one of them is missing, cannot be read, is not PEM, or when the key does not fit."""
    texts = {pem: _read(pem) for pem in (trusted, client, key) if pem}
    if key and not client:
        raise key.wrong("there is no otlp.client_certificate; give both")
    if trusted:
        _check_trusted(trusted)
    if client:
        _check_client(client, key or client, texts)


def _read(pem: Pem) -> bytes:
    try:
        return Path(pem.path).read_bytes()
    except FileNotFoundError:
        raise pem.wrong("there is no such file; give the path of a PEM file") from None
    except OSError as error:
        raise pem.wrong(f"it cannot be read: {error.strerror}; give the path of a PEM file") from None


def _check_trusted(trusted: Pem) -> None:
    import ssl  # 5 MB, and grpc has a TLS library of its own

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(trusted.path)
    except ssl.SSLError:
        raise trusted.wrong("it has no certificate that can be read; give a PEM file") from None


def _check_client(client: Pem, key: Pem, texts: dict[Pem, bytes]) -> None:
    import ssl

    def no_passphrase() -> str:
        raise key.wrong("it is encrypted, and otelchan cannot ask for its passphrase: give a key without one")

    if b"-----BEGIN CERTIFICATE-----" not in texts[client]:
        raise client.wrong("it has no certificate; give a PEM file")
    if b"PRIVATE KEY-----" not in texts[key]:
        where = "set otlp.client_key to the PEM file that has it" if key is client else "give a PEM file"
        raise key.wrong(f"it has no private key; {where}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(client.path, key.path, no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise key.wrong(f"it is not the key of {client.path}; give the two that belong together") from None
        raise key.wrong(f"it cannot be used with {client.path}: {error.reason or 'not PEM'}; make both anew") from None
