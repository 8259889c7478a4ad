# shellcheck shell=bash
# A lock is a row with the time until which it is held, by the server's clock. Its token is a number in that row that only grows.
# While a session holds the advisory lock of the same name, nobody takes it.
verb=$1 key=$2 holder=$3 ttl=$4 token=$5 options=("${@:6}")

# A server that is cut off is not waited for as long as the kernel would.
export PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-5}
ask() { psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v key="$key" -v holder="$holder" -v ttl="$ttl" -v token="$token" "${options[@]}"; }

case $verb in
acquire)
    given=$(ask <<'SQL'
with free as materialized (select pg_try_advisory_xact_lock(hashtextextended(:'key', 0)) as free),
taken as (
    insert into halligan_locks as lock (name, holder, token, until)
    select :'key', :'holder', 1, now() + make_interval(secs => :ttl) from free where free
    on conflict (name) do update set holder = excluded.holder, token = lock.token + 1, until = excluded.until where lock.until < now()
    returning token
)
select coalesce((select token::text from taken), '') as token, not exists (select from taken) as refused,
    coalesce((select holder from halligan_locks where name = :'key' and until >= now()), 'a session with the advisory lock') as other
\gset
\if :refused
    \warn held by :other
\else
    \echo :token
\endif
SQL
    )
    [ -n "$given" ] || exit 1
    echo "$given"
    ;;
renew)
    given=$(ask <<'SQL'
update halligan_locks set until = now() + make_interval(secs => :ttl)
    where name = :'key' and token = :token and holder = :'holder' and until >= now() returning token;
SQL
    )
    [ -n "$given" ] || { echo "not held any more" >&2; exit 1; }
    echo "$given"
    ;;
release)
    ask <<'SQL'
update halligan_locks set until = '-infinity' where name = :'key' and holder = :'holder';
SQL
    ;;
esac
