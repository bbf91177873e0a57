"""Bearer tokens: JWTs signed with HS256 (RFC 7519). The algorithm is pinned; issuer and audience are checked."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from chitram.domain.errors import TokenExpired, Unauthorized
from chitram.services.account_ports import Claims

ALGORITHM = "HS256"
ISSUER = "chitram"
AUDIENCE = "chitram"


class JwtTokens:
    """The tokens port. *lifetime* is from issue to expiry; *secret* has at least 32 bytes."""

    def __init__(self, secret: str, *, lifetime: timedelta) -> None:
        self._key = OctKey.import_key(secret)
        self._lifetime = lifetime

    def issue(self, user_id: str, *, at: datetime) -> str:
        """A new token. Its ``iat`` has microseconds, so that a later revocation of "all until now" is exact."""
        claims = {
            "sub": user_id,
            "jti": str(uuid4()),
            "iat": at.timestamp(),
            "exp": int((at + self._lifetime).timestamp()),
            "iss": ISSUER,
            "aud": AUDIENCE,
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key)

    def read(self, token: str) -> Claims:
        """Check signature, issuer, audience and expiry. Raises ``TokenExpired`` or ``Unauthorized``."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
            read = Claims(
                user_id=str(claims["sub"]),
                token_id=str(claims["jti"]),
                issued_at=datetime.fromtimestamp(float(claims["iat"]), UTC),
                expires_at=datetime.fromtimestamp(float(claims["exp"]), UTC),
            )
        except (JoseError, KeyError, TypeError, ValueError, OverflowError, OSError):
            raise Unauthorized("The token is not valid. Sign in again.") from None
        if claims.get("iss") != ISSUER or claims.get("aud") != AUDIENCE:
            raise Unauthorized("The token was not made for this service.")
        if read.expires_at <= datetime.now(UTC):
            raise TokenExpired
        return read
