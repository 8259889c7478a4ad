# shellcheck shell=bash
# A lock is a key that belongs to a lease. Its token is the key's create revision: nobody who takes the lock later has a smaller one.
verb=$1 key=$2 holder=$3 ttl=$4 token=$5 options=("${@:6}")

ctl() { etcdctl "${options[@]}" "$@"; }
# A text as etcdctl reads it in a transaction, and prints it.
quoted() { sed 's/[\\"]/\\&/g; s/.*/"&"/' <<<"$1"; }
look() { seen=$(ctl get "$key" -w fields); }
field() { sed -n "s/^\"$1\" : //p" <<<"$seen"; }
# As etcdctl says it when it is granted: sixteen digits, of which the first may be zeros.
lease() { printf '%016x' "$(field Lease)"; }

case $verb in
acquire)
    granted=$(ctl lease grant "$ttl")
    granted=${granted#lease } granted=${granted%% *}
    # Also where nobody can say what became of the transaction: without its lease there is no key.
    trap 'ctl lease revoke "$granted" >/dev/null 2>&1' EXIT
    key_text=$(quoted "$key") holder_text=$(quoted "$holder")
    printf '%s\n' "create($key_text) = \"0\"" '' "put --lease=$granted $key_text $holder_text" '' '' | ctl txn >&2
    look
    [ "$(lease)" = "$granted" ] || { echo "held by $(field Value)" >&2; exit 1; }
    trap - EXIT
    field CreateRevision
    ;;
renew)
    look
    [ "$(field CreateRevision)" = "$token" ] || { echo "not held: $(field Value)" >&2; exit 1; }
    ctl lease keep-alive --once "$(lease)" >&2
    echo "$token"
    ;;
release)
    look
    [ "$(field Value)" = "$(quoted "$holder")" ] || exit 0
    ctl lease revoke "$(lease)"
    ;;
esac
