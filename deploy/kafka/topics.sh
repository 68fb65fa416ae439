#!/bin/sh
# Makes the relay's topics, where its user may only write to them; else `create` of the sink does it. What is there stays as
# it is. Dead letters are no topic: they wait in the spool (`tendlc-relay dead list`).
#
#   topics.sh BOOTSTRAP-SERVERS [OPTION OF kafka-topics.sh]…      such as --command-config admin.properties
#
# kafka-topics.sh has to be on the PATH. PRINCIPAL=User:relay lets that user write as well, by kafka-acls.sh.
set -eu
servers=${1:?"the brokers' addresses are missing: topics.sh HOST:PORT[,…]"}
shift
prefix=${PREFIX:-plivo.10dlc}

for endpoint in brand campaign number_linking number_unlinking unrecognized; do
    # min.insync.replicas: with acks=all, as the relay publishes, nothing acknowledged is on one broker alone.
    kafka-topics.sh --bootstrap-server "$servers" "$@" --create --if-not-exists --topic "$prefix.$endpoint" \
        --partitions "${PARTITIONS:-6}" \
        --replication-factor "${REPLICATION:-3}" \
        --config "min.insync.replicas=${MIN_INSYNC_REPLICAS:-2}" \
        --config "retention.ms=${RETENTION_MS:-2592000000}"
done

if [ -n "${PRINCIPAL:-}" ]; then
    kafka-acls.sh --bootstrap-server "$servers" "$@" --add --allow-principal "$PRINCIPAL" \
        --operation Write --operation Describe --topic "$prefix." --resource-pattern-type prefixed
fi
