# shellcheck shell=bash disable=SC2154 # state, cluster_name and the other settings are those of bin/local-cluster
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# The local cluster as a whole: up, down, status. Sourced, never run.

# take_lock: one at a time changes the cluster. Descriptor 8; what outlives the script must close it.
take_lock() {
    while true; do
        exec 8>>"$state.lock" || die "cannot write $state.lock"
        if ! flock --nonblock 8; then
            say "another bin/local-cluster is at work on $state; waiting for it"
            flock --wait 900 8 || die "$state.lock has been held for 15 minutes; by whom: fuser $state.lock"
        fi
        # `down` removes the file: what we then hold is the lock of a file that nobody else will find.
        [[ $(stat --format=%i "$state.lock" 2>/dev/null) == $(stat --dereference --format=%i /proc/self/fd/8) ]] && return 0
    done
}

save_settings() {
    declare -p binaries with_agent secured metadata session_ttl flotilla_cluster roles \
        etcd_count etcd_quota package_folder >"$state/settings.new"
    mv "$state/settings.new" "$state/settings"
}

# load_settings: what the last `up` was asked for, if there was one.
load_settings() {
    local asked=$binaries settings
    if [[ -r $state/settings ]]; then
        settings=$(<"$state/settings")
        # shellcheck source=/dev/null
        source /dev/stdin <<<"${settings//declare --/declare -g --}"
        # A folder named now beats the one of then.
        [[ -z ${FLOTILLA_BIN_DIR-} ]] || binaries=$asked
    fi
    set_provision_options
}

set_provision_options() {
    etcd_set_url
    provision_options=''
    if [[ $secured == yes ]]; then provision_options+=" --secured"; else provision_options+=" --insecure"; fi
    [[ -z $roles ]] || provision_options+=" --roles $roles"
    [[ -z $package_folder ]] || provision_options+=" --packages /opt/flotilla/packages"
    [[ $with_agent == yes ]] || provision_options+=" --no-start"
}

cluster_must_be_up() {
    [[ -r $state/settings ]] || die "no cluster at $state; run: bin/local-cluster up"
    load_settings
    network_exists || die "the network of the cluster at $state is gone (host restarted?); run: bin/local-cluster up"
}

# check_host: all that this host lacks, by name, before anything is made.
check_host() {
    local program
    need_commands ip:iproute2 nsenter:util-linux setsid:util-linux flock:util-linux systemd-nspawn:systemd-container \
        etcd:etcd-server curl:curl jq:jq pgrep:procps dbus-daemon:dbus
    [[ -e /proc/self/ns/net ]] || die "this kernel has no network namespaces (CONFIG_NET_NS)"
    [[ -e /proc/$$/task/$$/children ]] || die "this kernel lists no process's children (CONFIG_PROC_CHILDREN)"
    [[ -e /proc/self/ns/cgroup ]] || die "this kernel has no control group namespaces (CONFIG_CGROUPS)"
    [[ -n $(cgroup_mounts) ]] ||
        die "no control groups are mounted; mount -t cgroup2 none /sys/fs/cgroup, or start the container with them"
    [[ -L /bin ]] || die "/bin is no link to /usr/bin: the machines share /usr only; apt-get install usrmerge"
    [[ $with_agent == yes ]] || return 0
    for program in node-agent cluster-manager demonstrator; do
        [[ -x $binaries/$program ]] || die "no program $binaries/$program; run bin/build, or set FLOTILLA_BIN_DIR"
    done
}

# raise_limits: systemd, journal, login manager and bus take seven inotify instances a machine, and all machines' root is one
# user to the kernel, which by default gives a user 128: a few clusters side by side, and the next machine would not boot.
#
# Not lowered again by `down`: another cluster may have come to need it, and it lasts until the host restarts only.
raise_limits() {
    local limit=/proc/sys/fs/inotify/max_user_instances wanted=8192
    [[ $(cat "$limit") -ge $wanted ]] && return 0
    echo "$wanted" 2>/dev/null >"$limit" ||
        warn "cannot raise $limit to $wanted (it is $(cat "$limit")): with more than a dozen machines some may not boot"
}

# mount_state: in memory, as a machine's memory is.
mount_state() {
    mkdir -p "$state"
    if ! mountpoint --quiet "$state"; then
        mount -t tmpfs -o mode=0755,size=2g flotilla-local "$state" ||
            die "cannot mount a tmpfs at $state: needs the right to mount (in a container: --privileged)"
    fi
    # systemd-nspawn refuses on a host that does not look as if systemd ran there.
    if [[ ! -d /run/systemd/system ]]; then
        mkdir -p /run/systemd/system
        : >"$state/made-run-systemd"
    fi
}

# cluster_up COUNT [FIRST]: worker-FIRST (default 1) to worker-COUNT, those that are missing.
cluster_up() {
    local count=$1 number name began=$SECONDS waiting=()
    check_host
    raise_limits
    mount_state
    binaries=$(cd "$binaries" 2>/dev/null && pwd) || die "no folder $binaries; run bin/build, or set FLOTILLA_BIN_DIR"
    set_provision_options
    save_settings
    # Leftovers of a cluster whose network went (crash, `ip netns delete`) hold the old one; they cannot be used again.
    if ! network_exists && [[ -n $(machine_names) ]]; then
        end_processes
    fi
    network_up
    security_make
    etcd_start
    security_etcd
    for ((number = ${2:-1}; number <= count; number++)); do
        name=worker-$number
        agent_joined "$name" 2>/dev/null && continue
        waiting+=("$name")
        machine_start "$name"
    done
    for name in "${waiting[@]}"; do
        machine_wait "$name"
        [[ $flotilla_terminal == yes ]] || say "$name is up"
    done
    say "${#waiting[@]} machines booted in $((SECONDS - began)) s"
    cluster_status
}

cluster_status() {
    local name member columns='%-12s %-9s %-14s %-8s %-10s %s\n'
    # shellcheck disable=SC2059
    printf "$columns" MACHINE ID IP STATE AGENT MEMORY
    # shellcheck disable=SC2059
    printf "$columns" bootstrap - "$bootstrap_address" "$(etcd_status)" - "$(cgroup_memory "$cluster_name/bootstrap") MiB"
    for member in $(etcd_members | tail -n +2); do
        # shellcheck disable=SC2059
        printf "$columns" "etcd-$member" - "$(etcd_address "$member")" "$(etcd_status "$member")" - -
    done
    while read -r name; do
        local condition agent=- memory=-
        condition=$(machine_state "$name")
        if [[ $condition != down ]]; then
            agent=$(in_machine "$name" systemctl is-active node-agent.service || true)
            agent_healthy "$name" && agent=healthy
            memory="$(cgroup_memory "$cluster_name/$name") MiB"
        fi
        # shellcheck disable=SC2059
        printf "$columns" "$name" "$(machine_id "$name" | head -c 8)" "$(machine_address "$name")" "$condition" "$agent" \
            "$memory"
    done < <(machine_names)
}

# answering_machine: the first machine whose agent is well; when none is, the first whose agent answers at all, since one that has no
# etcd, or refuses it, is there to be asked what is wrong.
answering_machine() {
    local name check
    for check in agent_healthy agent_answers; do
        while read -r name; do
            if "$check" "$name"; then
                printf '%s\n' "$name"
                return 0
            fi
        done < <(machine_names)
    done
    die "no machine's node agent answers; see: bin/local-cluster status"
}

# healthy_socket: the API socket of a machine whose agent answers.
healthy_socket() {
    local name
    name=$(answering_machine)
    machine_socket "$name"
}

# healthy_endpoint: the same, as an address for the command line in the cluster's network.
healthy_endpoint() {
    local name
    if [[ $secured == no ]]; then
        printf 'unix:%s\n' "$(healthy_socket)"
        return 0
    fi
    name=$(answering_machine)
    printf 'tls:%s:%d\n' "$(machine_address "$name")" "$api_port"
}

# end_processes: all that belongs to this cluster, whether its number is known or not.
end_processes() {
    local name
    while read -r name; do
        machine_end "$name"
    done < <(machine_names)
    etcd_signal KILL
    cgroup_kill "$cluster_name"
    wait_until 60 "processes to end" cgroup_empty "$cluster_name" ||
        die "processes of the cluster do not end: $(find /sys/fs/cgroup -path "*/$cluster_name/*" -name cgroup.procs \
            -exec cat {} + | sort -un | tr '\n' ' ')"
    cgroup_remove "$cluster_name"
}

cluster_down() {
    local made=no was=no folder
    [[ -e $state ]] && was=yes
    end_processes
    network_down
    [[ -e $state/made-run-systemd ]] && made=yes
    while mountpoint --quiet "$state"; do
        umount "$state" || die "cannot unmount $state: still in use; see: fuser -vm $state"
    done
    rm -rf "$state"
    # nspawn's own leavings: it makes these for each machine and, killed, does not remove them.
    for folder in /run/systemd/nspawn/{propagate,unix-export}/"$cluster_name"-worker-*; do
        [[ -d $folder ]] || continue
        umount "$folder" 2>/dev/null || true
        rmdir "$folder" 2>/dev/null || true
    done
    # Another cluster, or a systemd that really runs here, may have come to need it.
    if [[ $made == yes && $(cat /proc/1/comm) != systemd ]]; then
        rmdir /run/systemd/system 2>/dev/null || true
    fi
    rm -f "$state.lock"
    if [[ $was == yes ]]; then say "ended the cluster at $state"; else say "no cluster at $state"; fi
}
