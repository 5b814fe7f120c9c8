"""Flags as pflag reads them, and the tables of every command."""

import pytest

from pybernetes.kubectl.errors import CommandError
from pybernetes.kubectl.flags import GLOBAL, duration, parse, parse_table
from pybernetes.kubectl.help_text import FLAGS
from pybernetes.kubectl.main import main, module_of
from pybernetes.kubectl.tree import COMMANDS, find, similar

TABLE = parse_table("-A,all=false name='x' -n,many=[] each=[+] -c,count=5 wait=10s dry-run='none' -o,output=''")


@pytest.mark.parametrize(
    ("words", "check"),
    [
        ("--all", lambda v: v.on("all")),
        ("--all=false", lambda v: not v.on("all")),
        ("-A", lambda v: v.on("all")),
        ("--name y", lambda v: v.text("name") == "y"),
        ("--name=y=z", lambda v: v.text("name") == "y=z"),
        ("-na,b --many c", lambda v: v.many("many") == ["a", "b", "c"]),
        ("--each a,b --each c", lambda v: v.many("each") == ["a,b", "c"]),
        ("-c7", lambda v: v.number("count") == 7),
        ("-c=7", lambda v: v.number("count") == 7),
        ("-Ac7", lambda v: v.on("all") and v.number("count") == 7),
        ("--wait 1h2m3s", lambda v: v.seconds("wait") == 3723),
        ("--dry-run a", lambda v: v.text("dry-run") == "unchanged" and v.args == ["a"]),
        ("a -o json b", lambda v: v.args == ["a", "b"] and v.text("output") == "json"),
        ("a -- -x --all", lambda v: v.args == ["a", "-x", "--all"] and v.dash == 1 and not v.on("all")),
        ("-", lambda v: v.args == ["-"]),
        ("", lambda v: v.text("name") == "x" and v.seconds("wait") == 10 and not v.changed("name")),
    ],
)
def test_forms(words: str, check: object) -> None:
    assert callable(check)
    assert check(parse(words.split(), TABLE))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--nope", "unknown flag: --nope"),
        ("-z", "unknown shorthand flag: 'z' in -z"),
        ("--name", "flag needs an argument: --name"),
        ("-o", "flag needs an argument: 'o' in -o"),
        (
            ""
            "--all=maybe"
        , 'invalid argument "maybe" for "-A, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax'),
        ("-cx", 'invalid argument "x" for "-c, --count" flag: strconv.ParseInt: parsing "x": invalid syntax'),
        ("--wait=5", 'invalid argument "5" for "--wait" flag: time: missing unit in duration "5"'),
    ],
)  # fmt: skip
def test_mistakes_in_pflags_words(words: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(words.split(), TABLE)
    assert caught.value.message == message


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("1.5h", 5400), ("-2m", -120), ("3ms", 0.003), ("1m30s", 90)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("path", [path for path in COMMANDS if COMMANDS[path][0]])
def test_every_command_has_a_module_flags_and_words_for_them(path: str) -> None:
    module, flags = module_of(path)
    assert callable(module.run)
    table = parse_table(f"{GLOBAL} {flags}")
    hidden = {"log-flush-frequency", "profile-output", "vmodule", "custom"}
    if not path.startswith(
        ("config", "kuberc", "kustomize", "debug", "top", "certificate", "autoscale", "set selector")
    ):
        missing = {name for name in table if not name.startswith("-") and name not in FLAGS} - hidden
        assert missing <= {
            "windows-line-endings", "openapi-patch", "keepalive", "retries", "skip-wait-for-delete-timeout", "bound",
            "insecure-skip-tls-verify-backend", "load-balancer-ip", "resolve",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "path", "rest"),
    [
        ("get pods", "get", ["pods"]),
        ("-n x get pods", "get", ["-n", "x", "pods"]),
        ("--namespace=x config view", "config view", ["--namespace=x"]),
        ("create deploy web", "create deployment", ["web"]),
        ("create -f get", "create", ["-f", "get"]),
        ("rollout status x", "rollout status", ["x"]),
        ("nope", "", ["nope"]),
        ("config use x", "config use-context", ["x"]),
    ],
)
def test_finding_the_command(line: str, path: str, rest: list[str]) -> None:
    assert find(line.split()) == (path, rest)


def test_what_a_mistyped_command_may_mean() -> None:
    assert similar("gett", "") == ["set", "get"]
    assert similar("foo", "") == ["top"]


@pytest.mark.parametrize(("words", "topic"), [(["nonsense"], "`nonsense`"), (["a", "b"], "`a` `b`")])
def test_help_about_nothing_lists_what_there_is(
    words: list[str], topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *words]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"Unknown help topic [{topic}]\n\n\nBasic Commands (Beginner):\n  create ")
