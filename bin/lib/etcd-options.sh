# shellcheck shell=bash
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# How the bootstrap machine's etcd is set up, in one place for the local cluster and for real machines: sourced, never run.

# etcd_environment ADDRESS DATA-DIR [CERTIFICATE KEY]: etcd's settings as NAME=VALUE lines (etcd reads its flags from the
# environment too); with a certificate its ports of today speak TLS.
#
# Client port 2379 is today's, 4001 and peer port 7001 are those of the seed's documents. The v2 API is on because the
# seed's discovery (and bin/purge-discovery) speak it; its port 4001 stays plain, for that v2 API knows nothing of ours, and
# what is ours asks for a login there, too. Compaction is on because an etcd that runs for
# months must not grow with every rewritten unit state.
etcd_environment() {
    local scheme=http
    if [[ -n ${3-} ]]; then
        scheme=https
        printf 'ETCD_CERT_FILE=%s\nETCD_KEY_FILE=%s\n' "$3" "$4"
    fi
    cat <<END
ETCD_NAME=bootstrap
ETCD_DATA_DIR=$2
ETCD_LISTEN_CLIENT_URLS=$scheme://$1:2379,http://$1:4001,$scheme://127.0.0.1:2379
ETCD_ADVERTISE_CLIENT_URLS=$scheme://$1:2379,http://$1:4001
ETCD_LISTEN_PEER_URLS=http://$1:7001
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://$1:7001
ETCD_INITIAL_CLUSTER=bootstrap=http://$1:7001
ETCD_INITIAL_CLUSTER_STATE=new
ETCD_ENABLE_V2=true
ETCD_AUTO_COMPACTION_MODE=revision
ETCD_AUTO_COMPACTION_RETENTION=10000
END
}
