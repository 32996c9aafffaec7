import pytest

from gateway_flask.prose import prose


class TestProse:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("one\ntwo", "<p>one two</p>"),
            ("one\n\ntwo", "<p>one</p>\n<p>two</p>"),
            ("## Head", "<h2>Head</h2>"),
            ("- a\n- `b`", "<ul><li>a</li><li><code>b</code></li></ul>"),
            ("2. a\n3. b", '<ol start="2"><li>a</li><li>b</li></ol>'),
            (
                "| a | b |\n|---|---|\n| c | `d` |",
                (
                    "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
                    "<tbody><tr><td>c</td><td><code>d</code></td></tr></tbody></table>"
                ),
            ),
            ("```\n- <b>\n```", '<pre tabindex="0"><code>- &lt;b&gt;\n</code></pre>'),
            ("[here](/docs)", '<p><a href="/docs">here</a></p>'),
        ],
    )
    def test_knows_a_little_of_commonmark(self, text, shown):
        assert prose(text) == shown

    @pytest.mark.parametrize(
        "text",
        [
            "<script>",
            "`<script>`",
            "[x](javascript:alert(1))",
            "[x](https://evil.example/)",
            '[x](/a"onclick="b)',
            "| <script> |\n|---|",
        ],
    )
    def test_takes_nothing_for_markup(self, text):
        shown = str(prose(text))

        assert "<script" not in shown
        assert 'href="java' not in shown
        assert 'href="http' not in shown
        assert '"onclick' not in shown
