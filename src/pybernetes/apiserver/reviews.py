"""Questions about identity and rights that are asked as objects: created, answered in `status`, never stored.

`build_reviews` gives one handler per resource. A handler takes the decoded review in wire form and the request (whose
context holds `user` and `info`) and returns the review with its status; wrong input raises StatusError. The token
subresource of service accounts lives in `token_request.py` and has the same shape.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..api import field
from ..api.status import bad_request, invalid
from ..api.user import UserInfo
from ..api.validation.access_review import self_access, subject_access
from ..base.http.message import Request
from .authn.tokens import InvalidToken, TokenUnion
from .authz.authorizer import Attributes, Authorizer
from .reader import Object

ReviewHandler = Callable[[Object, Request], Awaitable[Object]]

_GROUP = "authorization.k8s.io"


def user_info(user: UserInfo) -> dict[str, Any]:
    """UserInfo in wire form, empty fields left out."""
    found = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": user.extra}
    return {key: value for key, value in found.items() if value}


def build_reviews(authorizer: Authorizer, tokens: TokenUnion) -> dict[str, ReviewHandler]:
    """Handlers by `resource.group`."""
    reviews = _Reviews(authorizer, tokens)
    return {
        f"subjectaccessreviews.{_GROUP}": reviews.subject_access,
        f"localsubjectaccessreviews.{_GROUP}": reviews.local_subject_access,
        f"selfsubjectaccessreviews.{_GROUP}": reviews.self_subject_access,
        f"selfsubjectrulesreviews.{_GROUP}": reviews.self_subject_rules,
        "selfsubjectreviews.authentication.k8s.io": reviews.self_subject,
        "tokenreviews.authentication.k8s.io": reviews.token,
    }


class _Reviews:
    def __init__(self, authorizer: Authorizer, tokens: TokenUnion) -> None:
        self._authorizer = authorizer
        self._tokens = tokens

    async def subject_access(self, review: Object, request: Request) -> Object:
        """SubjectAccessReview: may somebody do something?"""
        _check(review, subject_access(review))
        return await self._answered(review, _subject(review["spec"]))

    async def local_subject_access(self, review: Object, request: Request) -> Object:
        """LocalSubjectAccessReview: the same within one namespace, for those who may ask only there."""
        namespace = request.context["info"].namespace
        _check(review, subject_access(review, local=True))
        spec = review["spec"]
        if (spec["resourceAttributes"].get("namespace") or "") != namespace:
            raise bad_request(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
        return await self._answered(review, _subject(spec))

    async def self_subject_access(self, review: Object, request: Request) -> Object:
        """SelfSubjectAccessReview: may I? (`kubectl auth can-i`)"""
        _check(review, self_access(review))
        return await self._answered(review, request.context["user"])

    async def _answered(self, review: Object, user: UserInfo) -> Object:
        decision = await self._authorizer.authorize(_attributes(review["spec"], user))
        status: dict[str, Any] = {"allowed": decision.allowed}
        if decision.denied:
            status["denied"] = True
        if decision.reason:
            status["reason"] = decision.reason
        return {**review, "status": status}

    async def self_subject_rules(self, review: Object, request: Request) -> Object:
        """SelfSubjectRulesReview: everything I may do in a namespace (`kubectl auth can-i --list`)."""
        namespace = (review.get("spec") or {}).get("namespace") or ""
        if not namespace:
            raise bad_request("no namespace on request")
        resources, paths, incomplete = self._authorizer.rules_for(request.context["user"], namespace)
        status = {"resourceRules": resources, "nonResourceRules": paths, "incomplete": incomplete}
        return {**review, "status": status}

    async def self_subject(self, review: Object, request: Request) -> Object:
        """SelfSubjectReview: who am I? (`kubectl auth whoami`)"""
        return {**review, "status": {"userInfo": user_info(request.context["user"])}}

    async def token(self, review: Object, request: Request) -> Object:
        """TokenReview: whom does this token stand for? Asked by kubelets and extension servers."""
        spec = review.get("spec") or {}
        if not spec.get("token"):
            raise bad_request("token is required for TokenReview in authentication")
        status: dict[str, Any]
        try:
            found = await self._tokens.authenticate(spec["token"], spec.get("audiences") or ())
        except InvalidToken as error:
            status = {"user": {}, "error": str(error)}
        else:
            groups = tuple(dict.fromkeys([*found.user.groups, "system:authenticated"]))
            user = UserInfo(found.user.name, found.user.uid, groups, found.user.extra)
            status = {"authenticated": True, "user": user_info(user)}
            if found.audiences:
                status["audiences"] = list(found.audiences)
        return {**review, "status": status}


def _check(review: Object, errors: Sequence[field.FieldError]) -> None:
    if errors:
        raise invalid(_GROUP, review.get("kind", ""), "", errors)


def _subject(spec: dict[str, Any]) -> UserInfo:
    return UserInfo(
        spec.get("user") or "", spec.get("uid") or "", tuple(spec.get("groups") or ()), spec.get("extra") or {}
    )


def _attributes(spec: dict[str, Any], user: UserInfo) -> Attributes:
    path = spec.get("nonResourceAttributes")
    if path is not None:
        return Attributes(user, path.get("verb") or "", path=path.get("path") or "", is_resource=False)
    asked = spec["resourceAttributes"]
    return Attributes(
        user,
        asked.get("verb") or "",
        asked.get("group") or "",
        asked.get("version") or "*",
        asked.get("resource") or "",
        asked.get("subresource") or "",
        asked.get("namespace") or "",
        asked.get("name") or "",
        field_selector=_selector_text(asked.get("fieldSelector") or {}),
    )


def _selector_text(selector: dict[str, Any]) -> str:
    """The field selector of a review as the query parameter would say it; only `In` with one value can narrow."""
    if selector.get("rawSelector"):
        return str(selector["rawSelector"])
    terms = [
        f"{requirement['key']}={requirement['values'][0]}"
        for requirement in selector.get("requirements") or ()
        if requirement.get("operator") == "In" and len(requirement.get("values") or ()) == 1
    ]
    return ",".join(terms)
