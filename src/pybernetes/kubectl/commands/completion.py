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
    (( directive & 8 )) && found=()  # they are types of files
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
    if set -q answer[2]; and test (math "floor($directive / 8) % 2") -eq 0
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
[scriptblock]${__kubectlCompleter} = {
    param($Word, $Ast, $Position)

    # The words before the cursor, without quotes; the one that the cursor is in ends there.
    $Words = @()
    $End = 0
    foreach ($Element in $Ast.CommandElements) {
        $Start = $Element.Extent.StartOffset
        if ($Start -ge $Position) { break }
        $End = $Element.Extent.EndOffset
        $Text = $Element.Extent.Text
        if ($End -gt $Position) {
            $Text = $Text.Substring(0, $Position - $Start)
        } elseif ($Element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
            $Text = $Element.Value
        }
        $Words += $Text
    }
    $Program = $Words[0]
    $Words = @($Words | Select-Object -Skip 1)
    if ($Words.Count -eq 0 -or $End -lt $Position) {
        # An empty argument must be quoted where PowerShell hands arguments on in the old way.
        $Passing = $(if (Test-Path variable:PSNativeCommandArgumentPassing) { "$PSNativeCommandArgumentPassing" })
        $Modern = $Passing -and $Passing -ne 'Legacy'
        $Words += $(if ($Modern) { '' } else { '""' })
        $Word = ''
    } else {
        $Word = $Words[-1]
    }
    $Flag = ''
    if ($Word -like '--*=*') {
        $Flag, $Word = $Word.Split('=', 2)
        $Flag += '='
    }

    $env:KUBECTL_ACTIVE_HELP = 0
    $Answer = @(& $Program __complete @Words 2>$null)
    if ($Answer.Count -eq 0) { return }
    $Directive = 0
    if ($Answer[-1] -match '^:(\d+)$') { $Directive = [int]$Matches[1] }
    # 1: it failed. 8 and 16: file types and directories, which PowerShell cannot be asked for.
    if ($Directive -band 25) { return }
    $Space = $(if ($Directive -band 2) { '' } else { ' ' })

    $Found = @($Answer | Where-Object { $_ -notmatch '^:\d+$' } | ForEach-Object {
        $Name, $Help = $_.Split("`t", 2)
        if ($Name -like ([WildcardPattern]::Escape($Word) + '*')) {
            @{ Name = $Flag + $Name; Help = $(if ($Help) { $Help } else { ' ' }) }
        }
    })
    if (-not ($Directive -band 32)) { $Found = @($Found | Sort-Object -Property { $_.Name }) }
    if ($Found.Count -eq 0) {
        # A single empty text keeps PowerShell from offering files.
        if ($Directive -band 4) { '' }
        return
    }

    $Mode = (Get-PSReadLineKeyHandler | Where-Object { $_.Key -eq 'Tab' }).Function
    $Width = ($Found | ForEach-Object { $_.Name.Length } | Measure-Object -Maximum).Maximum
    foreach ($One in $Found) {
        $Inserted = $One.Name -replace '\s|#|@|\$|;|,|''|\{|\}|\(|\)|"|`|\||<|>|&', '`$&'
        $Shown = $One.Name
        if ($Mode -eq 'Complete' -and $Found.Count -gt 1) {
            # As in bash: a list with the descriptions, of which nothing is inserted but what all have in common.
            $Shown = $One.Name.PadRight($Width)
            if ($One.Help -ne ' ') { $Shown += "  ($($One.Help))" }
            $Inserted = $Shown
        } elseif ($Mode -eq 'Complete' -or $Mode -eq 'MenuComplete') {
            $Inserted += $Space
        }
        [System.Management.Automation.CompletionResult]::new($Inserted, $Shown, 'ParameterValue', $One.Help)
    }
}

Register-ArgumentCompleter -CommandName 'kubectl' -ScriptBlock ${__kubectlCompleter}
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
