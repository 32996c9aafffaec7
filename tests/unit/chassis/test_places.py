import pytest

from chassis.places import network_of, place_of


class TestPlace:
    @pytest.mark.parametrize(
        ("address", "place"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.9", "192.0.2.9"),
            ("2001:db8:0:1:2::3", "2001:db8:0:1::/64"),
            ("2001:DB8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("::1", "::/64"),
            ("unix:", "unix:"),
            ("", ""),
        ],
    )
    def test_is_an_address_or_a_subnet(self, address, place):
        assert place_of(address) == place

    def test_is_another_in_the_next_subnet(self):
        assert place_of("2001:db8:0:1::1") != place_of("2001:db8:0:2::1")


class TestNetwork:
    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("192.0.2.1", "192.0.2.0/24"),
            ("::ffff:192.0.2.9", "192.0.2.0/24"),
            ("2001:db8:0:1:2::3", "2001:db8::/56"),
            ("2001:db8:0:100::%eth0", "2001:db8:0:100::/56"),
            ("::1", "::/56"),
            ("unix:", "unix:"),
        ],
    )
    def test_holds_the_places_that_may_be_one_clients(self, address, network):
        assert network_of(address) == network
