# shellcheck shell=bash disable=SC2154 # state, cluster_name and the other settings are those of bin/local-cluster
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# The bootstrap machine's etcd: a process on the bridge's address, in the cluster's namespace. Sourced, never run.

readonly etcd_url=http://$bootstrap_address:2379

etcd_answers() {
    in_network curl --silent --fail --max-time 2 --output /dev/null "$etcd_url/health"
}

# etcd_answers_or_ended: ends a wait early when the process is gone; the caller then asks which it was.
etcd_answers_or_ended() {
    process_gone "$state/etcd/pid" || etcd_answers
}

etcd_start() {
    local environment
    if ! process_gone "$state/etcd/pid"; then
        etcd_resume
        return 0
    fi
    mkdir -p "$state/etcd"
    mapfile -t environment < <(etcd_environment "$bootstrap_address" "$state/etcd/data")
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

# registered MACHINE-ID: the agent has put its record into etcd.
registered() {
    local key
    key=$(printf '/flotilla/%s/machines/%s' "$flotilla_cluster" "$1" | base64 --wrap=0)
    in_network curl --silent --max-time 3 --data "{\"key\":\"$key\",\"count_only\":true}" "$etcd_url/v3/kv/range" |
        jq --exit-status '.count == "1"' >/dev/null 2>&1
}
