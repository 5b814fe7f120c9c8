"""Tokens of OpenID Connect issuers, as the structured AuthenticationConfiguration describes them (KEP-3331).

signature, issuer, audience, time -> claim validation rules -> claim mappings -> user validation rules
"""

from collections.abc import Collection, Sequence
from typing import Any

from ...api.cel import CelError, Environment, Program
from ...api.cel.types import BOOL, DYN, STRING, Field, Type, list_of, map_of, object_type
from ...api.user import UserInfo
from ...base.clock import Clock
from .jwk import ALGORITHMS
from .jwt import MalformedToken, Parts, split
from .key_set import KeySet, KeysUnavailable
from .tokens import InvalidToken, TokenIdentity

Object = dict[str, Any]
_LEEWAY_SECONDS = 300  # for `nbf`, as go-oidc allows


def _user_type() -> Type:
    fields = {
        "username": STRING,
        "uid": STRING,
        "groups": list_of(STRING),
        "extra": map_of(STRING, list_of(STRING)),
    }
    return object_type("kubernetes.UserInfo", {name: Field(name, kind) for name, kind in fields.items()})


class _Value:
    """One mapping: a claim with a prefix, or an expression."""

    def __init__(self, mapping: Object, environment: Environment, path: str) -> None:
        self.claim = str(mapping.get("claim") or "")
        self.prefix = str(mapping.get("prefix") or "")
        expression = mapping.get("expression") or mapping.get("valueExpression")
        self.program = _compiled(environment, str(expression), path) if expression else None

    def __bool__(self) -> bool:
        return bool(self.claim or self.program)

    def of(self, claims: Object) -> Any:
        """The raw value; InvalidToken when the expression fails."""
        return _evaluated(self.program, {"claims": claims}) if self.program is not None else claims.get(self.claim)


class JwtAuthenticator:
    """One issuer. ValueError for a configuration that cannot be used."""

    def __init__(self, config: Object, clock: Clock, algorithms: Collection[str] = ALGORITHMS) -> None:
        self._algorithms = frozenset(algorithms)
        issuer = config.get("issuer") or {}
        self.url = str(issuer.get("url") or "")
        self._audiences = frozenset(issuer.get("audiences") or ())
        if not self.url.startswith("https://"):
            raise ValueError(f'jwt issuer.url: Invalid value: "{self.url}": URL scheme must be https')
        if not self._audiences:
            raise ValueError("jwt issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required")
        authority = str(issuer.get("certificateAuthority") or "")
        self._keys = KeySet(self.url, str(issuer.get("discoveryURL") or ""), authority, clock)
        self._clock = clock
        environment = Environment({"claims": DYN})
        mappings = config.get("claimMappings") or {}
        self._username = _Value(mappings.get("username") or {}, environment, "claimMappings.username")
        self._groups = _Value(mappings.get("groups") or {}, environment, "claimMappings.groups")
        self._uid = _Value(mappings.get("uid") or {}, environment, "claimMappings.uid")
        self._extra = [
            (str(row.get("key")), _Value(row, environment, "claimMappings.extra"))
            for row in mappings.get("extra") or ()
        ]
        if not self._username:
            raise ValueError("jwt claimMappings.username: Required value: claim or expression is required")
        self._claim_rules = [_Rule(rule, environment) for rule in config.get("claimValidationRules") or ()]
        users = Environment({"user": _user_type()})
        self._user_rules = [_Rule(rule, users) for rule in config.get("userValidationRules") or ()]

    async def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """See RemoteTokenAuthenticator."""
        try:
            parts = split(token)
        except MalformedToken:
            return None
        if parts.claims.get("iss") != self.url:
            return None
        await self._verify(parts)
        claims = parts.claims
        self._check_time_and_audience(claims)
        for rule in self._claim_rules:
            rule.check_claims(claims)
        user = self._user(claims)
        for rule in self._user_rules:
            shown = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": user.extra}
            rule.check({"user": shown})
        return TokenIdentity(user)

    async def _verify(self, parts: Parts) -> None:
        algorithm = str(parts.header.get("alg") or "")
        if algorithm not in self._algorithms:
            raise InvalidToken(
                f'oidc: verify token: oidc: id token signed with unsupported algorithm, got "{algorithm}"'
            )
        try:
            keys = await self._keys.candidates(str(parts.header.get("kid") or ""))
        except KeysUnavailable as error:
            raise InvalidToken(f"oidc: authenticator not initialized: {error}") from None
        if not any(key.verifies(algorithm, parts.signed, parts.signature) for key in keys):
            raise InvalidToken("oidc: verify token: failed to verify signature: failed to verify id token signature")

    def _check_time_and_audience(self, claims: Object) -> None:
        now = self._clock.now().timestamp()
        found = claims.get("aud")
        present = {found} if isinstance(found, str) else set(found or ())
        if not present & self._audiences:
            wanted = sorted(self._audiences)
            raise InvalidToken(f"oidc: verify token: oidc: expected audience in {wanted} got {sorted(present)}")
        expires, begins = claims.get("exp"), claims.get("nbf")
        if not isinstance(expires, int | float) or expires <= now:
            raise InvalidToken("oidc: verify token: oidc: token is expired")
        if isinstance(begins, int | float) and begins > now + _LEEWAY_SECONDS:
            raise InvalidToken("oidc: verify token: oidc: current time is before the nbf (not before) time")

    def _user(self, claims: Object) -> UserInfo:
        name = self._username.of(claims)
        if self._username.claim == "email" and claims.get("email_verified", True) is not True:
            raise InvalidToken("oidc: email not verified")
        if not isinstance(name, str):
            shown = self._username.claim or "expression"
            raise InvalidToken(f'oidc: parse username claims "{shown}": claim not present')
        if not name:
            raise InvalidToken("oidc: username claim must not be empty")
        groups = _texts(self._groups.of(claims)) if self._groups else []
        uid = self._uid.of(claims) if self._uid else ""
        if not isinstance(uid, str):
            raise InvalidToken("oidc: error parsing claim uid: claim is not a string")
        extra: dict[str, list[str]] = {}
        for key, value in self._extra:
            found = _texts(value.of(claims))
            if found:
                extra[key] = found
        name = self._username.prefix + name
        return UserInfo(name, uid, tuple(self._groups.prefix + group for group in groups), extra)


class _Rule:
    """A claim that must have a value, or an expression that must be true."""

    def __init__(self, rule: Object, environment: Environment) -> None:
        self._claim = str(rule.get("claim") or "")
        self._value = str(rule.get("requiredValue") or "")
        self._message = str(rule.get("message") or "")
        self._source = str(rule.get("expression") or "")
        self._program = _compiled(environment, self._source, "validation rule", BOOL) if self._source else None

    def check_claims(self, claims: Object) -> None:
        """InvalidToken."""
        if self._program is not None:
            self.check({"claims": claims})
        elif claims.get(self._claim) != self._value:
            found = claims.get(self._claim)
            if found is None:
                raise InvalidToken(f"oidc: required claim {self._claim} not present in ID token")
            raise InvalidToken(
                f"oidc: required claim {self._claim} value does not match. Got = {found}, want = {self._value}"
            )

    def check(self, variables: Object) -> None:
        """InvalidToken."""
        assert self._program is not None
        if _evaluated(self._program, variables) is not True:
            raise InvalidToken(f"oidc: {self._message or f'validation expression {self._source!r} failed'}")


def _compiled(environment: Environment, source: str, path: str, *expect: Type) -> Program:
    try:
        return environment.compile(source, expect=expect)
    except CelError as error:
        raise ValueError(f"jwt {path}: compilation failed: {error}") from None


def _evaluated(program: Program, variables: Object) -> Any:
    try:
        return program.evaluate(variables)
    except CelError as error:
        raise InvalidToken(f"oidc: error evaluating expression: {error}") from None


def _texts(value: Any) -> list[str]:
    """A claim that is one text or several; nothing for none."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise InvalidToken("oidc: error parsing claim: expected a string or a list of strings")
    return [item for item in value if item]
