# shellcheck shell=bash disable=SC2154 # state, cluster_name and the other settings are those of bin/local-cluster
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# The cluster's etcd: one process, or three, on addresses of the bridge, in the cluster's namespace. Sourced, never run.
#
# Member 1 is the bootstrap machine's. The verbs take a member's number; without one they mean all members.

etcd_members() { seq "$etcd_count"; }

# etcd_address MEMBER: 172.17.8.2 and the next ones.
etcd_address() { printf '%s%d' "${bootstrap_address%.*}." $((${bootstrap_address##*.} + $1 - 1)); }

# etcd_folder MEMBER: its process number, data and log.
etcd_folder() {
    if [[ $1 == 1 ]]; then echo "$state/etcd"; else echo "$state/etcd-$1"; fi
}

# etcd_scheme: of all its ports.
etcd_scheme() { if [[ $secured == yes ]]; then echo https; else echo http; fi; }

# etcd_member_url MEMBER
etcd_member_url() { printf '%s://%s:2379' "$(etcd_scheme)" "$(etcd_address "$1")"; }

# etcd_peer_url MEMBER
etcd_peer_url() { printf '%s://%s:7001' "$(etcd_scheme)" "$(etcd_address "$1")"; }

# etcd_curl ARGUMENT...: curl as one whom etcd lets in, with a certificate that is etcd's own.
etcd_curl() {
    local proof=()
    [[ $secured == no ]] || proof=(--cacert "$state/authority/authorities.pem" --cert "$state/etcd/tls/certificate.pem"
        --key "$state/etcd/tls/key.pem")
    in_network curl --silent "${proof[@]}" "$@"
}

# etcd_name MEMBER
etcd_name() { if [[ $etcd_count == 1 ]]; then echo bootstrap; else echo "member-$1"; fi; }

# etcd_peers: NAME=URL of each member, with commas between them.
etcd_peers() {
    local member
    for member in $(etcd_members); do
        printf '%s=%s\n' "$(etcd_name "$member")" "$(etcd_peer_url "$member")"
    done | paste --serial --delimiters ,
}

# etcd_set_url: where etcd answers, once it is known whether the cluster is secured: URLs with commas between them.
etcd_set_url() {
    local member
    etcd_url=''
    for ((member = 1; member <= etcd_count; member++)); do etcd_url+=,$(etcd_member_url "$member"); done
    etcd_url=${etcd_url#,}
}

# etcd_answers MEMBER: it answers, and has a leader.
etcd_answers() {
    etcd_curl --fail --max-time 2 --output /dev/null "$(etcd_member_url "$1")/health"
}

# etcd_listens MEMBER: it answers, with a leader or without. Without one, as when too few others are up, that is all to wait for.
etcd_listens() {
    etcd_curl --max-time 2 --output /dev/null "$(etcd_member_url "$1")/version"
}

# etcd_up_or_ended MEMBER QUESTION: ends a wait early when the process is gone; the caller then asks which it was.
etcd_up_or_ended() {
    process_gone "$(etcd_folder "$1")/pid" || "$2" "$1"
}

# etcd_launch MEMBER: starts its process, or lets it go on.
etcd_launch() {
    local environment closed=() folder
    folder=$(etcd_folder "$1")
    if ! process_gone "$folder/pid"; then
        process_kill "$folder/pid" CONT
        return 0
    fi
    mkdir -p "$folder"
    [[ $secured == no ]] || closed=("$state/etcd/tls")
    mapfile -t environment < <(etcd_environment "$(etcd_address "$1")" "$folder/data" "${closed[@]}")
    # Of two values for one name the later one holds.
    [[ -z $etcd_quota ]] || environment+=("ETCD_QUOTA_BACKEND_BYTES=$((etcd_quota << 20))")
    if [[ $etcd_count -gt 1 ]]; then
        environment+=("ETCD_NAME=$(etcd_name "$1")" "ETCD_INITIAL_CLUSTER=$(etcd_peers)"
            "ETCD_LISTEN_CLIENT_URLS=$(etcd_member_url "$1")" "ETCD_ADVERTISE_CLIENT_URLS=$(etcd_member_url "$1")")
    fi
    # setsid: the interrupt key on the terminal that started the cluster must not reach it.
    (
        cgroup_make "$cluster_name/bootstrap"
        cgroup_enter "$cluster_name/bootstrap"
        exec env "${environment[@]}" setsid nsenter --net="/run/netns/$cluster_name" -- \
            etcd --logger zap --log-outputs stderr
    ) </dev/null >>"$folder/log" 2>&1 8>&- 9>&- &
    process_record "$folder/pid" $!
    disown
}

# etcd_start [MEMBER]: of all members, until they answer; of one, until it listens.
etcd_start() {
    local member folder question=etcd_answers
    [[ -z ${1-} || $etcd_count -eq 1 ]] || question=etcd_listens
    for member in ${1:-$(etcd_members)}; do etcd_launch "$member"; done
    for member in ${1:-$(etcd_members)}; do
        folder=$(etcd_folder "$member")
        wait_until 120 "etcd" etcd_up_or_ended "$member" "$question" ||
            die "etcd does not answer at $(etcd_member_url "$member"); its log: $folder/log"
        process_gone "$folder/pid" &&
            die "etcd ended at once: $(grep -E '"level":"(error|fatal|panic)"' "$folder/log" | tail -n 1); log: $folder/log"
    done
    return 0
}

etcd_stop() {
    local member
    for member in ${1:-$(etcd_members)}; do process_end "$(etcd_folder "$member")/pid" 20; done
}

etcd_kill() {
    local member
    etcd_signal KILL "${1-}"
    for member in ${1:-$(etcd_members)}; do
        wait_until 10 "etcd to die" process_gone "$(etcd_folder "$member")/pid" || die "etcd does not die"
    done
}

# etcd_signal SIGNAL [MEMBER]
etcd_signal() {
    local member
    for member in ${2:-$(etcd_members)}; do process_kill "$(etcd_folder "$member")/pid" "$1"; done
}

etcd_pause() { etcd_signal STOP "${1-}"; }

etcd_resume() { etcd_signal CONT "${1-}"; }

# etcd_wipe: an etcd that comes back as another, empty cluster.
etcd_wipe() {
    local member
    etcd_kill ''
    for member in $(etcd_members); do rm -rf "$(etcd_folder "$member")/data"; done
    etcd_start ''
}

# etcd_snapshot FILE
etcd_snapshot() {
    ETCDCTL_ENDPOINTS=$(etcd_member_url 1) etcdctl_command snapshot save "$1" >/dev/null 2>&1 || die "no snapshot in $1"
}

# etcd_restore FILE: an etcd that comes back as it was then, and as another cluster.
etcd_restore() {
    local member peers token=restored-$SECONDS-$$
    [[ -r $1 ]] || die "no snapshot $1"
    etcd_kill ''
    peers=$(etcd_peers)
    for member in $(etcd_members); do
        rm -rf "$(etcd_folder "$member")/data"
        ETCDCTL_API=3 etcdctl snapshot restore "$1" --data-dir "$(etcd_folder "$member")/data" \
            --name "$(etcd_name "$member")" --initial-cluster "$peers" --initial-cluster-token "$token" \
            --initial-advertise-peer-urls "$(etcd_peer_url "$member")" >/dev/null 2>&1 || die "$1 is no snapshot"
    done
    etcd_start ''
}

# etcd_slow SECONDS: a disk that keeps etcd waiting: of each quarter of a second its members get a fifth.
etcd_slow() {
    local end=$((SECONDS + $1))
    trap 'etcd_signal CONT' EXIT
    while [[ $SECONDS -lt $end ]]; do
        etcd_signal STOP
        sleep 0.2
        etcd_signal CONT
        sleep 0.05
    done
}

# etcd_move_leader: the next member, in their order, leads; prints its address.
etcd_move_leader() {
    local lines=() index next
    mapfile -t lines < <(etcdctl_command endpoint status --write-out simple 2>/dev/null)
    [[ ${#lines[@]} -gt 1 ]] || die "there is no other member that could lead"
    for index in "${!lines[@]}"; do
        # Endpoint, id, version, size, whether it leads, ...
        [[ $(cut -d , -f 5 <<<"${lines[index]}") == ' true' ]] || continue
        next=${lines[(index + 1) % ${#lines[@]}]}
        ETCDCTL_ENDPOINTS=$(cut -d , -f 1 <<<"${lines[index]}") etcdctl_command move-leader \
            "$(cut -d , -f 2 <<<"$next" | tr -d ' ')" >/dev/null
        cut -d , -f 1 <<<"$next"
        return 0
    done
    die "no member leads"
}

# etcd_fill: writes what is nobody's until etcd's space is used up, and it takes no more writes.
etcd_fill() {
    local number block
    [[ -n $etcd_quota ]] || die "only with: bin/local-cluster up --etcd-quota MIB"
    block=$(head -c 1000000 /dev/zero | tr '\0' x)
    for ((number = 0; number <= 4 * etcd_quota; number++)); do
        etcdctl_command put "/filler/$number" <<<"$block" >/dev/null 2>&1 && continue
        # Refused for want of space, or not answered in time? The alarm tells. grep reads all of it: a broken pipe is no answer.
        ! etcdctl_command alarm list 2>/dev/null | grep NOSPACE >/dev/null || return 0
    done
    die "etcd is not full; its log: $state/etcd/log"
}

# etcd_unfill: what an operator does about it: frees space, gives it back to the file, and takes the alarm away.
etcd_unfill() {
    local member revision
    etcdctl_command del --prefix /filler/ >/dev/null
    revision=$(etcdctl_command get --limit 1 --prefix / --write-out fields | awk '/^"Revision"/ { print $3 }')
    etcdctl_command compact --physical "$revision" >/dev/null
    for member in $(etcd_members); do
        ETCDCTL_ENDPOINTS=$(etcd_member_url "$member") etcdctl_command defrag >/dev/null
    done
    etcdctl_command alarm disarm >/dev/null
}

# etcd_status [MEMBER]
etcd_status() {
    local pid member=${1:-1}
    if ! pid=$(process_recorded "$(etcd_folder "$member")/pid"); then
        echo stopped
    elif [[ $(awk '$1 == "State:" { print $2 }' "/proc/$pid/status") == T ]]; then
        echo paused
    elif etcd_answers "$member"; then
        echo running
    else
        echo "not answering"
    fi
}
