# shellcheck shell=bash disable=SC2154 # state, cluster_name and the other settings are those of bin/local-cluster
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# Chaos on real machines: faults from a seed, while probe units write down when they run. Sourced, never run.
#
# The seed gives the order, kinds, victims and lengths of the faults, not their effect to the millisecond: machines are real.
# What is proved is proved from the record alone, by `cluster-sim check-record`, which knows nothing of the cluster.

readonly chaos_probes_per_machine=2
# Short enough that nothing may happen, long enough that a session ends: in hundredths of a second, from..to.
readonly chaos_short='20 60' chaos_long='600 1200'

# note_fault WORD KIND TARGET NUMBER: a line of the faults' record.
note_fault() {
    local time
    read -r time _ </proc/uptime
    printf '%s %s %s %s %s\n' "$time" "$@" >>"$state/ground/faults.record"
}

# chaos_clock PARENT: writes a beat ten times a second while PARENT lives; where one is late, the host itself stood still.
chaos_clock() {
    local time silence
    exec {silence}<> <(:)
    while [[ -d /proc/$1 ]]; do
        read -r time _ </proc/uptime
        printf '%s beat\n' "$time" >>"$state/ground/host.record" || return 0
        read -r -t 0.1 -u "$silence" || true
    done
}

# choose FROM TO: a number of the seed's, FROM..TO, in the variable `chosen`. Not by $(...): a subshell's numbers are lost.
choose() {
    chosen=$(($1 + RANDOM % ($2 - $1 + 1)))
}

# rest HUNDREDTHS
rest() {
    sleep "$(printf '%d.%02d' $(($1 / 100)) $(($1 % 100)))"
}

# agent_signal MACHINE SIGNAL: to the agent's own process; its guard and its units are not concerned.
agent_signal() {
    in_machine "$1" systemctl kill --kill-whom=main --signal="$2" node-agent.service
}

# fault_begin KIND TARGET | fault_end KIND TARGET: what a fault does, and what ends it.
fault_begin() {
    case $1 in
    halt) machine_halt "$2" ;;
    cut) machine_cable "$2" down ;;
    freeze) agent_signal "$2" STOP ;;
    kill) agent_signal "$2" KILL ;;
    etcd-freeze) etcd_pause ;;
    etcd-kill) etcd_kill ;;
    esac
}

fault_end() {
    case $1 in
    halt) machine_start "$2" ;;
    cut) machine_cable "$2" up ;;
    # A watchdog may have ended the frozen agent; the one that took its place is not frozen.
    freeze) agent_signal "$2" CONT 2>/dev/null || true ;;
    kill) ;;
    etcd-freeze) etcd_resume ;;
    etcd-kill)
        # One that starts takes connections at once and serves them later: how long it was silent is for the checker to judge.
        local number=$((faults += 1))
        note_fault begin etcd-start etcd "$number"
        etcd_start
        note_fault end etcd-start etcd "$number"
        ;;
    esac
    case $1 in
    halt | freeze | kill) machine_wait "$2" ;;
    esac
}

# fault KIND TARGET LENGTH [KIND2 TARGET2]: one fault from beginning to end, or a second one inside it.
#
# The record says "begin" before anything is done and "end" after all is mended: never shorter than it was.
fault() {
    local number=$((faults += 1))
    say "$(printf '%4d  %s %s for %d.%02d s%s' "$number" "$1" "$2" $(($3 / 100)) $(($3 % 100)) "${4:+, and then $4 $5}")"
    note_fault begin "$1" "$2" "$number"
    fault_begin "$1" "$2"
    rest $(($3 / 2))
    if [[ -n ${4-} ]]; then
        local second=$((faults += 1))
        note_fault begin "$4" "$5" "$second"
        fault_begin "$4" "$5"
    fi
    rest $(($3 / 2))
    # The store comes back first: no machine can join without it.
    if [[ ${4-} == etcd-* ]]; then
        fault_end "$4" "$5"
        note_fault end "$4" "$5" "$second"
    fi
    fault_end "$1" "$2"
    note_fault end "$1" "$2" "$number"
    if [[ -n ${4-} && $4 != etcd-* ]]; then
        fault_end "$4" "$5"
        note_fault end "$4" "$5" "$second"
    fi
}

# next_fault: what the seed says comes next.
next_fault() {
    local count=${#machines[@]} first machine other kind length
    choose 0 $((count - 1))
    first=$chosen
    choose 1 $((count - 1))
    machine=${machines[first]} other=${machines[(first + chosen) % count]}
    choose 1 20
    kind=$chosen
    case $kind in
    1 | 2 | 8 | 9 | 15) read -r from to <<<"$chaos_short" ;;
    *) read -r from to <<<"$chaos_long" ;;
    esac
    choose "$from" "$to"
    length=$chosen
    case $kind in
    1 | 3 | 4) fault cut "$machine" "$length" ;;
    2 | 5 | 6) fault freeze "$machine" "$length" ;;
    7 | 8) fault etcd-freeze etcd "$length" ;;
    9 | 10) fault kill "$machine" 0 ;;
    11 | 12 | 13) fault halt "$machine" "$length" ;;
    14 | 15 | 16) fault etcd-kill etcd "$length" ;;
    17) fault halt "$machine" "$length" halt "$other" ;;
    18) fault cut "$machine" "$length" freeze "$other" ;;
    19) fault halt "$machine" "$length" etcd-kill etcd ;;
    20) fault freeze "$machine" "$length" cut "$other" ;;
    esac
}

# probes_run: each probe has written within the last second.
probes_run() {
    local unit time last
    read -r time _ </proc/uptime
    for unit in "${probes[@]}"; do
        last=$(tail -n 1 "$state/ground/${unit%.service}.record" 2>/dev/null) || return 1
        [[ $last == *' '@(start|beat)' '* ]] || return 1
        last=${last%% *}
        ((${time/./} - ${last/./} <= 100)) || return 1
    done
}

# machines_up: those that run now; one that is off stays off.
machines_up() {
    local name
    while read -r name; do
        [[ $(machine_state "$name") != up ]] || echo "$name"
    done < <(machine_names)
}

# chaos_mend: whatever was going on, all is plugged in, powered and running.
chaos_mend() {
    local machine
    process_gone "$state/etcd/pid" && etcd_start
    etcd_resume
    for machine in "${machines[@]}"; do
        machine_start "$machine"
        machine_cable "$machine" up || true
        agent_signal "$machine" CONT 2>/dev/null || true
    done
}

# chaos_run MINUTES SEED [OPTION OF THE CHECK...]: the whole run; leaves the record in the state folder, and the cluster as it was.
chaos_run() {
    local minutes=$1 seed=$2 faults=0 machines machine probes=() number clock deadline from to chosen manager
    [[ $with_agent == yes ]] || die "chaos needs node agents: up without --no-agent"
    [[ -x $binaries/cluster-sim ]] || die "no program $binaries/cluster-sim; run bin/build, or set FLOTILLA_BIN_DIR"
    mapfile -t machines < <(machines_up)
    ((${#machines[@]} >= 4)) ||
        die "${#machines[@]} machines are up: chaos loses two at once, and most must be left; run: bin/local-cluster up 5"
    manager=("$repository/bin/cluster-manager")
    export FLOTILLA_LOCAL_STATE=$state FLOTILLA_BIN_DIR=$binaries
    RANDOM=$seed
    for ((number = 1; number <= chaos_probes_per_machine * ${#machines[@]}; number++)); do
        probes+=("probe@$number.service")
    done
    rm -f "$state"/ground/*
    cp "$repository/units/chaos/probe@.service" "$state/ground/"
    "${manager[@]}" destroy "${probes[@]}" >/dev/null 2>&1 || true
    trap 'chaos_mend' EXIT
    (cd "$state/ground" && "${manager[@]}" start --no-block "${probes[@]}" >/dev/null)
    wait_until 60 "the probes to start" probes_run || die "the probes do not start; see: bin/cluster-manager list-units"
    (
        # Among the machines, so that it is held up when they are.
        cgroup_make "$cluster_name/clock"
        cgroup_enter "$cluster_name/clock"
        chaos_clock $$
    ) </dev/null >/dev/null 2>&1 8>&- &
    clock=$!
    note_fault begin chaos "$seed" 0
    say "chaos with seed $seed for $minutes minutes: ${#machines[@]} machines, ${#probes[@]} units"
    deadline=$((SECONDS + minutes * 60))
    while ((SECONDS < deadline)); do
        next_fault
        # How long that takes is for the checker to judge; here it only keeps one fault from hiding in the next.
        wait_until 60 "all units to run again" probes_run || warn "not all units run again after 60 s"
        # Nor may a machine that is not back yet count among the next ones.
        for machine in "${machines[@]}"; do machine_wait "$machine"; done
    done
    # As long as a session lives: whoever still thinks of moving something does it now.
    sleep "${session_ttl:-5}"
    wait_until 60 "all units to run at the end" probes_run || warn "not all units run at the end"
    note_fault end chaos "$seed" 0
    kill "$clock"
    "${manager[@]}" destroy "${probes[@]}" >/dev/null 2>&1 || warn "the probes are not destroyed"
    trap - EXIT
    "$binaries/cluster-sim" check-record "$state/ground" --ttl "${session_ttl:-5}" "${@:3}"
}
