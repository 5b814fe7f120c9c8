"""`kubectl completion SHELL`: scripts that ask `kubectl __complete` for each word."""

from __future__ import annotations

from ..errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = ""

_BASH = r"""# bash completion for kubectl
__start_kubectl() {
    local word="${COMP_WORDS[COMP_CWORD]}" line words directive answer part last
    COMPREPLY=()
    words=()
    # The shell takes words apart at = and :, which belong to them here.
    for part in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        last=$((${#words[@]} - 1))
        if ((last >= 0)) && { [[ $part == [=:] ]] || [[ ${words[last]} == ?*[=:] ]]; }; then
            words[last]+="$part"
        else
            words+=("$part")
        fi
    done
    [[ $word == [=:] ]] && word=""
    answer=$("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null) || return
    directive="${answer##*:}"
    while IFS= read -r line; do
        line="${line%%$'\t'*}"
        # What stands before a colon is there already.
        [[ ${words[*]} == *:* && ${words[${#words[@]} - 1]} == *:* ]] && line="${line#"${words[${#words[@]} - 1]%:*}":}"
        [ -n "$line" ] && [ "${line:0:1}" != ":" ] && [ "${line#"$word"}" != "$line" ] && COMPREPLY+=("$line")
    done <<<"$answer"
    if [ "$((${directive:-0} & 2))" -ne 0 ]; then compopt -o nospace 2>/dev/null; fi
    if [ "$((${directive:-0} & 8))" -ne 0 ]; then COMPREPLY=(); fi
    if [ "$((${directive:-0} & 4))" -eq 0 ] && [ ${#COMPREPLY[@]} -eq 0 ]; then
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}
if [ "$(type -t compopt)" = "builtin" ]; then
    complete -o default -F __start_kubectl kubectl
else
    complete -o default -o nospace -F __start_kubectl kubectl
fi
"""
_ZSH = r"""#compdef kubectl
compdef _kubectl kubectl
_kubectl() {
    local answer line directive
    local -a found order space
    answer=$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null) || return 1
    directive=${answer##*:}
    for line in ${(f)answer}; do
        [[ $line == :* ]] && continue
        found+=("${${line%%$'\t'*}//:/\\:}${${(M)line%$'\t'*}:+:${line#*$'\t'}}")
    done
    # What is offered after a flag and its = is the value.
    [[ $words[CURRENT] == -*=* ]] && compset -P '*='
    (( directive & 2 )) && space=(-S '')
    (( directive & 32 )) && order=(-V)
    if (( ${#found} )); then
        _describe $order 'kubectl' found "${space[@]}"
    elif (( !(directive & 4) )); then
        _files
    fi
}
if [ "$funcstack[1]" = "_kubectl" ]; then
    _kubectl
fi
"""
_FISH = r"""# fish completion for kubectl
function __kubectl_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l answer ($words[1] __complete $words[2..-1] "$word" 2>/dev/null)
    set -q answer[1]; or return
    set -l directive (string sub -s 2 -- $answer[-1])
    # What is offered after a flag and its = is the value.
    set -l flag (string match -r -- '^-[^=]*=' "$word")
    set -l value (string replace -r -- '^-[^=]*=' '' "$word")
    if set -q answer[2]
        printf "$flag%s\n" $answer[1..-2]
    else if test (math "floor($directive / 4) % 2") -eq 0
        for path in (__fish_complete_path "$value")
            echo "$flag$path"
        end
    end
end
complete -c kubectl -e
complete -c kubectl -f -k -a '(__kubectl_complete)'
"""
_POWERSHELL = r"""# powershell completion for kubectl
Register-ArgumentCompleter -CommandName 'kubectl' -ScriptBlock {
    param($word, $ast, $position)
    $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
    if ($word -eq '') { $words += '' }
    & kubectl __complete @words 2>$null | Where-Object { $_ -notmatch '^:\d+$' } | ForEach-Object {
        $name, $help = $_ -split "`t", 2
        if ($name -like "$word*") {
            if (-not $help) { $help = $name }
            [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $help)
        }
    }
}
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}


def run(session: Session) -> int:
    if not session.args:
        raise UsageError("Shell not specified.", "completion")
    if len(session.args) > 1:
        raise UsageError("Too many arguments. Expected only the shell type.", "completion")
    shell = session.args[0]
    if shell not in SCRIPTS:
        raise UsageError(f'Unsupported shell type "{shell}".', "completion")
    session.out.write(SCRIPTS[shell])
    return 0
