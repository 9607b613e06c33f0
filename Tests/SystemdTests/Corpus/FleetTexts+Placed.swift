// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension FleetTexts {
    /// Units that run now and then, units of other types, and files that differ in fleet's section alone.
    static let jobs: [(name: String, text: String)] = [
        (
            "nightly.service",
            """
            [Unit]
            Description=nightly clean-up
            [Service]
            Type=oneshot
            ExecStart=-/usr/bin/docker system prune -f
            ExecStart=/usr/bin/find /var/tmp -mindepth 1 -mtime +7 -exec rm -rf {} \\;
            """ + section("Global=true", "MachineMetadata=role=worker")
        ),
        (
            "nightly.timer",
            """
            [Unit]
            Description=nightly
            [Timer]
            OnCalendar=*-*-* 03:00:00
            Persistent=true
            """ + section("Global=true")
        ),
        (
            "migrate.service",
            """
            [Service]
            Type=oneshot
            TimeoutStartSec=30min
            ExecStart=/opt/bin/migrate --to latest
            ExecStartPost=/usr/bin/etcdctl set /migrated "%b"
            Restart=no
            """ + section("MachineOf=database.service")
        ),
        (
            "format-disk.service",
            """
            [Unit]
            Before=docker.service var-lib-docker.mount
            ConditionPathExists=!/var/lib/docker.btrfs
            [Service]
            Type=oneshot
            ExecStart=/usr/bin/truncate --size=25G /var/lib/docker.btrfs
            ExecStart=/usr/sbin/mkfs.btrfs /var/lib/docker.btrfs
            """ + section("Global=true")
        ),
        (
            "var-lib-store.mount",
            """
            [Unit]
            Description=store
            Before=docker.service
            [Mount]
            What=/dev/disk/by-label/store
            Where=/var/lib/store
            Type=ext4
            """ + section("MachineMetadata=disk=big")
        ),
        (
            "hello.socket",
            """
            [Socket]
            ListenStream=8080
            """ + section("MachineMetadata=public=1")
        ),
        (
            "spool.path",
            """
            [Path]
            DirectoryNotEmpty=/var/spool/%p
            """ + section("X-ConditionMachineMetadata=spool=yes")
        ),
        (
            "every.timer",
            """
            [Timer]
            OnBootSec=5min
            OnUnitActiveSec=1h
            Unit=nightly.service
            """
        ),
        (
            "batch@.service",
            """
            [Service]
            Type=oneshot
            User=nobody
            Environment=SHARD=%i OF=8
            ExecStart=/opt/bin/batch $SHARD $OF
            TimeoutSec=0
            """ + section("Conflicts=batch@*", "RunAgain=no")
        ),
    ]

    /// Spellings of fleet's section beside units that hardly differ.
    static let sections: [(name: String, text: String)] = [
        ("meta-many", ["MachineMetadata=region=eu", "MachineMetadata=region=us", "MachineMetadata=disk=ssd"]),
        ("meta-quoted", ["MachineMetadata=\"region=eu west\" \"disk=ssd\""]),
        ("meta-spaces", ["MachineMetadata = region=eu", "  MachineMetadata=zone=b  "]),
        ("meta-old", ["X-ConditionMachineMetadata=\"region=eu\"", "MachineMetadata=region=us"]),
        ("id-short", ["MachineID=148a18ff"]),
        ("id-old", ["X-ConditionMachineID=148a18ff6e954cd892dac9de9bb90d5a"]),
        ("id-boot", ["X-ConditionMachineBootID=148a18ff6e954cd892dac9de9bb90d5a"]),
        ("id-specifier", ["MachineID=%i"]),
        ("conflicts-many", ["Conflicts=a@*.service", "Conflicts=b.service c?.service"]),
        ("conflicts-quoted", ["Conflicts=\"a@*.service\" \"[bc].service\""]),
        ("conflicts-continued", ["Conflicts=a@*.service \\", "  b@*.service"]),
        ("conflicts-comment", ["# Conflicts=old@*.service \\", "Conflicts=new@*.service"]),
        ("conflicts-comment-inside", ["Conflicts=a.service \\", "# no: b.service", "  c.service"]),
        ("conflicts-escaped", ["Conflicts=my\\x2dapp@*.service \\*.service"]),
        ("conflicts-self", ["Conflicts=%p@*.%n"]),
        ("replaces", ["Replaces=old@*.service"]),
        ("machine-of-twice", ["MachineOf=a.service", "MachineOf=b.service"]),
        ("global-words", ["Global=True", "Global=no", "Global=on"]),
        ("global-comment", ["; Global=no", "Global=1"]),
        ("empty-values", ["MachineMetadata=a=b", "MachineMetadata=", "Conflicts="]),
        ("case", ["machineof=a.service", "MACHINEID=1", "MachineOf=b.service"]),
        ("blank-lines", ["", "MachineOf=a.service", "", "   ", "Conflicts=b.service"]),
        ("tabs", ["\tMachineOf\t=\ta.service\t"]),
        ("scripts", ["MachineMetadata=ort=Köln", "Conflicts=größe@*.service"]),
    ].map { name, lines in
        let text = "[Unit]\nDescription=%p, placed\n\n[Service]\nExecStart=/bin/sleep infinity\n\n[X-Fleet]\n"
        return ("placed-\(name).service", text + lines.map { $0 + "\n" }.joined())
    }
}
