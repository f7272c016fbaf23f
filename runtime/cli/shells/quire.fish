# Completes `uv run starter.py ...` and `python starter.py ...`: commands, options, and the ids of runs.
# Written by:  uv run starter.py completion fish

function __quire_after --description 'the words after this starter.py; false where the line is not about it'
    set -l words (commandline -opc)
    for at in (seq 2 (count $words))
        if string match -q '*starter.py' -- $words[$at]; and test (realpath -- $words[$at] 2>/dev/null) = @ROOT@/starter.py
            set -e words[1..$at]
            string join \n -- $words
            return 0
        end
    end
    return 1
end

function __quire_here
    __quire_after >/dev/null
end

function __quire_offers
    set -l said (PYTHONPATH=@ROOT@ @PYTHON@ -m runtime.cli.shell_completion fish (__quire_after) (commandline -ct) 2>/dev/null)
    if test "$said[1]" = files
        __fish_complete_path (commandline -ct)
    else
        string join \n -- $said[2..-1]
    end
end

for name in uv python python3
    complete -c $name -n __quire_here -f -k -a '(__quire_offers)'
end
