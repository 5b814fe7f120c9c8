"""What a request asks for, whatever was asked before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apiserver.request_info import RequestInfo, request_info
from pybernetes.base.http.message import Request

INFOS = {
    "GET /api/v1/namespaces/default/pods/web": ("get", "", "default", "pods", "web", ""),
    "GET /api/v1/namespaces/default/pods/web/log": ("get", "", "default", "pods", "web", "log"),
    "GET /apis/apps/v1/deployments?watch=1": ("watch", "apps", "", "deployments", "", ""),
    "GET /apis/apps/v1/deployments?watch": ("watch", "apps", "", "deployments", "", ""),
    "GET /apis/apps/v1/deployments?watch=yes&limit=1": ("watch", "apps", "", "deployments", "", ""),
    "GET /apis/apps/v1/deployments?watch=False": ("list", "apps", "", "deployments", "", ""),
    "GET /apis/apps/v1/deployments?watch=0": ("list", "apps", "", "deployments", "", ""),
    "GET /apis/apps/v1/namespaces/a/deployments/b?watch=1": ("get", "apps", "a", "deployments", "b", ""),
    "DELETE /api/v1/namespaces/default/pods": ("deletecollection", "", "default", "pods", "", ""),
    "GET /api/v1/namespaces/default": ("get", "", "default", "namespaces", "default", ""),
    "PUT /api/v1/namespaces/default/status": ("update", "", "default", "namespaces", "default", "status"),
    "GET /api/v1/nodes/n%31": ("get", "", "", "nodes", "n1", ""),
    "GET /api/v1/watch/namespaces/a/pods/b": ("watch", "", "a", "pods", "b", ""),
    "GET /api/v1/pods?fieldSelector=metadata.name%3Dx": ("list", "", "", "pods", "x", ""),
}


@pytest.mark.parametrize("line", INFOS)
def test_requests_of_resources(line: str) -> None:
    method, target = line.split()
    path, _, query = target.partition("?")
    for _ in range(2):
        info = request_info(Request(method, path, query))
        found = (info.verb, info.group, info.namespace, info.resource, info.name, info.subresource)
        assert info.is_resource
        assert found == INFOS[line]


WORDS = st.sampled_from(
    ["namespaces", "watch", "proxy", "a", "pods", "web", "status", "finalize", "", "log", "x%2Fy", "%6eodes"]
)
STARTS = st.sampled_from(["/api/v1/", "/apis/apps/v1/", "/api/v1/namespaces/a/", "/api/v1/watch/", "/"])
REQUESTS = st.builds(
    lambda method, start, words, query: Request(method, start + "/".join(words), query),
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "BREW"]),
    STARTS,
    st.lists(WORDS, max_size=5),
    st.sampled_from(["", "watch=1", "fieldSelector=metadata.name%3Dz"]),
)


@given(st.lists(REQUESTS, min_size=2, max_size=8))
def test_what_was_asked_before_changes_nothing(requests: list[Request]) -> None:
    def fresh(request: Request) -> RequestInfo:
        from pybernetes.apiserver import request_info as module

        module._KNOWN.clear()
        return request_info(request)

    alone = [fresh(request) for request in requests]
    assert [request_info(request) for request in [*requests, *requests]] == alone * 2
