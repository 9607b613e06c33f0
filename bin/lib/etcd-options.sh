# shellcheck shell=bash
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# How the bootstrap machine's etcd is set up, in one place for the local cluster and for real machines: sourced, never run.

# etcd_environment ADDRESS DATA-DIR [FOLDER]: etcd's settings as NAME=VALUE lines (etcd reads its flags from the
# environment too); with what `cluster-manager cluster certificate etcd` has put into FOLDER it takes the cluster's members alone.
#
# Client port 2379 is today's, peer port 7001 that of the seed's documents. An open etcd has their client port 4001, too, and
# their v2 API, which the seed's discovery (and bin/purge-discovery) speak. It knows neither logins of ours nor
# certificates, so a closed etcd has neither. Compaction is on because an etcd that runs for
# months must not grow with every rewritten unit state.
etcd_environment() {
    local scheme=http seed=,http://$1:4001
    if [[ -n ${3-} ]]; then
        scheme=https seed=''
        grep -v '^#' "$3/etcd.env"
        # Whoever logs in has a password of 258 random bits, unless an operator brings root's own: a dear login protects
        # nothing, and takes etcd's processor from renewals.
        echo ETCD_BCRYPT_COST=4
    else
        echo ETCD_ENABLE_V2=true
    fi
    cat <<END
ETCD_NAME=bootstrap
ETCD_DATA_DIR=$2
ETCD_LISTEN_CLIENT_URLS=$scheme://$1:2379$seed,$scheme://127.0.0.1:2379
ETCD_ADVERTISE_CLIENT_URLS=$scheme://$1:2379$seed
ETCD_LISTEN_PEER_URLS=$scheme://$1:7001
ETCD_INITIAL_ADVERTISE_PEER_URLS=$scheme://$1:7001
ETCD_INITIAL_CLUSTER=bootstrap=$scheme://$1:7001
ETCD_INITIAL_CLUSTER_STATE=new
ETCD_AUTO_COMPACTION_MODE=revision
ETCD_AUTO_COMPACTION_RETENTION=10000
END
}
