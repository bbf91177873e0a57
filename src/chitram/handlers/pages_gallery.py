"""Looking: the public gallery, one's own pictures, a picture's page."""

from urllib.parse import urlencode

from aiohttp import web

from chitram.domain.image import refuse_change
from chitram.domain.page import Page
from chitram.handlers.form_views import EditForm, visibility_choices
from chitram.handlers.pages_forms import NOT_REFUSED, Refused
from chitram.handlers.picture import Picture
from chitram.handlers.shell import visitor
from chitram.handlers.templating import origin_of, render
from chitram.handlers.views import (
    GalleryPage,
    GalleryRows,
    ImagePage,
    LinksFragment,
    MyImagesCards,
    MyImagesPage,
)
from chitram.keys import GALLERY, QUOTAS
from chitram.services.image_ports import Document

PAGE_SIZE = 24


async def gallery_page(request: web.Request) -> web.StreamResponse:
    """``/``: the newest public pictures, or those that follow a cursor; only the tiles when HTMX asks."""
    cursor = request.query.get("cursor")
    page = await request.app[GALLERY].public(cursor, PAGE_SIZE)
    pictures, following = _pictures(request, page), _following("/", page)
    if _wants_fragment(request):
        return render(request, GalleryRows(pictures, following))
    return render(request, GalleryPage(pictures, following, follows=cursor is not None))


async def my_images_page(request: web.Request) -> web.StreamResponse:
    """``/my-images``. Raises ``Unauthorized``, which leads to the login and back."""
    gallery, caller, cursor = request.app[GALLERY], visitor(request), request.query.get("cursor")
    page = await gallery.mine(caller, cursor, PAGE_SIZE)
    pictures, following = _pictures(request, page), _following("/my-images", page)
    if _wants_fragment(request):
        return render(request, MyImagesCards(pictures, following))
    usage = await request.app[QUOTAS].usage(caller.user_id or "")
    return render(request, MyImagesPage(pictures, following, follows=cursor is not None, usage=usage))


async def image_page(request: web.Request, refused: Refused = NOT_REFUSED) -> web.StreamResponse:
    """``/image/{id}`` and ``/i/{short}``: the picture and, for its owner, the tools."""
    caller = visitor(request)
    seen = await request.app[GALLERY].see(request.match_info["id"], caller)
    document = seen.document
    picture = Picture.of(document, origin_of(request))
    may_edit = refuse_change(document.visibility, document.owner_id, caller) is None
    view = ImagePage(
        picture=picture,
        may_edit=may_edit,
        may_delete_by_token=document.owner_id is None and not may_edit,
        edit=_edit_form(picture, refused),
        token=refused.field("delete_token", secret=True),
    )
    return render(request, view, status=refused.status)


async def links_fragment(request: web.Request) -> web.StreamResponse:
    """``/image/{id}/links``: the copy formats, for a row of the upload queue."""
    seen = await request.app[GALLERY].see(request.match_info["id"], visitor(request))
    picture = Picture.of(seen.document, origin_of(request))
    return render(request, LinksFragment(picture.short_id, picture.formats))


def _edit_form(picture: Picture, refused: Refused) -> EditForm:
    return EditForm(
        title=refused.field("title", default=picture.title),
        choices=visibility_choices(refused.entered("visibility", picture.visibility), signed_in=True),
        message=refused.message(),
        rejected=bool(refused),
    )


def _pictures(request: web.Request, page: Page[Document]) -> tuple[Picture, ...]:
    origin = origin_of(request)
    return tuple(Picture.of(document, origin) for document in page.items)


def _following(path: str, page: Page[Document]) -> str | None:
    return f"{path}?{urlencode({'cursor': page.next_cursor})}" if page.next_cursor else None


def _wants_fragment(request: web.Request) -> bool:
    return "HX-Request" in request.headers
