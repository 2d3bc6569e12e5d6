"""A client's address has one written form, and a customer's addresses have one network."""

from __future__ import annotations

from kasir.client_addresses import canonical_address, customer_network


def test_an_ipv4_address_from_an_ipv6_socket_is_written_as_ipv4() -> None:
    assert canonical_address("::ffff:203.0.113.9") == "203.0.113.9"
    assert canonical_address("2001:DB8::9") == "2001:db8::9"
    assert canonical_address("a-socket") == "a-socket"


def test_all_ipv6_addresses_of_one_customer_have_one_network() -> None:
    same = {customer_network("2001:db8:1:2::9"), customer_network("2001:db8:1:2:ffff::")}

    assert len(same) == 1
    assert customer_network("2001:db8:1:3::9") not in same
    assert customer_network("::ffff:203.0.113.9") != customer_network("::ffff:203.0.113.8")
    assert customer_network("a-socket") == "a-socket"
