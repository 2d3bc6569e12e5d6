"""Only a vault with the key can decrypt what was encrypted with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kasir.errors import SettingError
from kasir.store.vault import Vault

KEY, NEWER_KEY = "the key of that day", "the key of today"
#: Data that an earlier version of Kasir encrypted with KEY, by Fernet.
OF_EARLIER_VERSION = (
    b"gAAAAABrBGHVk0NcWMYQROSIKN7cGj-p52AbUh6CF633iY2HUpQFlWt7ZOMOM0DERLeMem6_HrQpkPV-nS6oVulHOzPx"
    b"ODlY8QBeOx_W-e5SjJXda49DaFI="
)


@given(plain=st.binary(max_size=500))
def test_encrypting_twice_gives_different_bytes_that_decrypt_to_the_same(plain: bytes) -> None:
    vault = Vault([KEY])
    first, second = vault.seal(plain), vault.seal(plain)

    assert vault.open(first) == vault.open(second) == plain
    assert first != second


@given(plain=st.binary(min_size=8, max_size=100), data=st.data())
def test_a_changed_bit_is_detected(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(Vault([KEY]).seal(plain))
    assert plain not in bytes(sealed)
    # Invert one bit of one byte.
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(SettingError, match="KASIR_SECRET_KEY"):
        Vault([KEY]).open(bytes(sealed))


@pytest.mark.parametrize("length", range(40))
def test_truncated_data_is_not_decrypted(length: int) -> None:
    with pytest.raises(SettingError, match="KASIR_SECRET_KEY"):
        Vault([KEY]).open(Vault([KEY]).seal(b"an answer of Adyen's")[:length])


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    before, after = Vault([KEY]), Vault([NEWER_KEY, KEY])

    assert after.open(before.seal(b"plain")) == b"plain"
    assert Vault([NEWER_KEY]).open(after.seal(b"plain")) == b"plain"
    with pytest.raises(SettingError, match="KASIR_SECRET_KEY"):
        before.open(after.seal(b"plain"))


@pytest.mark.parametrize("keys", [[KEY], [NEWER_KEY, KEY]])
def test_data_of_an_earlier_version_is_decrypted(keys: list[str]) -> None:
    assert Vault(keys).open(OF_EARLIER_VERSION) == b'{"resultCode":"Authorised"}'


def test_data_of_an_earlier_version_is_not_decrypted_with_another_key() -> None:
    with pytest.raises(SettingError, match="KASIR_SECRET_KEY"):
        Vault([NEWER_KEY]).open(OF_EARLIER_VERSION)
