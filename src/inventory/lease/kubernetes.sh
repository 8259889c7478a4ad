# shellcheck shell=bash
# A lock is a Lease. Its token is the number of its transitions. What is written names the version that was read, so nobody writes over another.
verb=$1 key=$2 holder=$3 ttl=$4 token=$5 options=("${@:6}")

ctl() { kubectl "${options[@]}" "$@"; }
quoted() { sed 's/[\\"]/\\&/g; s/.*/"&"/' <<<"$1"; }
field() { printf '{.%s}{"\\n"}' "$@"; }
# Each on a line of its own: one may be empty.
look() {
    seen=$(ctl get lease "$key" --ignore-not-found -o "jsonpath=$(field metadata.resourceVersion spec.leaseTransitions spec.leaseDurationSeconds spec.holderIdentity)")
    mapfile -t seen <<<"$seen"
    version=${seen[0]} transitions=${seen[1]:-0} lasts=${seen[2]:-0} other=${seen[3]:-}
}
spec() { printf '"spec": {"holderIdentity": %s, "leaseTransitions": %d, "leaseDurationSeconds": %d, "renewTime": "%s"}' "$(quoted "$1")" "$2" "$ttl" "$(date -u +%FT%T.%6NZ)"; }
write() { ctl patch lease "$key" --type merge -p "{\"metadata\": {\"resourceVersion\": \"$version\"}, $(spec "$@")}" >&2; }

case $verb in
acquire)
    look
    if [ -z "$version" ]; then
        printf '{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": %s}, %s}' "$(quoted "$key")" "$(spec "$holder" 1)" | ctl create -f - >&2
        echo 1
        exit
    fi
    # Clocks may differ: it is over when nobody has renewed it for as long as it lasts, by the clock here.
    found=$version
    [ "$lasts" -gt "$ttl" ] || lasts=$ttl
    for ((waited = 0; waited <= lasts; waited++)); do
        [ -n "$other" ] || break
        sleep 1
        look
        [ "$version" = "$found" ] || { echo "held by $other" >&2; exit 1; }
    done
    write "$holder" $((transitions + 1))
    echo $((transitions + 1))
    ;;
renew)
    look
    [ "$transitions $other" = "$token $holder" ] || { echo "not held: $other" >&2; exit 1; }
    write "$holder" "$token"
    echo "$token"
    ;;
release)
    look
    [ -z "$version" ] || [ "$other" != "$holder" ] || write "" "$transitions"
    ;;
esac
