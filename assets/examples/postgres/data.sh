#!/bin/sh -e
# Makes the cluster where there is none: the volume of a server before this one has it already.
chown postgres: /data
chmod 0700 /data
if [ -e /data/cluster/PG_VERSION ]; then
    echo "the volume has a cluster"
    exit
fi
: "${POSTGRES_PASSWORD:?set the variable POSTGRES_PASSWORD}"
umask 077
password=$(mktemp)
printf '%s\n' "$POSTGRES_PASSWORD" > "$password"
chown postgres "$password"
# Made beside its place: one that was cut off is begun anew.
rm -rf /data/cluster.new
for program in /usr/lib/postgresql/*/bin/initdb; do initdb=$program; done
setpriv --reuid postgres --regid postgres --init-groups \
    "$initdb" -D /data/cluster.new --auth scram-sha-256 --pwfile "$password" --encoding UTF8
rm "$password"
mv /data/cluster.new /data/cluster
