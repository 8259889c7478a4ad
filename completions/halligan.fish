# Completions of halligan for fish: halligan itself says what could be typed.

complete --command halligan --no-files --keep-order --arguments \
    '(HALLIGAN_COMPLETE=fish halligan -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token) 2>/dev/null)'
