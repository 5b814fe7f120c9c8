"""What match conditions and policies share: the variables that show a request, and their questions to the authorizer.

An expression may ask the authorizer, which may have to wait: the evaluation then stops (`Undecided`), is answered by
`decide` and starts anew. Imported with the first expression, since it brings CEL along.
"""

from typing import Any

from ...api.cel.functions.authorization import Decision, Question, authorizer
from ...api.status import StatusError
from ...api.user import AUTHENTICATED, UserInfo
from ..authn.service_account import user_groups, user_name
from ..authz.authorizer import Attributes, Authorizer
from .webhook.review import Question as Review
from .webhook.review import request_body


def variables_of(review: Review, decisions: dict[Question, Decision]) -> dict[str, Any]:
    """`object`, `oldObject`, `request` and the authorizer, which answers from `decisions`."""
    body = request_body(review)
    info = review.info
    about = Question(
        group=info.group,
        resource=info.plural,
        subresource=review.subresource,
        namespace=review.namespace,
        name=review.name,
    )
    return {
        "object": body.pop("object", None),
        "oldObject": body.pop("oldObject", None),
        "request": body,
        "authorizer": authorizer(decisions),
        "authorizer.requestResource": authorizer(decisions, about),
    }


async def decide(by: Authorizer, question: Question, user: UserInfo) -> Decision:
    """What the authorizer says of the user, or of the service account that the question names."""
    namespace, account = question.service_account
    if account:
        name = user_name(namespace, account)
        user = UserInfo(name, groups=(*user_groups(namespace), AUTHENTICATED))
    if question.path:
        asked = Attributes(user, question.verb, path=question.path, is_resource=False)
    else:
        asked = Attributes(
            user,
            question.verb,
            question.group,
            "*",
            question.resource,
            question.subresource,
            question.namespace,
            question.name,
            field_selector=question.field_selector,
        )
    try:
        found = await by.authorize(asked)
    except StatusError as error:
        return Decision(False, error=error.message)
    return Decision(found.allowed, found.reason)
