"""A browser that looks at `replay web`: the system's chromium, without a window."""

import os
import subprocess
import sys
from contextlib import contextmanager

from tests.support.servers import require_package, require_program
from tests.support.waiting import wait_until

SECONDS_MS = 60_000


@contextmanager
def web(folder, *words):
    """Run `replay web` over a folder, and yield its address."""
    argv = [
        sys.executable,
        "-m",
        "joblog.replay",
        "web",
        str(folder),
        "--port",
        "0",
        *words,
    ]
    environment = {**os.environ, "REPLAY_INDEX": "off"}
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        try:
            line = child.stdout.readline()
            assert line.startswith("replay: http://"), line
            yield line.removeprefix("replay: ").strip().rstrip("/")
        finally:
            child.terminate()
            child.communicate(timeout=30)


@contextmanager
def browser():
    """Start the browser."""
    program = require_program("chromium")
    require_package("playwright")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not everywhere

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def page(chromium, *, width=1280, is_dark=False):
    """Open an empty page; what its scripts complain of fails the test."""
    scheme = "dark" if is_dark else "light"
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    opened, complaints = context.new_page(), []
    opened.set_default_timeout(SECONDS_MS)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    try:
        yield opened
        assert not complaints, complaints
    finally:
        context.close()


def rows(page, place=0):
    """Return the cells of a table's rows; those of pages that are empty are none."""
    return page.evaluate(
        "place => [...(document.querySelectorAll('.q-table')[place]?.tBodies[0]?.rows "
        "|| [])].map(row => [...row.cells].map(cell => cell.innerText.trim()))",
        place,
    )


def until(page, is_so):
    """Wait until something is so."""

    from playwright.sync_api import Error  # noqa: PLC0415 - not everywhere

    def look():
        try:
            page.evaluate("0")  # lets what the browser told come in
            return is_so(page)
        except Error as error:
            # A page that is loaded anew is looked at again.
            if "context was destroyed" in error.message:
                return False
            raise

    wait_until(look, lambda: page.locator("body").inner_text())


def violations(page):
    """Return what axe-core finds wrong that keeps people out: (rule, first place)."""
    script = require_package("axe_playwright_python") / "axe.min.js"
    page.evaluate(script.read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        (each["id"], each["nodes"][0]["target"], each["nodes"][0]["failureSummary"])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
