# shellcheck shell=bash
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# What bin/purge-discovery deletes: discovery tokens through etcd's v2 API, registrations through its v3 API. Sourced,
# never run.

# v2 METHOD URL: the answer in `answer`; fails on HTTP 404 of a missing key, ends the script on all else that fails.
v2() {
    local code
    answer=$(curl --silent --show-error --location --max-time 10 --request "$1" --write-out '\n%{http_code}' "$2" 2>&1) ||
        die "no answer from $2: ${answer%%$'\n'*}"
    code=${answer##*$'\n'}
    answer=${answer%$'\n'*}
    case $code in
    2*)
        jq --exit-status .node >/dev/null 2>&1 <<<"$answer" || die "$2 is no etcd v2 API: it answers ${answer:0:80}"
        ;;
    404)
        # 100 is etcd's own "Key not found"; any other 404 is not from a v2 API.
        [[ $(jq .errorCode 2>/dev/null <<<"$answer") == 100 ]] ||
            die "$2 does not exist: etcd answers there only when started with --enable-v2"
        return 1
        ;;
    *) die "$1 $2 failed with HTTP status $code: ${answer:0:200}" ;;
    esac
}

# token_nodes BASE TOKEN: the ids of its nodes in `nodes`, one a line; fails when there is no such token. Names that begin
# with _ are hidden by etcd itself.
token_nodes() {
    nodes=''
    v2 GET "$1/$2" || return 1
    # etcd lists them in no order.
    nodes=$(jq --raw-output '.node.nodes[]?.key | split("/") | last' <<<"$answer" | sort)
}

# purge_token URL TOKEN
purge_token() {
    local base=${1%/} token=$2 answer nodes node
    [[ $base =~ ^https?://[^/]+$ ]] && base+=/v2/keys/_etcd/registry
    echo "Cleaning discovered nodes for $1 from $token..."
    token_nodes "$base" "$token" || die "no discovery token '$token' at $base; nothing was deleted"
    if [[ -z $nodes ]] && ! v2 GET "$base/$token/_state"; then
        echo "Nothing to delete."
        return 0
    fi
    while read -r node; do
        [[ -n $node ]] || continue
        echo "Deleting node '$token/$node'..."
        v2 DELETE "$base/$token/$node?recursive=true" || true # gone by itself meanwhile
    done <<<"$nodes"
    echo "Deleting '_state'..."
    v2 DELETE "$base/$token/_state?recursive=true" || true # may never have been there
    token_nodes "$base" "$token" || true
    [[ -z $nodes ]] || die "still or again there: ${nodes//$'\n'/ }; are machines starting with this token?"
    ! v2 GET "$base/$token/_state" || die "$base/$token/_state is still or again there; are machines starting with it?"
}

# log_in SERVER: the token for a secured etcd in `etcd_token`, empty where ETCD_USER is not set; what curl shows in `etcd_proof`.
#
# Neither password nor token is ever an argument of a program, which everybody on the machine could read.
log_in() {
    local password reply
    etcd_token='' etcd_proof=()
    [[ -z ${ETCD_CA_FILE-} ]] || etcd_proof+=(--cacert "$ETCD_CA_FILE")
    [[ -z ${ETCD_CERT_FILE-} ]] || etcd_proof+=(--cert "$ETCD_CERT_FILE" --key "${ETCD_KEY_FILE:?is needed beside ETCD_CERT_FILE}")
    [[ -n ${ETCD_USER-} ]] || return 0
    password=$(head -n 1 "${ETCD_PASSWORD_FILE:?is needed beside ETCD_USER}") || die "cannot read $ETCD_PASSWORD_FILE"
    reply=$(jq --null-input --arg name "$ETCD_USER" --rawfile password <(printf '%s' "$password") '$ARGS.named' |
        curl --silent --show-error --max-time 10 "${etcd_proof[@]}" --data @- \
            "$1/v3/auth/authenticate" 2>&1) || die "no answer from $1/v3/auth/authenticate: $reply"
    etcd_token=$(jq --raw-output '.token // empty' <<<"$reply") || true
    [[ -n $etcd_token ]] || die "etcd at $1 refuses the login of $ETCD_USER"
}

# v3 SERVER PATH JSON: the answer on standard output.
v3() {
    local reply headers=/dev/null
    [[ -z ${etcd_token-} ]] || headers=/dev/stdin
    reply=$(curl --silent --show-error --max-time 10 "${etcd_proof[@]}" --header @"$headers" \
        --data "$3" "$1/v3/$2" 2>&1 <<<"Authorization: ${etcd_token-}") || die "no answer from $1/v3/$2: $reply"
    jq --exit-status 'has("header") or has("result")' >/dev/null 2>&1 <<<"$reply" ||
        die "$1/v3/$2 failed: ${reply:0:200}"
    printf '%s' "$reply"
}

# v3_keys SERVER PREFIX: "KEY LEASE MOD-REVISION" of all keys that begin with PREFIX, KEY in base64.
v3_keys() {
    local from to reply
    from=$(printf '%s' "$2" | base64 --wrap=0)
    to=$(printf '%s0' "${2%/}" | base64 --wrap=0) # "0" comes after "/"
    reply=$(v3 "$1" kv/range "{\"key\":\"$from\",\"range_end\":\"$to\",\"keys_only\":true}") || return 1
    jq --raw-output '.kvs[]? | "\(.key) \(.lease // "0") \(.mod_revision)"' <<<"$reply"
}

# lease_seconds SERVER LEASE: what is left of it; -1 when etcd does not know it.
lease_seconds() {
    local reply
    reply=$(v3 "$1" lease/timetolive "{\"ID\":\"$2\"}") || return 1
    jq --raw-output '.TTL // "-1"' <<<"$reply"
}

# purge_registrations SERVER CLUSTER
purge_registrations() {
    local server=$1 prefix kind key name lease revision left found=no reply listing
    prefix=/flotilla/$2/
    echo "Cleaning registrations of cluster $2 at $server..."
    for kind in machines states; do
        listing=$(v3_keys "$server" "$prefix$kind/")
        while read -r key lease revision; do
            [[ -n $key ]] || continue
            name=$(base64 --decode <<<"$key")
            name=${name#"$prefix"}
            # Not in a condition: there a failed question would count as "no session".
            left=-1
            [[ $lease == 0 ]] || left=$(lease_seconds "$server" "$lease")
            ((left < 0)) || continue
            found=yes
            echo "Deleting '$name'..."
            # Only as it was read: a machine that registers at this moment writes the key anew.
            reply=$(v3 "$server" kv/txn "{\"compare\":[{\"key\":\"$key\",\"target\":\"MOD\",\"mod_revision\":\"$revision\"}],
                \"success\":[{\"request_delete_range\":{\"key\":\"$key\"}}]}")
            jq --exit-status '.succeeded == true' >/dev/null <<<"$reply" || echo "Keeping '$name': changed meanwhile"
        done <<<"$listing"
    done
    [[ $found == yes ]] || echo "Nothing to delete."
}
