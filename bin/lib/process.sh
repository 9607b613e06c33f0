# shellcheck shell=bash
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# Processes that outlive the script that started them: sourced, never run.
#
# A file holds "PID START", START being the process's start time in clock ticks since boot: after a crash the number may
# belong to a stranger, whom we must not signal.

# process_start PID: start time, empty when there is no such process or only its zombie.
#
# By the shell's own means, as all that is asked ten times a second: programs would cost the machines their processors.
process_start() {
    local stat fields
    # The program's name may hold line ends: read up to the end.
    { IFS='' read -r -d '' stat || [[ -n $stat ]]; } 2>/dev/null <"/proc/$1/stat" || return 0
    # The program's name, in brackets, may hold spaces: cut up to the last bracket. Then state is field 0, start time 19.
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} == Z || ${fields[0]} == X ]] && return 0
    printf '%s' "${fields[19]}"
}

# process_record FILE PID
process_record() {
    printf '%s %s\n' "$2" "$(process_start "$2")" >"$1"
}

# process_recorded FILE: prints the PID when that very process still lives, else fails.
process_recorded() {
    local pid start
    [[ -r $1 ]] || return 1
    read -r pid start <"$1" || return 1
    [[ -n $start && $(process_start "$pid") == "$start" ]] || return 1
    printf '%s' "$pid"
}

process_gone() {
    ! process_recorded "$1" >/dev/null
}

# process_kill FILE SIGNAL: signals the recorded process; no error when it is gone.
process_kill() {
    local pid
    pid=$(process_recorded "$1") || return 0
    kill -s "$2" "$pid" 2>/dev/null || true
}

# process_end FILE SECONDS: TERM, then KILL when the deadline passes; the file is removed.
process_end() {
    process_kill "$1" TERM
    process_kill "$1" CONT # a paused process cannot take TERM
    if ! wait_until "$2" "process of $1 to end" process_gone "$1"; then
        process_kill "$1" KILL
        wait_until 10 "process of $1 to die" process_gone "$1" || die "cannot end process $(cat "$1") of $1"
    fi
    rm -f "$1"
}
