"""The page in a real browser, chromium, which has to be on PATH; CI installs it."""

import json
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from click.testing import CliRunner

from joblog.replay.cli import main
from tests.replay.histories import History, make_mail
from tests.replay.web.browsing import page, rows, until, violations, web
from tests.replay.web.numbers import shown, top, wanted

pytestmark = pytest.mark.slow

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"


@pytest.fixture(scope="module")
def mail(tmp_path_factory):
    """Yield a history that grows, and the address of its page."""
    history = make_mail(tmp_path_factory.mktemp("mail") / "data")
    history.log.sync()
    with web(history.folder) as address:
        yield history, address
    history.close()


def test_scrubbing_shows_another_moment_and_says_so_in_the_address(mail, chromium):
    history, address = mail

    def is_right(opened):
        at = parse_qs(urlsplit(opened.url).query)["at"][0]
        return shown(opened) == wanted(top(history.folder, at))

    with page(chromium) as opened:
        opened.goto(address)
        live = opened.get_by_role("switch", name="live")
        slider = opened.get_by_role("slider", name="Moment on the axis")
        until(opened, lambda _: int(slider.get_attribute("aria-valuemax") or 0) > 1000)
        assert live.is_checked()
        slider.press("ArrowLeft")
        until(opened, lambda opened: "at=" in opened.url)
        until(opened, is_right)
        assert not live.is_checked()
        typed = opened.get_by_role("textbox", name="Moment", exact=True)
        typed.fill("@12")
        typed.press("Enter")
        until(opened, lambda opened: opened.url.endswith("at=%4012"))
        until(opened, is_right)
        copied = opened.url
        live.click()
        until(opened, lambda opened: "at=" not in opened.url)
        opened.goto(copied)
        until(opened, is_right)


def test_live_page_follows_the_log_and_a_search_leads_to_the_job(mail, chromium):
    history, address = mail
    with page(chromium) as opened:
        opened.goto(address)
        until(opened, lambda opened: [row[1] for row in rows(opened)][:1] == ["1"])
        history.run(
            history.connect(), f"RPUSH rq:queue:mail fresh {MARKUP.replace(' ', '_')}"
        )
        history.log.sync()
        until(opened, lambda opened: [row[1] for row in rows(opened)][:1] == ["3"])
        box = opened.get_by_label("Search")
        box.fill("m2")
        box.press("Enter")
        opened.get_by_role("link", name="m2", exact=True).click()
        until(
            opened,
            lambda opened: "its lease ran out" in opened.locator("#main").inner_text(),
        )
        assert "/job/m2" in opened.url
        assert "stuck" in opened.locator("#main").inner_text()
        assert [row[0] for row in rows(opened)][:1] == ["3"]
        with opened.expect_download() as download:
            opened.get_by_role("button", name="Receipt").click()
        receipt = json.loads(Path(download.value.path()).read_text())
        assert receipt


def test_markup_is_shown_as_text(tmp_path, chromium):
    history = History(tmp_path / "data")
    client = history.connect(MARKUP.replace(" ", "_").encode())
    history.run(
        client,
        [b"RPUSH", b"rq:queue:mail", MARKUP.encode()],
        [
            b"HSET",
            b"rq:job:" + MARKUP.encode(),
            b"status",
            b"queued",
            b"description",
            MARKUP.encode(),
        ],
        [b"SET", MARKUP.encode(), json.dumps({"a": MARKUP}).encode()],
    )
    history.close()
    name = quote(MARKUP, safe="")
    # Each page that may show it; what they share was drawn by then.
    paths = [
        "/",
        f"/job/{name}",
        f"/key/{name}",
        f"/search?text={name}",
        "/clients",
        "/record/4",
        "/compare?a=@0&b=now",
        f"/queue/{name}",
    ]

    with web(history.folder) as address, page(chromium) as opened:
        for path in paths:
            opened.goto(address + path)
            until(opened, lambda opened: opened.locator("#main").count())
            if path != "/":
                until(
                    opened,
                    lambda opened: (
                        "onerror=alert" in opened.locator("#main").inner_text()
                    ),
                )
            assert opened.locator("#main img, #main script").count() == 0
            assert "49" not in opened.locator("h1, [role=heading]").first.inner_text()


def test_two_moments_stand_side_by_side_and_nothing_is_cut_off_on_a_narrow_screen(
    mail, chromium
):
    _, address = mail
    with page(chromium, width=390, is_dark=True) as opened:
        for path in ("/", "/queue/mail", "/job/m2", "/compare?a=@5&b=@20", "/log"):
            opened.goto(address + path)
            until(
                opened,
                lambda opened: opened.locator(".q-table, .q-expansion-item").count(),
            )
            assert opened.evaluate("document.documentElement.scrollWidth") <= 390
        opened.goto(f"{address}/compare?a=@5&b=@20")
        until(opened, lambda opened: "added" in opened.locator("#main").inner_text())
        stat = CliRunner().invoke(
            main, ["diff", str(mail[0].folder), "@5", "@20", "--stat", "--json"]
        )
        counts = ", ".join(
            f"{count} {name}" for name, count in json.loads(stat.stdout).items()
        )
        assert counts in opened.locator("#main").inner_text()


PAGES = ["/", "/queue/mail", "/job/m2", "/key/rq:queue:mail", "/record/12"]
LISTS = ["/compare?a=@5&b=@20", "/search?text=m2", "/clients", "/scripts", "/log"]


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_serious_fault(mail, chromium, is_dark):
    _, address = mail
    found = {}
    with page(chromium, is_dark=is_dark) as opened:
        for path in PAGES + LISTS:
            opened.goto(address + path)
            until(opened, lambda opened: opened.locator("[role=heading]").count())
            until(opened, lambda opened: not opened.get_by_text("looking").count())
            found[path] = violations(opened)

    wrong = {path: faults for path, faults in found.items() if faults}
    assert not wrong, json.dumps(wrong, indent=1)
