# shellcheck shell=bash
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# What every script says and how: sourced, never run.
#
# Results go to standard output; progress, warnings and errors go to standard error, so that output can be piped.

# Whether progress may rewrite its own line.
if [[ -t 2 ]]; then
    flotilla_terminal=yes
else
    flotilla_terminal=no
fi

# say TEXT...: one line of progress.
say() {
    clear_progress
    printf '%s\n' "$*" >&2
}

# warn TEXT...: something is odd, work goes on.
warn() {
    clear_progress
    printf 'warning: %s\n' "$*" >&2
}

# die TEXT...: what failed, on what, why, and what to do; ends the script with status 1.
die() {
    clear_progress
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# usage_error TEXT...: the caller's arguments are wrong; ends the script with status 2.
usage_error() {
    printf 'error: %s\n' "$*" >&2
    printf 'try: %s --help\n' "${0##*/}" >&2
    exit 2
}

# progress TEXT...: a line that the next one replaces; nothing when nobody is looking.
progress() {
    [[ $flotilla_terminal == yes ]] || return 0
    printf '\r\033[K%s' "$*" >&2
}

clear_progress() {
    [[ $flotilla_terminal == yes ]] || return 0
    printf '\r\033[K' >&2
}

# show_help FILE: prints the comment block that follows the SPDX lines of a script as its help text.
show_help() {
    awk 'NR > 1 && !/^#/ { exit } NR > 1 && !/SPDX-/ { sub(/^# ?/, ""); print }' "$1" | sed '/./,$!d'
}

# need_root COMMAND: refuses with the command line that would work.
need_root() {
    [[ $EUID -eq 0 ]] || die "$1 needs root (network namespaces, machines, packages); run: sudo $1"
}

# need_commands COMMAND:PACKAGE...: names every missing program and the Debian package that brings it.
need_commands() {
    local pair missing=() packages=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null 2>&1 && continue
        missing+=("${pair%%:*}")
        packages+=("${pair#*:}")
    done
    [[ ${#missing[@]} -eq 0 ]] && return 0
    die "missing: ${missing[*]}; run bin/install-prerequisites, or: apt-get install ${packages[*]}"
}

# wait_until SECONDS WHAT COMMAND...: polls COMMAND until it succeeds; 1 when the deadline passes first.
wait_until() {
    local deadline=$1 what=$2 began=$SECONDS
    shift 2
    until "$@"; do
        if ((SECONDS - began >= deadline)); then
            clear_progress
            return 1
        fi
        progress "waiting for $what ($((SECONDS - began)) s of at most $deadline s)"
        sleep 0.1
    done
    clear_progress
}
