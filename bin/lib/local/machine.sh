# shellcheck shell=bash disable=SC2154 # state, cluster_name and the other settings are those of bin/local-cluster
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# A machine of the local cluster: systemd-nspawn with a PID 1 systemd of its own. Sourced, never run.
#
# Machines share the host's /usr (with --packages each writes to its own layer over it) and have all else empty and in memory, so each boot is a first boot. A preset that
# enables nothing keeps the host's own services (web servers, databases, DHCP) out of them.

machine_address() {
    printf '172.17.8.%d' $((100 + ${1#worker-}))
}

# machine_id NAME: the same at each boot and in each cluster; 32 hex digits, as systemd wants.
machine_id() {
    printf 'flotilla %s' "$1" | sha256sum | head -c 32
}

# machine_leader NAME: host's number of the machine's PID 1; fails when the machine is down.
#
# Looked up each time, since a reboot inside the machine makes a new one.
machine_leader() {
    local nspawn child children words
    nspawn=$(process_recorded "$state/machines/$1/nspawn.pid") || return 1
    # While one child ends the kernel may leave others out of the list (proc(5)), and nspawn's helpers end all the time.
    for _ in {1..10}; do
        children=()
        # nspawn has one thread. The list has no line end, which `read` tells as a failure.
        read -ra children 2>/dev/null <"/proc/$nspawn/task/$nspawn/children" || true
        for child in "${children[@]}"; do
            # nspawn's other children are short-lived helpers outside the machine's process namespace.
            while read -ra words; do
                [[ ${words[0]-} == NSpid: ]] || continue
                [[ ${#words[@]} -eq 3 && ${words[2]} == 1 ]] || break
                printf '%s' "$child"
                return 0
            done 2>/dev/null <"/proc/$child/status"
        done
    done
    return 1
}

machine_up() {
    machine_leader "$1" >/dev/null
}

# visit LEADER COMMAND...: runs COMMAND in all namespaces of the machine whose PID 1 is LEADER.
#
# A machine that is going down stops all its processes, ends them, and waits for them (systemd-shutdown, broadcast_signal). A
# visitor's parent is outside: nsenter as parent would stop with its child and never bury it, so a shell is the parent; and
# only a parent gets SIGCHLD, without which systemd-shutdown looks again after 90 seconds, so each visit ends with it.
visit() {
    local leader=$1 status=0
    shift
    # shellcheck disable=SC2016 # the inner shell expands it; its exit keeps it from becoming the command itself
    nsenter --target "$leader" --all --no-fork -- /bin/sh -c '"$@"; exit $?' sh "$@" || status=$?
    kill -s CHLD "$leader" 2>/dev/null || true
    return "$status"
}

# in_machine NAME COMMAND...: runs COMMAND inside the machine.
in_machine() {
    local leader name=$1
    shift
    leader=$(machine_leader "$name") || die "$name is down; run: bin/local-cluster boot $name"
    # env: nothing of the caller's login leaks in, and the program search path is the machine's.
    visit "$leader" env --ignore-environment TERM="${TERM:-dumb}" HOME=/root LANG=C.UTF-8 \
        PATH=/opt/flotilla/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin "$@"
}

machine_must_exist() {
    [[ -d $state/machines/$1 ]] || die "no machine $1 in this cluster; there are: $(machine_names | tr '\n' ' ')"
}

machine_names() {
    [[ -d $state/machines ]] || return 0
    find "$state/machines" -mindepth 1 -maxdepth 1 -name 'worker-*' -printf '%f\n' | sort --version-sort
}

# machine_files NAME: what is bind-mounted into the machine, and its metadata.
machine_files() {
    local folder=$state/machines/$1
    mkdir -p "$folder" "$state/ground"
    echo 'disable *' >"$folder/nothing.preset"
    local before=''
    # A host that is a container itself may forbid packages to restart services; its machines are none.
    [[ -z $package_folder ]] || before='ExecStart=/usr/bin/rm -f /usr/sbin/policy-rc.d'
    cat >"$folder/provision.service" <<END
[Unit]
Description=Address and provisioning of a machine of the local cluster
After=dbus.socket systemd-journald.service
Wants=dbus.socket

[Service]
Type=oneshot
RemainAfterExit=yes
$before
ExecStart=/usr/sbin/ip link set host0 up
ExecStart=/usr/sbin/ip address replace $(machine_address "$1")/24 dev host0
ExecStart=/opt/flotilla/source/bin/provision-machine --role worker --name $1 --address $(machine_address "$1") \\
    --etcd $etcd_url --cluster $flotilla_cluster --session-ttl "$session_ttl" --metadata "$metadata" \\
    --binaries /opt/flotilla/build --link --no-packages $provision_options
END
}

# machine_start NAME: begins the boot and returns; machine_wait waits for its end.
machine_start() {
    local name=$1 folder=$state/machines/$1 bind=() path
    machine_leader "$name" >/dev/null && return 0
    machine_end "$name"
    machine_files "$name"
    for path in /etc/alternatives /etc/ssl/certs; do
        [[ -d $path ]] && bind+=("--bind-ro=$path")
    done
    if [[ $secured == yes && $with_agent == yes ]]; then
        security_machine "$name"
        bind+=("--bind=$folder/identity:/var/lib/flotilla/identity")
        [[ $name != worker-1 ]] || bind+=("--bind=$state/authority:/var/lib/flotilla/authority")
    fi
    if [[ -n $package_folder ]]; then
        # A fresh disk at each boot, as all else is; Debian's database says of the host's packages that they are there.
        rm -rf "${folder:?}"/{usr,dpkg}
        mkdir -p "$folder/usr"
        cp -r /var/lib/dpkg "$folder/dpkg"
        # What they would have done when others are installed, such as reading all manual pages, is the host's own.
        rm -rf "$folder/dpkg/triggers"
        mkdir "$folder/dpkg/triggers"
        # Users and groups of the host's packages are not there.
        rm -f "$folder/dpkg"/statoverride*
        bind+=("--overlay=/usr:$folder/usr:/usr" "--bind=$folder/dpkg:/var/lib/dpkg"
            "--bind-ro=$package_folder:/opt/flotilla/packages")
    fi
    : >"$folder/console.log"
    machine_supervise "$name" "${bind[@]}" </dev/null >>"$folder/console.log" 2>&1 8>&- &
    process_record "$folder/supervisor.pid" $!
    disown
    # The supervisor's first act; without it the machine would count as ended before it began.
    wait_until 60 "$name to start" test -s "$folder/nspawn.pid" || die "$name does not start; $folder/console.log says why"
}

# machine_supervise NAME BIND...: the machine's power supply: starts it, and again each time it reboots itself.
#
# The console is read, into console.log: one that nobody reads fills up, and PID 1, which writes to it as it shuts down, then
# waits for ever.
#
# nspawn with --keep-unit leaves that to its caller: it ends with status 133. The supervisor itself stays outside of the
# machine's control group, for in cgroup v2 a group with processes cannot be divided.
machine_supervise() {
    local name=$1 folder=$state/machines/$1 status=133
    shift
    trap '' HUP # outlives the terminal
    while [[ $status -eq 133 ]]; do
        (
            cgroup_remove "$cluster_name/$name"
            cgroup_make "$cluster_name/$name"
            cgroup_enter "$cluster_name/$name"
            exec setsid nsenter --net="/run/netns/$cluster_name" -- systemd-nspawn --quiet --directory=/ \
                --volatile=yes --register=no --keep-unit --machine="$cluster_name-$name" --hostname="$name" \
                --uuid="$(machine_id "$name")" --network-bridge="$cluster_bridge" --console=read-only \
                --kill-signal=SIGRTMIN+3 --resolv-conf=off --timezone=off --link-journal=no "$@" \
                --bind-ro="$binaries:/opt/flotilla/build" \
                --bind-ro="$repository/bin:/opt/flotilla/source/bin" \
                --bind-ro="$repository/units:/opt/flotilla/source/units" \
                --bind="$state/ground:/opt/flotilla/ground" \
                --bind-ro="$folder/nothing.preset:/etc/systemd/system-preset/00-flotilla.preset" \
                --bind-ro="$folder/provision.service:/etc/systemd/system/flotilla-provision.service" \
                --boot systemd.mask=systemd-firstboot.service systemd.mask=console-getty.service \
                systemd.unit=multi-user.target systemd.wants=flotilla-provision.service
        ) &
        process_record "$folder/nspawn.pid" $!
        status=0
        wait $! || status=$?
    done
    echo "machine ended with status $status"
}

# machine_booted NAME: up and provisioned, or failed for good; the caller asks which.
machine_booted() {
    local leader
    process_gone "$state/machines/$1/nspawn.pid" && return 0
    leader=$(machine_leader "$1") || return 1
    case $(visit "$leader" systemctl is-active flotilla-provision.service 2>/dev/null) in
    active | failed) return 0 ;;
    *) return 1 ;;
    esac
}

# agent_healthy NAME: its node agent says so itself.
agent_healthy() {
    local leader
    leader=$(machine_leader "$1") || return 1
    curl --silent --fail --max-time 3 --output /dev/null \
        --unix-socket "/proc/$leader/root/run/flotilla/api.sock" http://localhost/healthz
}

# agent_answers NAME: its node agent answers, whatever it says of itself.
agent_answers() {
    local leader
    leader=$(machine_leader "$1") || return 1
    curl --silent --max-time 3 --output /dev/null \
        --unix-socket "/proc/$leader/root/run/flotilla/api.sock" http://localhost/healthz
}

# agent_joined NAME: healthy, and a machine of the cluster by its own word.
agent_joined() {
    local leader
    leader=$(machine_leader "$1") || return 1
    curl --silent --fail --max-time 3 --unix-socket "/proc/$leader/root/run/flotilla/api.sock" \
        http://localhost/fleet/v1/machines?all=true 2>/dev/null |
        jq --exit-status --arg id "$(machine_id "$1")" 'any(.machines[]?; .id == $id)' >/dev/null 2>&1
}

# machine_wait NAME: until booted, provisioned and (unless --no-agent) joined.
machine_wait() {
    local name=$1
    wait_until 300 "$name to boot" machine_booted "$name" ||
        die "$name did not boot within 5 minutes; its console: $state/machines/$name/console.log"
    # What has just answered may be missed by one look.
    wait_until 10 "$name to be up" machine_up "$name" ||
        die "$name ended while booting: $(tail -n 1 "$state/machines/$name/console.log"); console: $state/machines/$name/console.log"
    if ! in_machine "$name" systemctl --quiet is-active flotilla-provision.service; then
        in_machine "$name" journalctl --no-pager --unit flotilla-provision.service --lines 10 >&2
        die "provisioning $name failed; its journal is above"
    fi
    [[ $with_agent == yes ]] || return 0
    if ! wait_until 180 "$name's node agent to join" agent_joined "$name"; then
        in_machine "$name" journalctl --no-pager --unit node-agent.service --lines 10 >&2
        die "$name's node agent did not join within 3 minutes; its journal is above, all of it: bin/local-cluster logs $name"
    fi
}

# machine_end NAME: ends what is left of its processes outside the machine.
machine_end() {
    process_kill "$state/machines/$1/supervisor.pid" KILL
    process_kill "$state/machines/$1/nspawn.pid" KILL
    wait_until 60 "$1 to end" machine_ended "$1" || die "$1 does not end"
    rm -f "$state/machines/$1"/{supervisor.pid,nspawn.pid,api.sock}
}

machine_ended() {
    process_gone "$state/machines/$1/supervisor.pid" && process_gone "$state/machines/$1/nspawn.pid"
}

# machine_halt NAME...: the power cut, of several at one instant. Killing PID 1 of a process namespace kills all in it at once.
machine_halt() {
    local name leader leaders=()
    for name in "$@"; do
        process_kill "$state/machines/$name/supervisor.pid" KILL
        if leader=$(machine_leader "$name"); then leaders+=("$leader"); fi
    done
    [[ ${#leaders[@]} -eq 0 ]] || kill -s KILL "${leaders[@]}"
    for name in "$@"; do
        if [[ ${#leaders[@]} -gt 0 ]]; then
            # nspawn sees the end by itself and takes the cable away with it.
            wait_until 60 "$name to lose power" process_gone "$state/machines/$name/nspawn.pid" || true
        fi
        machine_end "$name"
    done
}

# machine_shutdown NAME...: the orderly end, as `systemctl poweroff` inside.
machine_shutdown() {
    local name leader
    for name in "$@"; do
        if leader=$(machine_leader "$name"); then
            kill -s RTMIN+4 "$leader"
            wait_until 120 "$name to shut down" machine_ended "$name" ||
                die "$name does not shut down; to cut its power: bin/local-cluster halt $name"
        fi
        machine_end "$name"
    done
}

# machine_socket NAME: path of its agent's API socket, by a stable name whose target changes at each boot.
machine_socket() {
    local leader
    leader=$(machine_leader "$1") || return 1
    ln -sfn "/proc/$leader/root/run/flotilla/api.sock" "$state/machines/$1/api.sock"
    echo "$state/machines/$1/api.sock"
}

# machine_cable NAME up|down
machine_cable() {
    local leader interface
    leader=$(machine_leader "$1") || die "$1 is down: it has no cable to plug"
    interface=$(machine_interface "$leader") || die "$1 has no network interface host0"
    in_network ip link set "$interface" "$2"
}

# machine_state NAME: down, cut, booting or up.
machine_state() {
    local leader interface
    leader=$(machine_leader "$1") || {
        echo down
        return 0
    }
    interface=$(machine_interface "$leader") || interface=
    if [[ -n $interface ]] && [[ ! $(in_network ip -o link show "$interface") =~ [\<,]UP[,\>] ]]; then
        echo cut
    elif machine_booted "$1"; then
        echo up
    else
        echo booting
    fi
}
