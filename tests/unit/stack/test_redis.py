from stack.redis import render_common, render_configuration


class TestRenderCommon:
    def test_lets_the_cache_evict_and_the_state_store_keep(self):
        assert "allkeys-lru" in render_common("redis", "secret")
        assert "noeviction" in render_common("redis-state", "secret")
        assert "appendonly yes" in render_common("redis-state", "secret")


class TestRenderConfiguration:
    def test_listens_on_the_loopback_interface_only(self, tmp_path):
        path = render_configuration(
            tmp_path / "redis", tmp_path / "common.conf", 25_000
        )

        assert "bind 127.0.0.1\nport 25000\n" in path.read_text()
