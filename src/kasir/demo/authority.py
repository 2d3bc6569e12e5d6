"""The certificate authority of `kasir demo --https`, and what a client needs to trust it.

The authority signs one certificate, for this machine's own names. Its private key is never written:
nobody can sign another certificate with it, so a client that trusts it trusts nothing else. It is
also constrained to these names, and ends after ninety days.
"""

from __future__ import annotations

import os
import shlex
import ssl
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME: Final = timedelta(days=90)
#: A certificate that ends sooner is made anew at the start of a demo.
_LEFT_MIN: Final = timedelta(days=14)
#: A client's clock may be this much behind.
_BACKDATED: Final = timedelta(hours=1)
_NETWORKS: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_ADDRESSES: Final = (ip_address("127.0.0.1"), ip_address("::1"))
_NAME: Final = "localhost"
_PRIVATE_FILE: Final = 0o600
_PUBLIC_FILE: Final = 0o644
#: The permissions that the key's file must not give.
_OF_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Authority:
    """The files, all PEM: the authority's certificate, the servers' certificate and its key."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What a client has to trust."""
        return self.folder / "authority.pem"

    @property
    def server(self) -> Path:
        """The certificate of Kasir and the twin."""
        return self.folder / "server.pem"

    @property
    def server_key(self) -> Path:
        """The private key of `server`; only the owner may read it."""
        return self.folder / "server-key.pem"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which Python programs trust this authority.

        The first is read by OpenSSL (aiohttp, urllib), the second by requests.
        """
        path = str(self.certificate)
        return {"SSL_CERT_FILE": path, "REQUESTS_CA_BUNDLE": path}

    def context(self) -> ssl.SSLContext:
        """What a client in this process trusts: this authority and no other."""
        return ssl.create_default_context(cafile=self.certificate)

    def trust(self) -> dict[str, str]:
        """By client: an example of a command that trusts this authority."""
        path = shlex.quote(str(self.certificate))
        store = "-keystore kasir-demo.p12 -storepass changeit"
        trusted = "-Djavax.net.ssl.trustStore=kasir-demo.p12"
        return {
            "Node": f"NODE_EXTRA_CA_CERTS={path} node shop.js",
            "Python": f"SSL_CERT_FILE={path} REQUESTS_CA_BUNDLE={path} python shop.py",
            "PHP": f"php -d curl.cainfo={path} -d openssl.cafile={path} shop.php",
            "Java": f"keytool -importcert -noprompt -alias kasir-demo -file {path} {store} &&"
            f" java {trusted} -Djavax.net.ssl.trustStorePassword=changeit Shop.java",
            "curl": f"curl --cacert {path}",
        }


def authority_in(folder: Path, now: datetime) -> Authority:
    """Return the authority of a folder: the one that is there, or a new one.

    A new one is made if a file is missing or damaged, if others could read the key, or if the
    certificate will soon end.
    """
    files = Authority(folder)
    with suppress(OSError, ValueError, TypeError, InvalidSignature):
        if _is_usable(files, now):
            return files
    _make(files, now)
    return files


def _is_usable(files: Authority, now: datetime) -> bool:
    """Whether the files belong together, the key is private, and they are valid for long enough.

    Raises:
        OSError: A file cannot be read.
        ValueError, TypeError, InvalidSignature: A file is damaged, or another authority signed it.
    """
    if stat.S_IMODE(files.server_key.stat().st_mode) & _OF_OTHERS:
        return False
    authority = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    server = x509.load_pem_x509_certificate(files.server.read_bytes())
    key = serialization.load_pem_private_key(files.server_key.read_bytes(), None)
    server.verify_directly_issued_by(authority)
    ends_at = min(authority.not_valid_after_utc, server.not_valid_after_utc)
    is_begun = server.not_valid_before_utc <= now
    return key.public_key() == server.public_key() and is_begun and now + _LEFT_MIN < ends_at


def _make(files: Authority, now: datetime) -> None:
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(authority_key, now)
    server = _server(server_key.public_key(), authority, authority_key, now)
    _write(
        files.server_key,
        server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        _PRIVATE_FILE,
    )
    _write(files.server, server.public_bytes(serialization.Encoding.PEM), _PUBLIC_FILE)
    _write(files.certificate, authority.public_bytes(serialization.Encoding.PEM), _PUBLIC_FILE)


def _write(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)  # An older file may have another mode.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = _subject("Kasir demo, this machine only")
    allowed = [x509.DNSName(_NAME), *map(x509.IPAddress, _NETWORKS)]
    usage = _usage(signs_certificates=True)
    return (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(allowed, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    names = [x509.DNSName(_NAME), *map(x509.IPAddress, _ADDRESSES)]
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_subject(_NAME), authority.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(issuer_key, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
