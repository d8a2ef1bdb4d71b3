"""Write FOLDER/usr/share/otelchan/sbom.cdx.json: what is in the image, with versions, as CycloneDX 1.6.

    sbom.py FOLDER VERSION

Debian's packages are read from var/lib/dpkg/status.d, Python's from their METADATA (purl-spec: types deb and pypi).
What wheels carry of others inside (OpenBLAS in numpy, BoringSSL in grpcio) has no entry: their makers give no list.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from os import environ
from pathlib import Path
from typing import Any
from urllib.parse import quote

PLACE = "usr/share/otelchan/sbom.cdx.json"
Json = dict[str, Any]


def debian(root: Path) -> list[Json]:
    """A component for each package of Debian."""
    found = []
    for path in sorted((root / "var/lib/dpkg/status.d").iterdir()):
        control = headers(path)
        name, version = control["Package"], control["Version"]
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={control['Architecture']}&distro=debian-12"
        found.append(component(name, version, purl))
    return found


def python(root: Path) -> list[Json]:
    """A component for each package of Python, with its licence where it says one."""
    found = []
    for path in sorted(root.glob("usr/local/lib/python3*/dist-packages/*.dist-info/METADATA")):
        metadata = headers(path)
        name, version = metadata["Name"], metadata["Version"]
        purl = f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version)}"
        one = component(name, version, purl)
        if expression := metadata["License-Expression"]:
            one["licenses"] = [{"expression": expression}]
        found.append(one)
    return found


def component(name: str, version: str, purl: str) -> Json:
    """One library."""
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def headers(path: Path) -> Message:
    """Fields at the top of a file."""
    return HeaderParser().parsestr(path.read_text(encoding="utf-8"))


def document(root: Path, version: str, seconds: int) -> Json:
    """All of it; seconds: when the source was made, since 1970."""
    subject = {"type": "container", "bom-ref": "image", "name": "otelchan", "version": version}
    components = debian(root) + python(root)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z"),
            "component": subject,
        },
        "components": components,
        "dependencies": [{"ref": "image", "dependsOn": sorted(each["bom-ref"] for each in components)}],
    }


def main(folder: str, version: str) -> None:
    """Write the file."""
    target = Path(folder) / PLACE
    target.parent.mkdir(parents=True, exist_ok=True)
    made = document(Path(folder), version, int(environ.get("SOURCE_DATE_EPOCH") or 0))
    target.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
