"""How things look in JSON. Links are paths, so that a cached body is right under every host name."""

from datetime import datetime
from typing import Any

import orjson

from chitram.domain.account import User
from chitram.domain.api_key import ApiKey, in_order
from chitram.domain.identifiers import ImageId, short_id
from chitram.domain.image import Image, Thumbnails
from chitram.domain.quota import Usage
from chitram.domain.thumbnail import DEFAULT_SIZE, SIZES, ThumbnailFormat

API = "/api/v1"


def image_body(image: Image) -> bytes:
    """The body of ``GET /images/{id}``: nothing of the uploader, no token."""
    return orjson.dumps(image_fields(image))


def image_fields(image: Image) -> dict[str, Any]:
    """The same as a mapping."""
    ready = image.thumbnails is Thumbnails.READY
    resource = f"{API}/images/{image.id}"
    return {
        "id": image.id,
        "short_id": short_id(image.id),
        "filename": image.filename,
        "title": image.title,
        "content_type": image.media_type.value,
        "file_size": image.file_size,
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "color": image.color,
        "visibility": image.visibility.value,
        "created_at": timestamp(image.created_at),
        "updated_at": timestamp(image.updated_at),
        "url": f"{resource}/file",
        "thumbnails": image.thumbnails.value,
        "thumbnail_ready": ready,
        "thumbnail_url": f"{resource}/thumbnail" if ready else None,
        "links": {
            "self": resource,
            "page": f"/i/{short_id(image.id)}",
            "file": f"{resource}/file",
            "direct": f"/i/{short_id(image.id)}.{image.media_type.extension}",
            "thumbnails": f"{resource}/thumbnails",
        },
    }


def thumbnail_links(image_id: ImageId) -> dict[str, dict[str, str]]:
    """Every thumbnail's address by size and format."""
    short = short_id(image_id)
    return {str(size): {kind.value: f"/t/{short}/{size}.{kind}" for kind in ThumbnailFormat} for size in SIZES}


def default_thumbnail(image_id: ImageId) -> str:
    """The address of the thumbnail that is meant when no size is said."""
    return f"{API}/images/{image_id}/thumbnail/{DEFAULT_SIZE}"


def user_fields(user: User) -> dict[str, Any]:
    """An account as its owner sees it."""
    return {
        "id": user.id,
        "email": user.email,
        "is_active": user.is_active,
        "is_admin": user.is_admin,
        "created_at": timestamp(user.created_at),
    }


def key_fields(key: ApiKey) -> dict[str, Any]:
    """An API key as its owner sees it: without the secret, which nobody sees twice."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": [scope.value for scope in in_order(key.scopes)],
        "created_at": timestamp(key.created_at),
        "expires_at": timestamp(key.expires_at) if key.expires_at else None,
        "last_used_at": timestamp(key.last_used_at) if key.last_used_at else None,
    }


def usage_fields(usage: Usage) -> dict[str, Any]:
    """What an account uses and may, in bytes; no quota is null."""
    return {"used_bytes": usage.used, "quota_bytes": usage.quota}


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z."""
    return moment.isoformat().replace("+00:00", "Z")
