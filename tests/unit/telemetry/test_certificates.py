"""What is said about files that are no certificates or keys, before anything is sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from otelchan.errors import UsageError
from otelchan.telemetry.certificates import Pem, check
from tests.support.certificates import Certificates, make


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A private authority."""
    return make(tmp_path_factory.mktemp("pki"))


def refused(trusted: str | None = None, client: str | None = None, key: str | None = None) -> str:
    """The sentence that these files are refused with."""
    with pytest.raises(UsageError) as error:
        check(
            Pem("otlp.certificate", trusted) if trusted else None,
            Pem("otlp.client_certificate", client) if client else None,
            Pem("otlp.client_key", key) if key else None,
        )
    return str(error.value)


def test_files_that_fit_are_taken(pki: Certificates, tmp_path: Path) -> None:
    """All of them, none of them, and the key in the same file as the certificate."""
    check(None, None, None)
    check(Pem("a", pki.ca), Pem("b", pki.client), Pem("c", pki.client_key))
    both = tmp_path / "both.pem"
    both.write_text(Path(pki.client).read_text() + Path(pki.client_key).read_text())
    check(None, Pem("b", str(both)), None)


def test_a_file_that_is_not_there_or_not_readable_is_named(pki: Certificates, tmp_path: Path) -> None:
    """Whichever it is."""
    sentence = "otlp.{} is /no/such.pem, but there is no such file; give the path of a PEM file"
    assert sentence.format("certificate") == refused("/no/such.pem")
    assert sentence.format("client_certificate") == refused(client="/no/such.pem")
    assert sentence.format("client_key") == refused(client=pki.client, key="/no/such.pem")
    assert f"otlp.certificate is {tmp_path}, but it cannot be read: Is a directory" in refused(str(tmp_path))


def test_a_file_that_is_not_pem_is_named(pki: Certificates, tmp_path: Path) -> None:
    """An authority's, a client's, and a key; or one in place of the other."""
    odd = tmp_path / "odd.pem"
    odd.write_bytes(os.urandom(64))
    assert f"otlp.certificate is {odd}, but it has no certificate that can be read; give a PEM file" == refused(
        str(odd)
    )
    assert "it has no certificate that can be read" in refused(pki.client_key)
    assert f"otlp.client_certificate is {odd}, but it has no certificate; give a PEM file" == refused(
        client=str(odd), key=pki.client_key
    )
    assert f"otlp.client_key is {odd}, but it has no private key; give a PEM file" == refused(
        client=pki.client, key=str(odd)
    )
    odd.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    assert f"otlp.client_key is {pki.client_key}, but it cannot be used with {odd}" in refused(
        client=str(odd), key=pki.client_key
    )


def test_a_key_and_a_certificate_belong_together(pki: Certificates) -> None:
    """One without the other, and two that do not fit."""
    assert (
        f"otlp.client_key is {pki.client_key}, but there is no otlp.client_certificate; give both"
        == refused(key=pki.client_key)
    )  # fmt: skip
    assert (
        f"otlp.client_certificate is {pki.client}, but it has no private key; set otlp.client_key to the PEM file "
        "that has it"
    ) == refused(client=pki.client)
    assert (
        f"otlp.client_key is {pki.server_key}, but it is not the key of {pki.client}; give the two that belong together"
    ) == refused(client=pki.client, key=pki.server_key)


def test_an_encrypted_key_is_refused_instead_of_asking_for_its_passphrase(pki: Certificates, tmp_path: Path) -> None:
    """OpenSSL would ask on the terminal, and wait."""
    key = load_pem_private_key(Path(pki.client_key).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    assert (
        f"otlp.client_key is {locked}, but it is encrypted, and otelchan cannot ask for its passphrase: give a key "
        "without one"
    ) == refused(client=pki.client, key=str(locked))
