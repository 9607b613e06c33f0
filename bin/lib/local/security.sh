# shellcheck shell=bash disable=SC2154 # state, cluster_name and the other settings are those of bin/local-cluster
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# Who is who in the local cluster: its authority, the machines' identities, the host's profile. Sourced, never run.
#
# The authority's folder lies in the state folder, as on the machine of the administrator who made a real cluster, and is
# given to worker-1, which signs for the others while it is up.

readonly api_port=49154

# manager ARGUMENT...: the command line, where etcd can be reached.
#
# What it tells is of interest when it fails only.
manager() {
    local told
    told=$(in_network env FLOTILLA_PROFILES="$state/profiles" "$binaries/cluster-manager" "$@" 2>&1) || die "$told"
}

# security_make: the authority, the administrator's profile and etcd's certificate, once.
security_make() {
    local member addresses=()
    [[ $secured == yes && $with_agent == yes ]] || return 0
    if [[ ! -e $state/authority/key.pem ]]; then
        manager cluster init --name "$flotilla_cluster" --directory "$state/authority" --offline
    fi
    if [[ ! -e $state/etcd/tls/etcd.env ]]; then
        for member in $(etcd_members); do addresses+=(--address "$(etcd_address "$member")"); done
        manager cluster certificate etcd --directory "$state/authority" "${addresses[@]}" --address 127.0.0.1 \
            --out "$state/etcd/tls"
    fi
}

# security_etcd: etcd's users and rights; after a wipe, anew.
security_etcd() {
    [[ $secured == yes && $with_agent == yes ]] || return 0
    manager cluster init --directory "$state/authority" --etcd-endpoints "$etcd_url" \
        --etcd-ca-file "$state/authority/authorities.pem" --no-machine --api "tls:$(machine_address worker-1):$api_port"
}

# security_machine NAME: its identity, once; its folder lasts over boots as a disk would.
security_machine() {
    [[ $secured == yes ]] || return 0
    local folder=$state/machines/$1/identity
    local what=(--kind manager)
    [[ -z $roles ]] || what=(--roles "$roles")
    # Nobody here has the API then, through whom they could go.
    [[ $roles != agent ]] || what+=(--with-etcd)
    mkdir -p "$folder"
    [[ ! -e $folder/etcd-credentials.pem ]] || return 0
    manager cluster admit "$(machine_id "$1")" --name "$1" --directory "$state/authority" \
        --address "$(machine_address "$1")" --etcd-endpoints "$etcd_url" \
        --etcd-ca-file "$state/authority/authorities.pem" "${what[@]}" --out "$folder"
}

# etcdctl_command ARGUMENT...: etcd's own tool, as root.
etcdctl_command() {
    export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=${ETCDCTL_ENDPOINTS:-$etcd_url}
    # Its own 2 s and 5 s are short for a login on a busy host.
    export ETCDCTL_DIAL_TIMEOUT=30s ETCDCTL_COMMAND_TIMEOUT=60s
    if [[ $secured == yes ]]; then
        # In the environment, which root alone can read, and not among the arguments.
        ETCDCTL_USER=root:$(cat "$state/authority/etcd-root-password")
        export ETCDCTL_USER ETCDCTL_CACERT=$state/authority/authorities.pem
        export ETCDCTL_CERT=$state/etcd/tls/certificate.pem ETCDCTL_KEY=$state/etcd/tls/key.pem
    fi
    in_network etcdctl "$@"
}
