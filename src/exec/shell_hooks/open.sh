# shellcheck shell=sh disable=SC2016 # the inner shell expands it
# Becomes the operator's own shell, with the hooks that fit it. Given are the secret word, a word for the prompt, and the hooks of
# bash, zsh (.zshenv, .zshrc) and fish.
HALLIGAN_MARK=$1 HALLIGAN_PROMPT=$2
export HALLIGAN_MARK HALLIGAN_PROMPT
shell=${SHELL-}
if [ -z "$shell" ] && [ -r /etc/passwd ]; then
    # No login has said it, as in a container.
    own=$(id -u)
    while IFS=: read -r _ _ id _ _ _ shell; do
        [ "$id" = "$own" ] && break
        shell=
    done </etc/passwd
fi
shell=${shell:-/bin/sh}
case ${shell##*/} in
bash)
    exec "$shell" -c 'exec "$0" --rcfile <(printf %s "$1") -i' "$shell" "$3"
    ;;
zsh)
    if directory=$(mktemp -d) && printf %s "$4" >"$directory/.zshenv" && printf %s "$5" >"$directory/.zshrc"; then
        HALLIGAN_ZDOTDIR=${ZDOTDIR:-$HOME} ZDOTDIR=$directory
        export HALLIGAN_ZDOTDIR ZDOTDIR
    fi
    ;;
fish)
    exec "$shell" -C "$6" -i
    ;;
esac
exec "$shell" -i
