"""A private certificate authority for one test run, with what servers and clients need, as PEM files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """Paths. ca signed all of these; stranger is another authority, elsewhere a certificate for another host."""

    ca: str
    stranger: str
    server: str
    server_key: str
    elsewhere: str
    elsewhere_key: str
    client: str
    client_key: str


def make(folder: Path) -> Certificates:
    """Write them all."""
    ca, stranger = trustme.CA(), trustme.CA()
    paths = {}
    for name, authority in (("ca", ca), ("stranger", stranger)):
        paths[name] = folder / f"{name}.pem"
        authority.cert_pem.write_to_path(paths[name])
    issued = {
        "server": ca.issue_cert("localhost", "127.0.0.1"),
        "elsewhere": ca.issue_cert("elsewhere.example"),
        "client": ca.issue_cert("agent@example.com"),
    }
    for name, certificate in issued.items():
        paths[name], paths[f"{name}_key"] = folder / f"{name}.pem", folder / f"{name}.key"
        paths[name].write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(paths[f"{name}_key"])
    return Certificates(**{name: str(path) for name, path in paths.items()})
