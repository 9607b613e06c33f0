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

# compile_headers FOLDER OPTIMISATION: what the C++ of packages takes of the standard library, compiled once; sets cxx_flags.
#
# That C++ is BoringSSL, once of swift-crypto and once of swift-nio-ssl: 520 files, a third of a first build, and nearly half of
# their time went into the same headers again and again. They carry no debugging information either: nobody steps into them. The
# name has in it what it was made from, so that it is made anew where compiler or library changed. Without it all builds as well.
plain_cxx_flags=(-Xcxx -g0)
cxx_flags=()
compile_headers() {
    local folder=$1 optimisation=$2 clang text headers key
    local compile=(-x c++-header -std=c++17 "$optimisation" -fblocks -fPIC -g0 -fno-omit-frame-pointer -w)
    cxx_flags=("${plain_cxx_flags[@]}")
    clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
    [[ -x $clang ]] || return 0
    mkdir -p "$folder"
    text=$(printf '#include <%s>\n' algorithm array atomic functional initializer_list iterator limits memory optional string \
        string_view tuple type_traits utility variant)
    # Only where it differs: what is compiled from a file counts as old when the file's time changes.
    [[ -f $folder/standard.h && $(<"$folder/standard.h") == "$text" ]] || echo "$text" >"$folder/standard.h"
    headers=$("$clang" "${compile[@]}" -M "$folder/standard.h" 2>/dev/null | tr -s ' ' '\n' | grep '^/' | sort -u) || return 0
    key=$({
        "$clang" --version
        printf '%s\n' "${compile[@]}"
        xargs stat --format '%n %s %Y' <<<"$headers"
    } 2>/dev/null | sha256sum | cut -c 1-16) || return 0
    if [[ ! -s $folder/$key.pch ]]; then
        "$clang" "${compile[@]}" "$folder/standard.h" -o "$folder/$key.pch.new" 2>/dev/null || return 0
        mv "$folder/$key.pch.new" "$folder/$key.pch"
    fi
    cxx_flags+=(-Xcxx -include-pch -Xcxx "$folder/$key.pch")
}

# refuses_headers LOG: whether a build that failed did so for those headers; cxx_flags are without them then, for another try.
#
# A package that compiles its C++ by other rules refuses them, and so does a compiler that cannot read what is there.
refuses_headers() {
    [[ ${#cxx_flags[@]} -gt ${#plain_cxx_flags[@]} ]] || return 1
    grep -q -E 'PCH file|precompiled (file|header)' "$1" || return 1
    cxx_flags=("${plain_cxx_flags[@]}")
}
