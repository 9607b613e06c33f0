// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Unit files of the kinds that people ran under fleet, in words of our own.
///
/// What they have in common with those: containers that are removed before they are run, units that announce another one and live and
/// die with it, discovery through etcd, timers, and every spelling of fleet's section, old ones too.
enum FleetTexts {
    static let rows: [(name: String, text: String)] = containers + companions + jobs + sections

    /// For each option of fleet's section in `text`, a text in which systemd reads that option's values as a description.
    static func twins(of text: String) -> [(option: String, text: String)] {
        let names = [
            "MachineID", "MachineOf", "MachineMetadata", "Conflicts", "Replaces", "Global", "RunAgain",
            "X-ConditionMachineID", "X-ConditionMachineBootID", "X-ConditionMachineOf", "X-ConditionMachineMetadata",
            "X-Conflicts",
        ]
        func name(of line: Substring) -> String? {
            let name = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)[0]
                .trimmingPrefix { $0 == " " || $0 == "\t" }.split { $0 == " " || $0 == "\t" }.first
            return name.flatMap { name in names.first { $0 == name } }
        }
        guard let start = text.firstRange(of: "[X-Fleet]")?.upperBound else { return [] }
        let lines: [Substring] = text[start...].split(separator: "\n", omittingEmptySubsequences: false)
        return Set(lines.compactMap(name)).sorted().map { option in
            let twin = lines.map { line in
                let text = line.replacing("%", with: "%%")
                guard name(of: line) == option, let equals = text.firstIndex(of: "=") else { return text }
                return "Description" + text[equals...]
            }
            return (option, "[Unit]" + twin.joined(separator: "\n"))
        }
    }

    static func section(_ lines: String...) -> String {
        "\n[X-Fleet]\n" + lines.map { $0 + "\n" }.joined()
    }

    private static let containers: [(name: String, text: String)] = [
        (
            "shop@.service",
            """
            [Unit]
            Description=Shop front, number %i
            Requires=docker.service
            After=docker.service etcd.service

            [Service]
            TimeoutStartSec=0
            KillMode=none
            EnvironmentFile=/etc/environment
            ExecStartPre=-/usr/bin/docker kill shop-%i
            ExecStartPre=-/usr/bin/docker rm shop-%i
            ExecStartPre=/usr/bin/docker pull example.org/shop:3
            ExecStart=/usr/bin/docker run --rm --name shop-%i -p 80:8080 \\
              -e "ETCD=http://${COREOS_PRIVATE_IPV4}:4001" \\
              example.org/shop:3
            ExecStop=/usr/bin/docker stop shop-%i
            Restart=always
            RestartSec=10s

            """ + section("Conflicts=shop@*.service")
        ),
        (
            "shell-run.service",
            """
            [Unit]
            Description=Through a shell, with a variable from etcd

            [Service]
            User=core
            ExecStart=/bin/bash -c '\\
              HOST=$(/usr/bin/etcdctl get /db/host); \\
              exec /usr/bin/docker run --rm --name web -e DB=$${HOST} example.org/web'
            ExecStop=-/bin/bash -c "/usr/bin/docker stop -t 3 web; true"

            """ + section("MachineMetadata=role=web")
        ),
        (
            "cache@.service",
            """
            [Unit]
            Description=%p, number %i of many (%n)
            [Service]
            Environment="NAME=%p-%i" 'OPTS=--maxmemory 64mb --save ""'
            ExecStartPre=-/usr/bin/docker rm -f ${NAME}
            ExecStart=/usr/bin/docker run --name ${NAME} example.org/cache $OPTS
            ExecStopPost=-/usr/bin/docker rm -f ${NAME}

            """ + section("MachineMetadata=\"disk=ssd\" \"zone=a\"", "Conflicts=%p@*.service")
        ),
        (
            "queue.service",
            """
            [Unit]
            Description=queue ; with a semicolon # and a hash
            After=network-online.target
            Wants=network-online.target

            [Service]
            ExecStartPre=/usr/bin/mkdir -p /var/lib/queue ; /usr/bin/chown 999 /var/lib/queue
            ExecStart=/usr/bin/docker run --name=queue \\
            # --publish=5672:5672 \\
              --publish=15672:5672 \\
            ; --link=other:other \\
              --volume=/var/lib/queue:/data example.org/queue
            RestartSec=1min
            Restart=on-failure

            """ + section("MachineID=148a18ff-6e95-4cd8-92da-c9de9bb90d5a")
        ),
        (
            "rkt-pod.service",
            """
            [Service]
            Slice=machine.slice
            ExecStart=/usr/bin/rkt run --inherit-env --port=http:80 example.org/pod:1.0.0,version=1
            ExecStopPost=/usr/bin/rkt gc --mark-only
            KillMode=mixed
            Restart=always

            """ + section("Global=true")
        ),
        (
            "data-volume.service",
            """
            [Unit]
            Description=A container that holds a volume and ends
            [Service]
            Type=oneshot
            RemainAfterExit=yes
            ExecStart=-/bin/sh -c "docker inspect data >/dev/null 2>&1 || docker run --name data -v /data busybox true"

            """ + section("MachineOf=database.service")
        ),
        (
            "registry.service",
            """
            [Unit]
            Description=Registry
            After=docker.service

            [Service]
            # was: ExecStart=/usr/bin/docker run -p 5000:5000 registry:0.9 \\
            ExecStart=/usr/bin/docker run -p 5000:5000 registry:2
            Restart=always
            StartLimitInterval=0

            """
        ),
        (
            "grid-node@.service",
            """
            [Unit]
            Description = grid node %i
            [Service]
            ExecStart = /usr/bin/docker run  --net=host  -e "N=%i"  -e 'TAG=a\\x2db'  grid/node
            TimeoutStopSec = 2min 5s
            """ + section("X-Conflicts=grid-node@*.service")
        ),
        (
            "old-shell.service",
            """
            [Service]
            ExecStart=/bin/sh -c "while true; do echo \\"Hello World\\"; sleep 1; done"

            """
        ),
        (
            "proxy@.service",
            """
            [Unit]
            BindsTo=shop@%i.service
            After=shop@%i.service
            ConditionPathExists=!/etc/no-proxy-%i

            [Service]
            WorkingDirectory=-/srv/proxy/%i
            ExecStartPre=/usr/bin/test -n "${PEER}"
            ExecStart=@/usr/sbin/proxy proxy-%i -f /run/proxy-%i.conf
            ExecReload=/bin/kill -HUP $MAINPID

            """ + section("MachineOf=shop@%i.service")
        ),
    ]

    private static let companions: [(name: String, text: String)] = [
        (
            "shop-discovery@.service",
            """
            [Unit]
            Description=Announces shop %i
            BindsTo=shop@%i.service
            After=shop@%i.service

            [Service]
            EnvironmentFile=/etc/environment
            ExecStart=/bin/sh -c "while true; do etcdctl set /shop/%i '{\\"host\\":\\"${COREOS_PRIVATE_IPV4}\\",\\"port\\":80}' --ttl 60; sleep 45; done"
            ExecStop=/usr/bin/etcdctl rm /shop/%i

            """ + section("MachineOf=shop@%i.service")
        ),
        (
            "shop-log@.service",
            """
            [Unit]
            Requisite=shop@%i.service
            PartOf=shop@%i.service
            After=shop@%i.service
            [Service]
            ExecStart=/bin/sh -c '/usr/bin/journalctl -f -u shop@%i.service -o cat | /usr/bin/ncat logs.example.org 5514'
            Restart=always

            """ + section("X-ConditionMachineOf=shop@%i.service")
        ),
        (
            "skydns-shop.service",
            """
            [Unit]
            Requires=shop.service
            Before=proxy.service
            [Service]
            ExecStart=/usr/bin/sh -ec 'until curl -fs http://127.0.0.1/; do sleep 1; done; \\
                exec curl -XPUT http://127.0.0.1:4001/v2/keys/skydns/shop -d value="{\\"host\\":\\"%H\\"}" -d ttl=90'
            """ + section("MachineOf=shop.service")
        ),
        (
            "backup-sidekick.service",
            """
            [Unit]
            Wants=database.service
            [Service]
            Environment=TARGET=s3://bucket/%H/ KEEP=7
            ExecStart=/opt/bin/backup \\
                      --to "${TARGET}" \\
                      --keep ${KEEP}
            Nice=10
            """ + section("MachineOf=database.service", "MachineMetadata=backup=yes")
        ),
        (
            "lb-register@.service",
            """
            [Unit]
            BindsTo=web@%i.service

            [Service]
            Type=oneshot
            RemainAfterExit=true
            ExecStart=/opt/bin/lb add --instance "%m" --port 80%i
            ExecStop=-/opt/bin/lb remove --instance "%m" --port 80%i

            """ + section("MachineOf=web@%i.service")
        ),
        (
            "presence.service",
            """
            [Unit]
            Description=presence of %H
            [Service]
            ExecStart=/bin/sh -c 'while :; do etcdctl set /machines/%m/%b alive --ttl 30; sleep 20; done'
            """ + section("Global=yes")
        ),
        (
            "dns-watch.service",
            """
            [Unit]
            PartOf=dns.service
            OnFailure=mail@%n.service
            [Service]
            ExecStart=/usr/bin/dig +short "example.org" @127.0.0.1
            Restart=on-abnormal
            RestartSec=2500ms
            """ + section("MachineOf=dns.service")
        ),
        (
            "link@.service",
            """
            [Unit]
            Description=joins %i
            BindsTo=a@%i.service b@%i.service
            After=a@%i.service b@%i.service
            [Service]
            ExecStart=/bin/sleep infinity
            """ + section("MachineOf=\"a@%i.service\" \"b@%i.service\"")
        ),
        (
            "mate.service",
            """
            [Unit]
            Requires=captain.service
            After=captain.service
            [Service]
            ExecStart=/bin/sleep infinity
            """ + section("MachineOf=captain.service # same host")
        ),
    ]
}
