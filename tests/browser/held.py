"""Requests that a test keeps waiting, to look at a page in between."""

from playwright.sync_api import Page, Route


class Held:
    """From now on the requests of *page* to *pattern* wait, until :meth:`release`."""

    def __init__(self, page: Page, pattern: str) -> None:
        self.routes: list[Route] = []
        self._open = False
        page.route(pattern, self._take)

    def release(self) -> None:
        """Let everything through, what waits and what comes."""
        self._open = True
        for route in self.routes:
            route.continue_()

    def _take(self, route: Route) -> None:
        if self._open:
            route.continue_()
        else:
            self.routes.append(route)
