# shellcheck shell=bash disable=SC2154 # state, cluster_name and the other settings are those of bin/local-cluster
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# The bootstrap machine's etcd: a process on the bridge's address, in the cluster's namespace. Sourced, never run.

# etcd_set_url: where etcd answers, once it is known whether the cluster is secured.
etcd_set_url() {
    etcd_url=http://$bootstrap_address:2379
    [[ $secured == no ]] || etcd_url=https://$bootstrap_address:2379
}

etcd_answers() {
    local trust=()
    [[ $secured == no ]] || trust=(--cacert "$state/authority/authorities.pem")
    in_network curl --silent --fail --max-time 2 --output /dev/null "${trust[@]}" "$etcd_url/health"
}

# etcd_answers_or_ended: ends a wait early when the process is gone; the caller then asks which it was.
etcd_answers_or_ended() {
    process_gone "$state/etcd/pid" || etcd_answers
}

etcd_start() {
    local environment certificate=()
    if ! process_gone "$state/etcd/pid"; then
        etcd_resume
        return 0
    fi
    mkdir -p "$state/etcd"
    [[ $secured == no ]] || certificate=("$state/etcd/tls/certificate.pem" "$state/etcd/tls/key.pem")
    mapfile -t environment < <(etcd_environment "$bootstrap_address" "$state/etcd/data" "${certificate[@]}")
    # setsid: the interrupt key on the terminal that started the cluster must not reach it.
    (
        cgroup_make "$cluster_name/bootstrap"
        cgroup_enter "$cluster_name/bootstrap"
        exec env "${environment[@]}" setsid nsenter --net="/run/netns/$cluster_name" -- \
            etcd --logger zap --log-outputs stderr
    ) </dev/null >>"$state/etcd/log" 2>&1 8>&- 9>&- &
    process_record "$state/etcd/pid" $!
    disown
    wait_until 30 "etcd" etcd_answers_or_ended || die "etcd does not answer at $etcd_url; its log: $state/etcd/log"
    process_gone "$state/etcd/pid" &&
        die "etcd ended at once: $(grep -E '"level":"(error|fatal|panic)"' "$state/etcd/log" | tail -n 1); log: $state/etcd/log"
    return 0
}

etcd_stop() {
    process_end "$state/etcd/pid" 20
}

etcd_kill() {
    process_kill "$state/etcd/pid" KILL
    wait_until 10 "etcd to die" process_gone "$state/etcd/pid" || die "etcd does not die"
}

etcd_pause() {
    process_kill "$state/etcd/pid" STOP
}

etcd_resume() {
    process_kill "$state/etcd/pid" CONT
}

# etcd_wipe: an etcd that comes back as another, empty cluster.
etcd_wipe() {
    etcd_kill
    rm -rf "$state/etcd/data"
    etcd_start
}

etcd_status() {
    local pid
    if ! pid=$(process_recorded "$state/etcd/pid"); then
        echo stopped
    elif [[ $(awk '$1 == "State:" { print $2 }' "/proc/$pid/status") == T ]]; then
        echo paused
    elif etcd_answers; then
        echo running
    else
        echo "not answering"
    fi
}
