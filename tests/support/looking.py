"""Pages as Chromium shows them, looked at by axe-core."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import axe_core_python

from stack.packages import BROWSERS

__all__ = ["CHROMIUM", "check_looks"]

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
# A long page takes a busy machine a minute.
LONGEST_RUN_S = 240
# Runs within the page, and leaves what it found where a dump of the page has it.
RUN = """
axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
  .then(found => {
    const said = found.violations.map(each =>
      each.id + ": " + each.nodes.map(node => node.html).join(" "));
    document.body.dataset.axe = JSON.stringify(
      {passed: found.passes.map(each => each.id), said,
       unsure: found.incomplete.map(each => each.id)});
  });
"""


def looked_at(text, tmp_path, *options):
    """What axe-core finds on a page, as Chromium shows it."""
    page = tmp_path / "page.html"
    script = f"<script>{AXE}</script><script>{RUN}</script></body>"
    page.write_text(text.replace("</body>", script))
    done = subprocess.run(  # noqa: S603 - our own arguments
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--disable-dev-shm-usage"),
            *("--virtual-time-budget=10000", "--dump-dom", *options, page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=LONGEST_RUN_S,
        check=True,
    )
    (found,) = re.findall(r'data-axe="(.*?)"[ >]', done.stdout)
    return json.loads(found.replace("&quot;", '"').replace("&amp;", "&"))


def check_looks(text, tmp_path, colors):
    """Fail if somebody could not use the page, in ``light`` or ``dark`` colors."""
    scheme = {"light": 1, "dark": 0}[colors]
    setting = f"--blink-settings=preferredColorScheme={scheme}"
    found = looked_at(text, tmp_path, setting)
    assert found["said"] == []
    assert found["unsure"] == []
    assert {"color-contrast", "document-title", "html-has-lang"} <= set(found["passed"])
