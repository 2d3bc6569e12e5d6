"""The files of --tls-cert and --tls-key: each fault names the option and the cure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from certificates import issued
from kasir.cli.certificate import Certificate
from kasir.errors import SettingError

NOW = datetime(2026, 11, 26, tzinfo=UTC)
IN_A_DAY = NOW + timedelta(days=1)


def refusal(chain: Path | None, key: Path | None, now: datetime = NOW) -> str:
    with pytest.raises(SettingError) as caught:
        Certificate.checked(chain, key, now)
    return str(caught.value)


def test_without_the_options_there_is_no_certificate() -> None:
    assert Certificate.checked(None, None, NOW) is None


def test_a_certificate_with_its_key_is_accepted(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)
    certificate = Certificate.checked(files.chain, files.key, NOW)

    assert certificate == Certificate(files.chain, files.key)


def test_one_option_without_the_other_is_refused(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)

    assert refusal(files.chain, None).startswith("--tls-key: is not given; --tls-cert needs")
    assert refusal(None, files.key).startswith("--tls-cert: is not given; --tls-key needs")


def test_a_file_that_does_not_exist_is_refused_by_its_option(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)
    missing = tmp_path / "missing.pem"

    assert refusal(missing, files.key).startswith(f"--tls-cert: {missing} cannot be read (No such")
    assert refusal(files.chain, missing).startswith(f"--tls-key: {missing} cannot be read (No such")
    assert "cannot be read (Is a directory)" in refusal(files.chain, tmp_path)


def test_a_key_that_this_account_may_not_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)
    read_bytes = Path.read_bytes

    # Root may read every file, so the file's mode cannot be used here.
    def refuse_the_key(path: Path) -> bytes:
        if path == files.key:
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse_the_key)

    assert refusal(files.chain, files.key).startswith(
        f"--tls-key: {files.key} cannot be read (Permission denied)"
    )


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path, content: str) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)
    files.chain.write_text(content)

    assert refusal(files.chain, files.key).startswith(
        f"--tls-cert: {files.chain} has no certificate in PEM"
    )


def test_a_damaged_certificate_behind_the_first_is_refused(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)
    damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    files.chain.write_text(files.chain.read_text() + damaged)

    assert refusal(files.chain, files.key).startswith("--tls-cert: ")


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)
    files.key.write_text("no key")

    assert refusal(files.chain, files.key).startswith(f"--tls-key: {files.key} and ")


def test_the_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)
    other = issued(tmp_path, name="other", ends=IN_A_DAY)

    assert refusal(files.chain, other.key).startswith(
        f"--tls-key: {other.key} is not the key of {files.chain}"
    )


def test_a_key_with_a_password_is_refused_and_no_password_is_asked_for(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a password"),
        )
    )

    assert refusal(files.chain, files.key).startswith(f"--tls-key: {files.key} needs a password")


def test_an_expired_certificate_is_refused_with_the_day_it_ended(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=NOW)

    assert refusal(files.chain, files.key, NOW).startswith(
        f"--tls-cert: {files.chain} expired on 2026-11-26"
    )


def test_a_certificate_that_is_not_valid_yet_is_refused(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)

    assert "is valid from 2026-11-17 on" in refusal(
        files.chain, files.key, NOW - timedelta(days=20)
    )


@pytest.mark.parametrize(
    ("names", "public_url", "warned"),
    [
        (["pay.shop.example"], "https://pay.shop.example", False),
        (["pay.shop.example"], "https://PAY.shop.example:8443", False),
        (["*.shop.example"], "https://pay.shop.example", False),
        (["127.0.0.1"], "https://127.0.0.1:8000", False),
        (["*.shop.example"], "https://a.pay.shop.example", True),
        (["pay.shop.example"], "https://other.example", True),
        (["localhost"], "https://127.0.0.1:8000", True),
        (["pay.shop.example"], "http://pay.shop.example", True),
    ],
)
def test_a_public_address_that_the_certificate_is_not_for_is_warned_about(
    tmp_path: Path, names: list[str], public_url: str, warned: bool
) -> None:
    files = issued(tmp_path, *names, ends=IN_A_DAY)
    warnings = Certificate(files.chain, files.key).warnings(public_url)

    assert len(warnings) == warned
    assert all("KASIR_PUBLIC_URL" in warning for warning in warnings)


def test_a_certificate_without_names_is_for_no_address(tmp_path: Path) -> None:
    files = issued(tmp_path, ends=IN_A_DAY)
    # The authority's certificate names no address.
    warnings = Certificate(files.authority, files.key).warnings("https://127.0.0.1:8000")

    assert len(warnings) == 1
