"""The one table from errors to answers, and the answer itself (RFC 9457)."""

from http import HTTPStatus

import orjson
from aiohttp import web

from chitram.domain import errors
from chitram.keys import ProblemDetails

STATUS: dict[type[errors.ChitramError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.ValidationFailed: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    errors.FileTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.InvalidFileFormat: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.QuotaExceeded: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ChitramError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

FRAMEWORK_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 500: "INTERNAL_ERROR", 503: "SERVICE_UNAVAILABLE"}
FRAMEWORK_WORDS = {
    404: errors.NotFound.default,
    405: "This address does not take that method.",
    413: "The request is too large.",
    416: "The file is shorter than the range asks for.",
}


def describe(error: Exception) -> ProblemDetails:
    """What to tell the caller. Of an unexpected error nothing is told: its text is for the log."""
    if isinstance(error, errors.ChitramError):
        return _domain_problem(error)
    if isinstance(error, web.HTTPException):
        return _framework_problem(error)
    return _domain_problem(errors.ChitramError())


def problem_json(problem: ProblemDetails, request_id: str) -> web.Response:
    """The answer for programs. Its type is ``about:blank``: what there is to say stands in ``code`` and ``detail``."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request_id,
        "code": problem.code,
        "details": problem.details,
    }
    if problem.errors:
        body["errors"] = [{"pointer": pointer, "message": message} for pointer, message in problem.errors]
    return web.Response(
        status=problem.status,
        body=orjson.dumps(body),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def _domain_problem(error: errors.ChitramError) -> ProblemDetails:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    if isinstance(error, errors.ServiceUnavailable):
        headers["Retry-After"] = str(error.retry_after)
    problems = error.problems if isinstance(error, errors.ValidationFailed) else ()
    pairs = tuple((problem.pointer, problem.message) for problem in problems)
    return ProblemDetails(status, error.code, status.phrase, str(error), error.details, pairs, headers)


def _framework_problem(error: web.HTTPException) -> ProblemDetails:
    kept = {name: value for name, value in error.headers.items() if name in {"Allow", "Content-Range"}}
    code = FRAMEWORK_CODES.get(error.status, "INVALID_REQUEST")
    return ProblemDetails(
        error.status, code, error.reason, FRAMEWORK_WORDS.get(error.status, error.reason), headers=kept
    )
