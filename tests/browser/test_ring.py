"""The ring page in a real browser, over real nodes: alive without disturbing, by keyboard, on a phone, in the dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from chitram.embedded.chaos import NodeChaos
from chitram.embedded.node import NodeProcess
from tests.browser.site import Site, running_site
from tests.browser.test_accessibility import violations
from tests.servers.service import node_list

pytestmark = pytest.mark.browser
RING = "/admin/ring"


class Ring:
    """A site over three real nodes, with an administrator's session."""

    def __init__(self, site: Site, token: str, browser: Browser) -> None:
        self.site = site
        self._token = token
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def open(self, *, width: int = 1280, theme: str = "light", javascript: bool = True, own_time: bool = False) -> Page:
        """The ring page in a context of its own; with *own_time* its clock goes on by `page.clock` too."""
        context = self._browser.new_context(
            base_url=self.site.url,
            viewport=ViewportSize(width=width, height=900),
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=javascript,
        )
        context.add_cookies([{"name": "chitram_session", "value": self._token, "url": self.site.url}])
        self._contexts.append(context)
        page = context.new_page()
        if own_time:
            page.clock.install()
        page.goto(RING)
        return page

    def close(self) -> None:
        """All pages."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def ring(browser: Browser, redis_nodes: dict[str, NodeProcess], tmp_path: Path) -> Iterator[Ring]:
    """The page with everything on it, the chaos strip too."""
    options = {"cache_enabled": True, "redis_nodes": node_list(redis_nodes)}
    with running_site(tmp_path, chaos=NodeChaos(redis_nodes.values()), **options) as site:
        token = site.register("ada@example.com", "seven quiet mangoes")
        site.promote("ada@example.com")
        opened = Ring(site, token, browser)
        yield opened
        opened.close()


@pytest.mark.parametrize(("theme", "widths"), [("light", (1280, 360)), ("dark", (768,))])
def test_it_is_accessible_in_every_state(
    ring: Ring, redis_nodes: dict[str, NodeProcess], theme: str, widths: tuple[int, ...]
) -> None:
    """Healthy, with a plan and a found key, refused, and with a node down; on a phone too, where nothing sticks out."""
    found: dict[str, list[str]] = {}
    for width in widths:
        page = ring.open(width=width, theme=theme)
        expect(page.locator("#ring-head")).to_contain_text("3 of 3 nodes serving")
        found[f"healthy {width}"] = violations(page)
        page.get_by_role("button", name="Maintenance b").click()
        expect(page.get_by_role("heading", name="Plan: drain b")).to_be_visible()
        page.get_by_label("Type the node's name").fill("c")
        page.get_by_role("button", name="Commit").click()
        expect(page.get_by_text("Type b to go on")).to_be_visible()
        found[f"refused {width}"] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.goto(f"{RING}?key=image:1")
    found["key"] = violations(page)
    redis_nodes["c"].kill()
    expect(page.locator("#ring-head")).to_contain_text("2 of 3 nodes serving")
    found["down"] = violations(page)
    for width in (360, 768, 1180, 1280):
        page.set_viewport_size(ViewportSize(width=width, height=900))
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert {state: complaints for state, complaints in found.items() if complaints} == {}


def test_it_follows_the_ring_without_taking_anything_from_ones_hands(
    ring: Ring, redis_nodes: dict[str, NodeProcess]
) -> None:
    """Focus, what is being typed, open details and the scroll position stay while the page changes around them."""
    page = ring.open()
    page.get_by_role("button", name="Drain a").click()
    page.get_by_text("How the dip is computed").click()
    typed = page.get_by_label("Type the node's name")
    typed.press_sequentially("a, but")
    page.get_by_label("Address").fill("half an addr")
    button = page.get_by_role("button", name="Drain c")
    button.focus()
    scrolled = page.evaluate("window.scrollY")
    redis_nodes["b"].kill()
    expect(page.locator('tr[data-key="b"]')).to_contain_text("DN")
    expect(page.locator('tr[data-key="b"]')).to_contain_text("down: unreachable")
    expect(button).to_be_focused()
    expect(typed).to_have_value("a, but")
    expect(page.get_by_label("Address")).to_have_value("half an addr")
    expect(page.locator("details[open] p")).to_be_visible()
    assert page.evaluate("window.scrollY") == scrolled


def test_a_focused_button_never_turns_into_another(ring: Ring) -> None:
    """When the node's state changes under it, the button goes and the focus with it."""
    page, other = ring.open(), ring.open()
    page.get_by_role("button", name="Drain a").focus()
    commit(other, "Drain", "a")
    expect(page.get_by_role("button", name="Ready a")).to_be_visible()
    expect(page.get_by_role("button", name="Ready a")).not_to_be_focused()
    expect(page.get_by_role("button", name="Remove a")).not_to_be_focused()


def commit(page: Page, step: str, name: str) -> None:
    """Plan a step of a node, read it, type the name."""
    page.get_by_role("button", name=f"{step} {name}").click()
    page.get_by_label("Type the node's name").fill(name)
    page.get_by_role("button", name="Commit").click()
    expect(page.locator("#main .notice.ok")).to_contain_text("Done.")


def test_it_says_when_its_last_answer_is_old(ring: Ring) -> None:
    """And takes that back with the next answer."""
    page = ring.open(own_time=True)
    page.route("**/admin/ring", lambda route: route.abort())
    page.clock.fast_forward(7000)
    expect(page.locator("[data-ring-stale]")).to_contain_text("No answer since")
    page.unroute("**/admin/ring")
    page.clock.fast_forward(3000)
    expect(page.locator("[data-ring-stale]")).to_be_empty()


def test_it_does_not_ask_while_nobody_looks(ring: Ring) -> None:
    """A hidden tab is silent, and up to date as soon as it is seen again."""
    page = ring.open(own_time=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith(RING) else None)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.nobodyLooks, configurable: true});"
        "window.nobodyLooks = true; document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.clock.run_for(60_000)
    assert asked == []
    page.evaluate("window.nobodyLooks = false; document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_request("**/admin/ring"):
        pass


@pytest.mark.parametrize("javascript", [True, False])
def test_a_node_is_drained_and_made_ready_by_keyboard_alone(ring: Ring, javascript: bool) -> None:
    """Tab, type, Enter: the plan is read before anything happens, with and without scripts."""
    page = ring.open(javascript=javascript)
    page.get_by_role("button", name="Drain a").press("Enter")
    expect(page.get_by_role("heading", name="Plan: drain a")).to_be_in_viewport()
    page.get_by_label("Type the node's name").focus()
    page.keyboard.type("a")
    page.keyboard.press("Enter")
    expect(page.locator("#main .notice.ok")).to_contain_text("Done.")
    expect(page.locator('tr[data-key="a"]')).to_contain_text("UL")
    page.get_by_role("button", name="Ready a").press("Enter")
    page.get_by_label("Type the node's name").press_sequentially("a")
    page.keyboard.press("Enter")
    expect(page.locator("#main .notice.ok")).to_contain_text("Done.")
    expect(page.locator('tr[data-key="a"]')).to_contain_text("UN")


def test_breaking_a_node_needs_no_page_load_and_shows_at_once(ring: Ring) -> None:
    """A refused deed says why."""
    page = ring.open()
    page.evaluate("window.same = true")
    page.get_by_role("button", name="Freeze 10 s b").click()
    expect(page.get_by_role("form", name="Node b")).to_contain_text("frozen")
    expect(page.locator('tr[data-key="b"]')).to_contain_text("DN")
    page.get_by_role("button", name="Heal b").click()
    expect(page.locator('tr[data-key="b"]')).to_contain_text("UN")
    page.get_by_role("button", name="Kill b").click()
    expect(page.get_by_role("form", name="Node b")).to_contain_text("dead")
    assert page.evaluate("window.same")
    page.get_by_role("button", name="Slow 30 s b").click()
    expect(page.locator("#refused")).to_contain_text("Node b is dead already")


def test_an_administrator_finds_it_in_the_menu(ring: Ring) -> None:
    """From any page."""
    page = ring.open()
    page.goto("/")
    page.locator("summary[aria-label=Menu]").click()
    page.get_by_role("link", name="Cache ring").click()
    expect(page.get_by_role("heading", name="Cache ring", level=1)).to_be_visible()
