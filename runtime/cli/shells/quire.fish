# Completes `uv run starter.py ...` and `python starter.py ...`: commands, options, and the ids of runs.
# Written by:  uv run starter.py completion fish

function __quire_words --description 'the words after this starter.py; false if the line is not about it'
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

function __quire_is_ours
    __quire_words >/dev/null
end

function __quire_completions
    set -l lines (PYTHONPATH=@ROOT@ @PYTHON@ -m runtime.cli.shell_completion fish (__quire_words) (commandline -ct) 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path (commandline -ct)
    else
        string join \n -- $lines[2..-1]
    end
end

for name in uv python python3
    complete -c $name -n __quire_is_ours -f -k -a '(__quire_completions)'
end
