# Completes `uv run starter.py ...` and `python starter.py ...`: commands, options, and the ids of runs.
# Written by:  uv run starter.py completion zsh

(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
typeset -gA _quire_before

_quire() {
    local -i at=${words[(i)*starter.py]}
    if (( at >= CURRENT )) || [[ ! ${(Q)words[at]} -ef @ROOT@/starter.py ]]; then
        # Lines that are not about this starter.py are completed by what completed the command before.
        ${_quire_before[$service]:-_default} "$@"
        return
    fi
    local -a rows=("${(@f)$(PYTHONPATH=@ROOT@ @PYTHON@ -m runtime.cli.shell_completion zsh "${(@Q)words[at+1,CURRENT]}" 2>/dev/null)}")
    if [[ $rows[1] == files ]]; then
        _files
        return
    fi
    shift rows
    local -a names=("${(@)rows%%$'\t'*}") shown=()
    local row
    for row in $rows; do
        if [[ -n ${row#*$'\t'} ]]; then shown+=("${row%%$'\t'*}  -- ${row#*$'\t'}"); else shown+=("${row%%$'\t'*}"); fi
    done
    (( $#rows )) && compadd -l -V quire -d shown -a names
}

() {
    local name
    for name in uv python python3; do
        [[ ${_comps[$name]-_quire} == _quire ]] || _quire_before[$name]=$_comps[$name]
        compdef _quire $name
    done
}
