"""The certificate of `kasir serve`: checked in full before any process starts.

Uvicorn would read the files in each process, and would report a bad one with a traceback. It would
not report an expired one at all.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from cryptography import x509

from kasir.errors import SettingError

_CERT: Final = "--tls-cert"
_KEY: Final = "--tls-key"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain in PEM, the server's own first, and its private key in PEM."""

    chain: Path
    key: Path

    @classmethod
    def checked(cls, chain: Path | None, key: Path | None, now: datetime) -> Self | None:
        """Check the files of the options; None if neither option is given.

        Raises:
            SettingError: An option is missing, a file cannot be used, or the certificate is not
                valid now. The message names the option.
        """
        if chain is None and key is None:
            return None
        if chain is None or key is None:
            missing, given = (_CERT, _KEY) if chain is None else (_KEY, _CERT)
            raise SettingError(missing, f"is not given; {given} needs it too")
        _check_validity(chain, _first(chain), now)
        _read(_KEY, key)
        _check_pair(chain, key)
        return cls(chain, key)

    def warnings(self, public_url: str) -> list[str]:
        """Return what does not agree with the address at which shoppers and Adyen reach Kasir.

        These are no errors: a proxy in front may use another address than Kasir's own certificate.
        """
        parts = urlsplit(public_url)
        if parts.scheme != "https":
            return [f"KASIR_PUBLIC_URL is {public_url}, but this server answers only https"]
        host = parts.hostname or ""
        if not _covers(_first(self.chain), host):
            return [f"the certificate {self.chain} is not for {host}, the host of KASIR_PUBLIC_URL"]
        return []


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise SettingError(
            option, f"{path} cannot be read ({reason}); give a PEM file that this account may read"
        ) from error


def _first(chain: Path) -> x509.Certificate:
    """The first certificate of a chain: the server's own."""
    try:
        return x509.load_pem_x509_certificates(_read(_CERT, chain))[0]
    except ValueError as error:
        raise SettingError(
            _CERT, f"{chain} has no certificate in PEM; give the certificate and its chain"
        ) from error


def _check_validity(chain: Path, certificate: x509.Certificate, now: datetime) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end <= now:
        raise SettingError(_CERT, f"{chain} expired on {end:%Y-%m-%d}; give a renewed certificate")
    if begin > now:
        raise SettingError(
            _CERT, f"{chain} is valid from {begin:%Y-%m-%d} on; check this machine's clock"
        )


def _check_pair(chain: Path, key: Path) -> None:
    """Load both files as the server will."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(chain, key, password=_refuse_password)
    except _EncryptedKeyError as error:
        raise SettingError(
            _KEY, f"{key} needs a password; give a key without one, as `openssl pkey` writes it"
        ) from error
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            cure = f"{key} is not the key of {chain}; give the key that it was issued for"
            raise SettingError(_KEY, cure) from error
        cure = f"{key} and {chain} cannot be used ({error.reason}); give a private key in PEM"
        raise SettingError(_KEY, cure) from error


class _EncryptedKeyError(Exception):
    """The key is encrypted. Without this, OpenSSL would ask for the password on the terminal."""


def _refuse_password() -> str:
    raise _EncryptedKeyError


def _covers(certificate: x509.Certificate, host: str) -> bool:
    """Whether a certificate is for a host name or IP address."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    domain = host.partition(".")[2]
    return host in addresses or any(
        name.lower() in {host, f"*.{domain}"} for name in names.get_values_for_type(x509.DNSName)
    )
