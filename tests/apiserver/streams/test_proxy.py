"""The proxies: what reaches the backend, what comes back, and who may be reached."""

import gzip
from collections.abc import AsyncIterator

import pytest
from tests.apiserver.streams.stage import message, stage

from pybernetes.apiserver.streams.html_links import HtmlRewriter, rewrite_html, rewrite_url
from pybernetes.apiserver.streams.proxy_targets import may_be_proxied, split_name
from pybernetes.base.http.message import ByteStream, Request, Response

BASE = "/api/v1/namespaces/default"
PREFIX = f"{BASE}/pods/web/proxy"


async def echo(request: Request) -> Response:
    text = f"{request.method} {request.path}?{request.query} ".encode() + await request.body.read(1 << 20)
    return Response(200, [("content-type", "text/plain"), ("access-control-allow-origin", "*")], text)


@pytest.mark.parametrize("name", ["pods/web", "pods/http:web:http", "services/svc:http", "services/svc:80"])
async def test_request_goes_on_as_it_is(name: str) -> None:
    async with stage(backend=echo) as s:
        path = f"{BASE}/{name}/proxy"
        code, body, response = await s.get(f"{path}/a%2Fb/c", "x=1&x=2", "POST", body=b"data")
        assert (code, body) == (200, "POST /a%2Fb/c?x=1&x=2 data")
        assert response.header("access-control-allow-origin") is None
        seen = s.seen[0]
        assert seen.header("x-forwarded-uri") == f"{path}/a%2Fb/c"
        assert seen.header("x-forwarded-for") == "127.0.0.1"


async def test_credentials_stay_here() -> None:
    async with stage(backend=echo) as s:
        headers = [("authorization", "Bearer x"), ("x-mine", "1")]
        await s.get(f"{PREFIX}/", headers=headers)
        assert s.seen[0].header("authorization") is None
        assert s.seen[0].header("x-mine") == "1"


async def test_path_without_slash_is_redirected() -> None:
    async with stage(backend=echo) as s:
        code, _, response = await s.get(PREFIX, "a=1")
        assert (code, response.header("location")) == (301, f"{PREFIX}/?a=1")
        assert (await s.get(PREFIX, method="POST"))[1] == "POST /? "


async def test_node_proxy_is_the_kubelet() -> None:
    async with stage(kubelet=echo) as s:
        assert (await s.get("/api/v1/nodes/n1/proxy/metrics", "a=1"))[1] == "GET /metrics?a=1 "
        assert s.seen[0].peer_certificate is not None


async def test_node_proxy_to_another_port() -> None:
    async with stage(backend=echo) as s:
        assert (await s.get(f"/api/v1/nodes/n1:{s.backend_port}/proxy/x"))[1] == "GET /x? "


async def test_redirect_and_links_stay_below_the_prefix() -> None:
    async def pages(request: Request) -> Response:
        if request.path == "/old":
            return Response(302, [("location", "/new?a=1")])
        html = b'<html><a class=x href="/about?a=1&amp;b=2">/about</a><img src=/i.png><a href="https://other/x">'
        if request.path == "/zip":
            headers = [("content-type", "text/html"), ("content-encoding", "gzip")]
            return Response(200, headers, gzip.compress(html))
        return Response(200, [("content-type", "text/html; charset=utf-8")], html)

    async with stage(backend=pages) as s:
        code, _, response = await s.get(f"{PREFIX}/old")
        assert (code, response.header("location")) == (302, f"{PREFIX}/new?a=1")
        wanted = (
            f'<html><a class=x href="{PREFIX}/about?a=1&amp;b=2">/about</a>'
            f'<img src="{PREFIX}/i.png"><a href="https://other/x">'
        )
        assert (await s.get(f"{PREFIX}/"))[1] == wanted
        code, body, response = await s.get(f"{PREFIX}/zip")
        assert (body, response.header("content-encoding")) == (wanted, None)


async def test_upgrade_is_passed_through() -> None:
    async def upgrading(request: Request) -> Response:
        async def parrot(stream: ByteStream) -> None:
            while data := await stream.read():
                await stream.write(data.upper())
            stream.close()

        return Response(101, [("connection", "Upgrade"), ("upgrade", "parrot")], upgrade=parrot)

    async with stage(backend=upgrading) as s:
        response = await s.client(Request("GET", f"{PREFIX}/ws", headers=[("upgrade", "parrot")]))
        assert response.status == 101
        assert response.connection is not None
        await response.connection.write(b"hello")
        assert await response.connection.read() == b"HELLO"
        response.connection.close()


REFUSED = {
    "no such pod": ("pods/gone", 404, 'pods "gone" not found'),
    "bad name": ("pods/a:b:c:d", 400, 'invalid pod request "a:b:c:d"'),
    "no endpoints": ("services/empty:http", 503, 'no endpoints available for service "empty:http"'),
    "no such port name": ("services/svc:https", 503, 'no endpoints available for service "svc:https"'),
    "no such port": ("services/svc:81", 503, 'no service port 81 found for service "svc"'),
    "unreachable": (
        "pods/web:1",
        503,
        "error trying to reach service: dial tcp 127.0.0.1:1: connect: connection refused",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(name: str) -> None:
    target, code, text = REFUSED[name]
    async with stage() as s:
        got, body, _ = await s.get(f"{BASE}/{target}/proxy/")
        assert (got, message(body)) == (code, text)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.244.0.5", True),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("::1", False),
        ("fd00::1", True),
        ("", False),
    ],
)
def test_addresses(address: str, allowed: bool) -> None:
    assert may_be_proxied(address) is allowed


def test_names() -> None:
    assert split_name("a") == ("", "a", "")
    assert split_name("a:http") == ("", "a", "http")
    assert split_name("https:a:") == ("https", "a", "")
    assert split_name("ftp:a:1") is None


URLS = {
    "/x": "/p/x",
    "/x/": "/p/x/",
    "/p/x": "/p/x",
    "x": "x",
    "#top": "#top",
    "http://pod:80/x?y#z": "/p/x?y#z",
    "https://elsewhere/x": "https://elsewhere/x",
    "mailto:a@b": "mailto:a@b",
}


@pytest.mark.parametrize("url", URLS)
def test_url(url: str) -> None:
    assert rewrite_url(url, "/p", "pod:80", "api:6443") == URLS[url]


async def test_tags_cut_by_chunks_are_rewritten() -> None:
    page = b"<p>1 < 2</p>" + b'<a href="/x">x</a><script src="/s.js"></script>' * 3

    async def pieces() -> AsyncIterator[bytes]:
        for position in range(0, len(page), 7):
            yield page[position : position + 7]

    joined = b"".join([piece async for piece in HtmlRewriter(pieces(), "/p", "h", "h")])
    assert joined == rewrite_html(page, "/p", "h", "h") == page.replace(b'"/', b'"/p/')
