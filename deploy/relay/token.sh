#!/bin/sh
# Run once by docker-compose.yml before the relay starts: the token that was given as a secret, else a random one, which
# stays the same from then on. Beside it, the same as plivo-sim reads it.
set -eu
umask 077
given=${1:-/run/secrets/plivo_auth_token}
to=${2:-/run/tendlc-relay}

if [ -s "$given" ]; then
    cat "$given" >"$to/token.new"
    mv "$to/token.new" "$to/token"
elif [ ! -s "$to/token" ]; then
    od -An -N 32 -tx1 /dev/urandom | tr -d ' \n' >"$to/token.new"
    mv "$to/token.new" "$to/token"
    echo "No token was given (PLIVO_AUTH_TOKEN_FILE in .env): one was made up. Plivo's own callbacks will be refused."
fi

# One token is enough for the simulator, and the first is the one in force.
token=$(grep -m 1 . "$to/token")
printf '[[account]]\nauth_id = "%s"\ntoken = "%s"\n' "$PLIVO_AUTH_ID" "$token" >"$to/world.new"
mv "$to/world.new" "$to/world.toml"
