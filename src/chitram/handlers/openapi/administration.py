"""``/api/v1/admin``."""

from chitram.domain.api_key import Scope
from chitram.handlers.openapi.fields import text
from chitram.handlers.openapi.vocabulary import Access, Answer, Operation, in_path, json_answer, json_body
from chitram.handlers.present import API

_TAG = "Administration"
_KEY = in_path(
    "key",
    text(examples=["image:51e6e972-e59e-8e37-84e2-f12d6a1b2f4d"]),
    "A picture's UUID or short id, or a key of the cache. It may contain slashes.",
)

ADMINISTRATION: dict[str, Operation] = {
    f"GET {API}/admin/ring": Operation(
        id="getRing",
        tag=_TAG,
        summary="The ring now",
        access=Access.ADMINISTRATOR,
        scope=Scope.ADMIN,
        answers={200: json_answer("With every node's figures.", "RingReport", "Cache-Control")},
    ),
    f"POST {API}/admin/ring/plan": Operation(
        id="planRingChange",
        tag=_TAG,
        summary="What would move?",
        description="Changes nothing.",
        access=Access.ADMINISTRATOR,
        scope=Scope.ADMIN,
        body=json_body("NodeChange"),
        answers={200: json_answer("The plan.", "RingPlan", "Cache-Control")},
        codes=("CONFLICT",),
    ),
    f"POST {API}/admin/ring": Operation(
        id="changeRing",
        tag=_TAG,
        summary="Make a planned change",
        description="Refused when the set changed since the plan. Every process follows within a second.",
        access=Access.ADMINISTRATOR,
        scope=Scope.ADMIN,
        body=json_body("NodeCommit"),
        answers={200: json_answer("The set now.", "NodeSet", "Cache-Control")},
        codes=("CONFLICT",),
    ),
    f"GET {API}/admin/cache/{{key}}": Operation(
        id="inspectKey",
        tag=_TAG,
        summary="Where is a key?",
        description="And what each node really holds under it; never the value.",
        access=Access.ADMINISTRATOR,
        scope=Scope.ADMIN,
        parameters=(_KEY,),
        answers={200: json_answer("Where it lies.", "CacheKey", "Cache-Control")},
        codes=("VALIDATION_ERROR",),
    ),
    f"DELETE {API}/admin/cache/{{key}}": Operation(
        id="invalidateKey",
        tag=_TAG,
        summary="Forget a key",
        access=Access.ADMINISTRATOR,
        scope=Scope.ADMIN,
        parameters=(_KEY,),
        answers={204: Answer("No process reads any more what was cached.")},
        codes=("VALIDATION_ERROR",),
    ),
}
