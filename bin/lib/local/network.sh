# shellcheck shell=bash disable=SC2154 # state, cluster_name and the other settings are those of bin/local-cluster
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# The local cluster's network: one namespace that holds a bridge and everything on it. Sourced, never run.
#
# The addresses are the seed's: 172.17.8.2 bootstrap, 172.17.8.101 and up workers. Inside a namespace of its own they
# meet neither Docker's 172.17.0.0/16 on the host nor a second cluster.

readonly cluster_bridge=cluster0
# Locally administered, so that it meets no real card's.
readonly bridge_hardware_address=02:f1:07:11:a0:01
# shellcheck disable=SC2034 # of etcd's member 1; those of the others are counted from it
readonly bootstrap_address=172.17.8.2

# in_network COMMAND...: runs COMMAND where the cluster's addresses are.
in_network() {
    nsenter --net="/run/netns/$cluster_name" -- "$@"
}

network_exists() {
    [[ -e /run/netns/$cluster_name ]] && nsenter --net="/run/netns/$cluster_name" -- true 2>/dev/null
}

# network_up: completes what is there, and never takes down what lives: machines may hang on it.
network_up() {
    local member
    if ! network_exists; then
        network_down # a crash may have left its name
        ip netns add "$cluster_name" ||
            die "cannot make network namespace $cluster_name: needs a kernel with CONFIG_NET_NS and the right to mount"
    fi
    in_network ip link set lo up
    if ! in_network ip link show dev "$cluster_bridge" >/dev/null 2>&1; then
        in_network ip link add flotilla-probe type veth peer name flotilla-probe2 ||
            die "cannot make a veth pair: needs a kernel with CONFIG_VETH (try: modprobe veth)"
        in_network ip link delete flotilla-probe
        # An address of its own: a bridge without one takes the lowest of its ports' and changes it when that machine is lost;
        # every other machine would then talk to an address that nobody answers, for as long as its neighbour table says so.
        in_network ip link add "$cluster_bridge" address "$bridge_hardware_address" type bridge forward_delay 0 stp_state 0 ||
            die "cannot make a bridge: needs a kernel with CONFIG_BRIDGE (try: modprobe bridge)"
    fi
    in_network ip link set "$cluster_bridge" up
    for member in $(etcd_members); do
        in_network ip address replace "$(etcd_address "$member")/24" dev "$cluster_bridge"
    done
}

network_down() {
    [[ -e /run/netns/$cluster_name ]] || return 0
    # `ip netns delete` fails on a name that lost its mount; the file is then all that is left.
    ip netns delete "$cluster_name" 2>/dev/null || rm -f "/run/netns/$cluster_name"
}

# machine_interface LEADER: the bridge's end of the machine's cable.
#
# Found by index from the machine's own end: the name that nspawn gives it is cut to fit and may carry a hash.
machine_interface() {
    local index
    index=$(nsenter --target "$1" --net ip -json link show host0 2>/dev/null | jq '.[0].link_index') || return 1
    [[ -n $index && $index != null ]] || return 1
    in_network ip -json link show | jq --exit-status --raw-output --argjson index "$index" '.[] | select(.ifindex == $index).ifname'
}
