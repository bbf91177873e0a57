"""The browser gallery: its addresses, and what an application needs to show them."""

from aiohttp import web

from chitram.domain.identifiers import SHORT_LENGTH
from chitram.handlers import pages_ring, pages_settings
from chitram.handlers.assets import root_file, static_file
from chitram.handlers.exports import export
from chitram.handlers.pages_account import choose_theme, log_in, log_out, login_page, register, register_page
from chitram.handlers.pages_editing import delete_image, edit_image
from chitram.handlers.pages_errors import error_page
from chitram.handlers.pages_gallery import gallery_page, image_page, links_fragment, my_images_page
from chitram.handlers.pages_upload import upload, upload_page
from chitram.handlers.shell import admin_page, nothing, page
from chitram.handlers.templating import setup_templating
from chitram.keys import ERROR_PAGES

_SHORT = f"{{id:[1-9A-Za-z]{{{SHORT_LENGTH}}}}}"


def page_routes() -> list[web.RouteDef]:
    """One row for each address that answers with a page, a fragment or a file of the gallery."""
    return [
        web.get("/", page(gallery_page)),
        web.get("/my-images", page(my_images_page)),
        web.get("/my-images/export", page(export)),
        web.get(f"/i/{_SHORT}", page(image_page)),
        web.get("/image/{id}", page(image_page)),
        web.post("/image/{id}", page(edit_image)),
        web.post("/image/{id}/delete", page(delete_image)),
        web.get("/image/{id}/links", page(links_fragment)),
        web.get("/upload", page(upload_page)),
        web.post("/upload", page(upload)),
        web.get("/login", page(login_page)),
        web.post("/login", page(log_in)),
        web.get("/register", page(register_page)),
        web.post("/register", page(register)),
        web.post("/logout", page(log_out)),
        web.post("/theme", choose_theme),
        *_settings_routes(),
        *_ring_routes(),
        web.get("/static/{version}/{name:.+}", static_file),
        web.get("/favicon.ico", root_file),
        web.get("/robots.txt", root_file),
    ]


def _settings_routes() -> list[web.RouteDef]:
    """The settings. What the form for a key shows may be loaded again: its address answers GET too."""
    address = pages_settings.ADDRESS
    return [
        web.get(address, page(pages_settings.settings_page)),
        web.get(f"{address}/keys", page(pages_settings.settings_page)),
        web.post(f"{address}/keys", page(pages_settings.create_key)),
        web.post(f"{address}/keys/{{id}}/revoke", page(pages_settings.revoke_key)),
    ]


def _ring_routes() -> list[web.RouteDef]:
    """The ring page. What a refused or planned form shows may be loaded again: its address answers GET too."""
    address = pages_ring.ADDRESS
    posts = {
        "plan": pages_ring.plan_change,
        "commit": pages_ring.commit_change,
        "invalidate": pages_ring.invalidate,
        "chaos": pages_ring.harm,
    }
    return [
        web.get(address, admin_page(pages_ring.show)),
        *(web.get(f"{address}/{step}", admin_page(pages_ring.show)) for step in posts),
        *(web.post(f"{address}/{step}", admin_page(handler)) for step, handler in posts.items()),
        # Which methods an address takes would tell a stranger that it exists.
        *(web.route("*", path, nothing) for path in (address, *(f"{address}/{step}" for step in posts))),
    ]


def setup_pages(app: web.Application) -> None:
    """Templates, static files and error pages; :func:`page_routes` belongs into the table of routes."""
    setup_templating(app)
    app[ERROR_PAGES] = error_page
