"""What an owner does on a picture's page, and what whoever holds the delete token does."""

from aiohttp import web

from chitram.domain.errors import Problem, ValidationFailed
from chitram.domain.image import Visibility
from chitram.handlers.forms import read_form
from chitram.handlers.pages_forms import form, local_path, see_other
from chitram.handlers.pages_gallery import image_page
from chitram.handlers.shell import visitor
from chitram.keys import GALLERY
from chitram.services.image_ports import ImageChanges


@form(image_page)
async def edit_image(request: web.Request) -> web.StreamResponse:
    """Change title and visibility."""
    entered = await read_form(request)
    spelled_id = request.match_info["id"]
    changes = ImageChanges(title=entered.get("title"), visibility=_visibility(entered.get("visibility")))
    await request.app[GALLERY].change(spelled_id, visitor(request), changes)
    return see_other(f"/image/{spelled_id}?notice=saved")


@form(image_page)
async def delete_image(request: web.Request) -> web.StreamResponse:
    """Delete for good, by the owner or by the token of an anonymous upload."""
    entered = await read_form(request)
    token = entered.get("delete_token", "").strip() or None
    await request.app[GALLERY].delete(request.match_info["id"], visitor(request), token=token)
    return see_other(f"{local_path(entered.get('next')).partition('?')[0]}?notice=deleted")


def _visibility(text: str | None) -> Visibility | None:
    if text is None:
        return None
    if text not in set(Visibility):
        raise ValidationFailed(Problem("/visibility", "Use private, unlisted or public."))
    return Visibility(text)
