# Completes `uv run starter.py ...` and `python starter.py ...`: commands, options, and the ids of runs.
# Written by:  uv run starter.py completion bash

_quire() {
    local word is_ours= completion
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == *starter.py && $word -ef @ROOT@/starter.py ]] && is_ours=1 && break
    done
    if [[ -z $is_ours ]]; then
        _quire_pass_on "$@"
        return
    fi
    COMPREPLY=()
    while IFS= read -r completion; do
        COMPREPLY+=("$completion")
    done < <(PYTHONPATH=@ROOT@ @PYTHON@ -m runtime.cli.shell_completion bash "${COMP_LINE:0:COMP_POINT}" "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null)
    [[ ${COMPREPLY[0]} == files ]] || compopt +o default +o bashdefault 2>/dev/null
    compopt -o nosort 2>/dev/null
    COMPREPLY=("${COMPREPLY[@]:1}")
}

# Lines that are not about this starter.py are completed by what completed the command before.
_quire_pass_on() {
    local before="_quire_before_${1##*/}"
    [[ -n ${!before} ]] && "${!before}" "$@"
}

for _quire_command in uv python python3; do
    _quire_spec=$(complete -p "$_quire_command" 2>/dev/null)
    if [[ $_quire_spec == *" -F "* && $_quire_spec != *" -F _quire "* ]]; then
        _quire_spec=${_quire_spec##* -F }
        printf -v "_quire_before_$_quire_command" %s "${_quire_spec%% *}"
    fi
    complete -o bashdefault -o default -F _quire "$_quire_command"
done
unset _quire_command _quire_spec
