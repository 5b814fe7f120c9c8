"""The suite's programs from Debian's source package `kubernetes`, v1.20.2 with all it needs: no module is fetched.

sources/    the package's files        gopath/src/k8s.io/kubernetes    the tree
e2e.test    the suite                  agnhost, sample-apiserver, nnp  programs that its pods run
"""

import os
from functools import partial
from pathlib import Path

from .cache import install, run, step

SUITE = "bookworm"
_TREE = Path("gopath/src/k8s.io/kubernetes")
_PROGRAMS = {
    "agnhost": "./test/images/agnhost",
    "sample-apiserver": "./vendor/k8s.io/sample-apiserver",
    "nnp": "./test/images/nonewprivs",
}
_EMBEDDED = ("test/conformance/testdata", "test/e2e/testing-manifests", "test/images", "test/fixtures")
"""What hack/generate-bindata.sh names and the package has."""


def build(cache: Path) -> None:
    """The programs, in the cache."""
    if all((cache / name).exists() for name in ("e2e.test", *_PROGRAMS)):
        print("Suite and programs: found", flush=True)
        return
    install("golang-go")
    sources = step(cache / "sources", "Source package", _download)
    tree = step(cache / "gopath", "Source tree", lambda part: _unpack(sources, part)) / _TREE.relative_to("gopath")
    environment = go_environment(cache)

    def go(verb: str, package: str, output: Path) -> None:
        run("go", *verb.split(), "-o", output, package, directory=tree, environment=environment)

    def embed(part: Path) -> None:
        tool = part.with_name("go-bindata")
        go("build", "./vendor/github.com/go-bindata/go-bindata/go-bindata", tool)
        run(*_bindata(tool, part), directory=tree)

    step(tree / "test/e2e/generated/bindata.go", "Embedded files", embed)
    for name, package in _PROGRAMS.items():
        step(cache / name, f"Program {name}", partial(go, "build", package))
    step(cache / "e2e.test", "Suite", partial(go, "test -c", "./test/e2e"))


def tree_of(cache: Path) -> Path:
    """Where the source tree is."""
    return cache / _TREE


def go_environment(cache: Path) -> dict[str, str]:
    """Builds with what the package brings along, into static programs."""
    return {**os.environ, "GOPATH": str(cache / "gopath"), "GO111MODULE": "off", "CGO_ENABLED": "0", "GOFLAGS": ""}


def _bindata(tool: Path, output: Path) -> list[str | Path]:
    ignored = [word for name in (".jpg", ".png", ".md", r"BUILD(\.bazel)?") for word in ("-ignore", name)]
    folders = [f"{folder}/..." for folder in _EMBEDDED]
    return [tool, "-nometadata", "-o", output, "-pkg", "generated", *ignored, *folders]


def _download(part: Path) -> None:
    """With a list of sources of its own, at the place that this machine's packages come from."""
    part.mkdir()
    places = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages")
    place = next(words[0] for words in map(str.split, places.splitlines()) if words[1:] == [SUITE, "main"])
    lists, source_list = part / "lists", part / "sources.list"
    (lists / "partial").mkdir(parents=True)
    source_list.write_text(f"deb-src {place} {SUITE} main\n")
    options = [
        *("-o", f"Dir::Etc::sourcelist={source_list}", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::lists={lists}", "-o", "APT::Sandbox::User=root"),
    ]
    run("apt-get", *options, "-qq", "update")
    run("apt-get", *options, "-qq", "source", "--download-only", "kubernetes", directory=part)


def _unpack(sources: Path, part: Path) -> None:
    tree = part / _TREE.relative_to("gopath")
    tree.mkdir(parents=True)
    (archive,) = sources.glob("kubernetes_*.orig.tar.*")
    run("tar", "-xf", archive, "-C", tree, "--strip-components=1")
    _patch(tree / "test/e2e/framework/util.go", "return len(t.Secrets) > 0, nil", "return t != nil, nil")


def _patch(path: Path, old: str, new: str) -> None:
    """Each test waits for a token Secret in its namespace's ServiceAccount, which since v1.24 is not made any more."""
    text = path.read_text()
    if text.count(old) != 1:
        raise SystemExit(f"{path} does not have `{old}` once: is it another version?")
    path.write_text(text.replace(old, new))
