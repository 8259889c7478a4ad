# shellcheck shell=bash
# Completions of halligan for bash: halligan itself says what could be typed.

_halligan() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(HALLIGAN_COMPLETE=bash halligan -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    # What follows stands directly behind it.
    if [ ${#COMPREPLY[@]} -eq 1 ] && [[ ${COMPREPLY[0]} == *[=/] ]]; then
        compopt -o nospace
    fi
}

# In the order in which they are given; bash before 4.4 sorts them.
complete -o nosort -F _halligan halligan 2>/dev/null || complete -F _halligan halligan
