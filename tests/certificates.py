"""Certificates for tests of TLS: files in PEM, made by trustme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Files:
    """A certificate chain, its key, and the authority that a client must trust."""

    chain: Path
    key: Path
    authority: Path

    @property
    def options(self) -> list[str]:
        """The options of `kasir serve`."""
        return ["--tls-cert", str(self.chain), "--tls-key", str(self.key)]


def issued(folder: Path, *names: str, name: str = "server", ends: datetime | None = None) -> Files:
    """Issue a certificate for these names; it is valid for a day unless it has another end."""
    authority = trustme.CA()
    until = ends or datetime.now(UTC) + timedelta(days=1)
    leaf = authority.issue_cert(
        *names or ("127.0.0.1",),
        not_before=until - timedelta(days=10),
        not_after=until,
    )
    files = Files(folder / f"{name}.pem", folder / f"{name}-key.pem", folder / f"{name}-ca.pem")
    for number, part in enumerate(leaf.cert_chain_pems):
        part.write_to_path(files.chain, append=number > 0)
    leaf.private_key_pem.write_to_path(files.key)
    authority.cert_pem.write_to_path(files.authority)
    return files
