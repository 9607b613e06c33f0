# shellcheck shell=bash
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# Finds the Swift toolchain: sourced, never run.

# need_swift: puts a Swift of at least 6.2 on PATH, or says what is missing.
need_swift() {
    local program version
    if ! command -v swift >/dev/null 2>&1; then
        # Toolchains are often put on PATH for logins only, and sudo starts none.
        program=$(bash --login -c 'command -v swift' 2>/dev/null) || true
        [[ -n $program ]] ||
            die "missing: Swift 6.2 or later, which Debian does not have; unpack the toolchain for Debian 12 from" \
                "swift.org and put its usr/bin on PATH"
        PATH=$PATH:${program%/*}
        export PATH
    fi
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    [[ -n $version ]] || die "$(command -v swift) does not run; try: swift --version"
    if ((${version%.*} < 6 || (${version%.*} == 6 && ${version#*.} < 2))); then
        die "Swift $version at $(command -v swift) is too old; needed: 6.2 or later"
    fi
}
