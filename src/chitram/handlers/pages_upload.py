"""The upload page, and uploading by a plain form."""

from aiohttp import web

from chitram.handlers.multipart import receive_upload
from chitram.handlers.pages_forms import NOT_REFUSED, Refused, form
from chitram.handlers.picture import Picture
from chitram.handlers.shell import upload_panel, visitor
from chitram.handlers.templating import origin_of, render
from chitram.handlers.views import UploadedPage, UploadPage


async def upload_page(request: web.Request, refused: Refused = NOT_REFUSED) -> web.StreamResponse:
    """The drop zone. Why a file was refused stands in it."""
    reason = refused.message() or refused.field("file").error or refused.field("visibility").error
    return render(request, UploadPage(upload_panel(request, reason)), status=refused.status)


@form(upload_page)
async def upload(request: web.Request) -> web.StreamResponse:
    """Take one picture in; the answer shows its links and, once, its delete token."""
    uploaded = await receive_upload(request, visitor(request))
    picture = Picture.of(uploaded.document, origin_of(request))
    view = UploadedPage(picture, duplicate=uploaded.duplicate, delete_token=uploaded.delete_token)
    response = render(request, view, status=200 if uploaded.duplicate else 201)
    response.headers["Cache-Control"] = "no-store"  # the token is shown once, also by the back button
    return response
