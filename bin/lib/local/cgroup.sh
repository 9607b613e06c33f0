# shellcheck shell=bash disable=SC2154 # state, cluster_name and the other settings are those of bin/local-cluster
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# A control group for each machine of the local cluster: sourced, never run.
#
# Without one, all machines would share the group that bin/local-cluster was called from: their systemds would each make
# "system.slice/web.service" there, see each other's processes in it, and kill them. Works on hosts with one
# hierarchy (cgroup v2), with many (v1), and with both; and with or without a systemd as the host's first process.

# cgroup_mounts: where the host's hierarchies are mounted.
cgroup_mounts() {
    awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts
}

# cgroup_make NAME/MACHINE: the group in every hierarchy.
cgroup_make() {
    local mount parent=${1%/*} file
    while read -r mount; do
        mkdir -p "$mount/$1" || die "cannot make control group $mount/$1; is $mount mounted read-only?"
        # cpuset (v1) takes no process before both lists are filled; the other hierarchies have no such files.
        for file in cpuset.cpus cpuset.mems; do
            [[ -e $mount/$1/$file && -e $mount/$file && ! -e $mount/cgroup.controllers ]] || continue
            cat "$mount/$file" >"$mount/$parent/$file"
            cat "$mount/$file" >"$mount/$1/$file"
        done
        # In v2 a controller reaches a child only when the parent hands it down; a controller in use elsewhere refuses.
        if [[ -e $mount/cgroup.controllers ]]; then
            for file in cpu memory pids; do
                echo "+$file" >"$mount/cgroup.subtree_control" || true
                echo "+$file" >"$mount/$parent/cgroup.subtree_control" || true
            done 2>/dev/null
        fi
        # By default all machines together weigh as much as one process beside them: whoever polls would starve them.
        for file in cpu.shares:8192 cpu.weight:800; do
            [[ ! -w $mount/$parent/${file%:*} ]] || echo "${file#*:}" 2>/dev/null >"$mount/$parent/${file%:*}" || true
        done
    done < <(cgroup_mounts)
}

# cgroup_enter NAME/MACHINE: moves the calling process into it.
cgroup_enter() {
    local mount
    while read -r mount; do
        echo "$BASHPID" >"$mount/$1/cgroup.procs" || die "cannot enter control group $mount/$1"
    done < <(cgroup_mounts)
}

# cgroup_remove NAME[/MACHINE]: the group and all below it; what still holds a process stays.
cgroup_remove() {
    local mount
    while read -r mount; do
        [[ -d $mount/$1 ]] || continue
        find "$mount/$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done < <(cgroup_mounts)
}

# cgroup_kill NAME: SIGKILL to every process in the group and below: what a crashed run left behind.
cgroup_kill() {
    local mount pid
    while read -r mount; do
        [[ -d $mount/$1 ]] || continue
        while read -r pid; do
            kill -s KILL "$pid" 2>/dev/null || true
        done < <(find "$mount/$1" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -un)
    done < <(cgroup_mounts)
}

# cgroup_empty NAME: no process in the group or below.
cgroup_empty() {
    local mount
    while read -r mount; do
        [[ -d $mount/$1 ]] || continue
        [[ -z $(find "$mount/$1" -name cgroup.procs -exec cat {} + 2>/dev/null | head -n 1) ]] || return 1
    done < <(cgroup_mounts)
}

# cgroup_memory NAME/MACHINE: memory without page cache, in MiB; "-" where the kernel does not count it.
cgroup_memory() {
    local mount bytes=
    while read -r mount; do
        if [[ -r $mount/$1/memory.stat ]]; then
            bytes=$(awk '$1 == "total_rss" || $1 == "anon" { print $2; exit }' "$mount/$1/memory.stat")
        fi
    done < <(cgroup_mounts)
    if [[ -n $bytes ]]; then printf '%d' $((bytes / 1048576)); else printf -- '-'; fi
}
