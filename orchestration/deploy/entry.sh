#!/bin/sh
# Gives a new home Dagster's settings for Postgres, then becomes the command. A file that lies there is left alone.
set -eu
settings="$HOURFOLD_HOME/dagster/dagster.yaml"
if [ ! -e "$settings" ]; then
    mkdir -p "$(dirname "$settings")"
    cp "$(dirname "$0")/dagster.postgres.yaml" "$settings.$$"
    mv "$settings.$$" "$settings"
fi
exec "$@"
