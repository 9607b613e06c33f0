// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One file per rule that decides what systemd runs, when and how.
enum RunTexts {
    /// What stands in `[Service]` and, where it says so itself, in other sections.
    static let rows: [(name: String, text: String)] = lines + settings + units

    /// What becomes of `ExecStart=` and its like.
    private static let lines: [(name: String, text: String)] = [
        ("run-plain", "[Service]\nExecStart=/bin/echo a b\n"),
        ("run-blanks", "[Service]\n  ExecStart \t=  /bin/echo  a\t b  \n"),
        ("run-no-newline", "[Service]\nExecStart=/bin/echo a"),
        ("run-crlf", "[Service]\r\nExecStart=/bin/echo a \\\r\n  b\r\nUser=daemon\r\n"),
        ("run-two", "[Service]\nType=oneshot\nExecStart=/bin/echo a\nExecStart=/bin/echo b\n"),
        ("run-reset", "[Service]\nExecStart=/bin/echo a\nExecStart=\nExecStart=/bin/echo b\n"),
        ("run-reset-blank", "[Service]\nExecStart=/bin/echo a\nExecStart= \t\nExecStart=/bin/echo b\n"),
        ("run-reset-continued", "[Service]\nExecStart=/bin/echo a\nExecStart=\\\n\nExecStart=/bin/echo b\n"),
        ("run-reset-other", "[Service]\nExecStart=/bin/echo a\nExecStartPre=\nExecStop=\n"),
        ("run-old-comment", "[Service]\n# old: /bin/false \\\nExecStart=/bin/echo new\n"),
        ("run-old-comment-two", "[Service]\n# ExecStart=/bin/false \\\n#   --old \\\nExecStart=/bin/echo new\n"),
        (
            "run-old-comment-rest",
            "[Service]\n# ExecStart=/bin/false \\\n   --old \\\n   --older\nExecStart=/bin/echo new\n"
        ),
        ("run-semicolon-comment", "[Service]\n; ExecStart=/bin/false \\\nExecStart=/bin/echo new\n"),
        ("run-continued", "[Service]\nExecStart=/bin/echo \\\n  a \\\n  b\n"),
        ("run-continued-first", "[Service]\nExecStart=\\\n  /bin/echo a\n"),
        ("run-continued-inside", "[Service]\nExecStart=/bin/ec\\\nho a\n"),
        ("run-continued-comment", "[Service]\nExecStart=/bin/echo a \\\n# b \\\n  c\n"),
        ("run-continued-comments", "[Service]\nExecStart=/bin/echo a \\\n  # b\n; c\n  d\nUser=daemon\n"),
        ("run-continued-blank", "[Service]\nExecStart=/bin/echo a \\\n\nUser=daemon\n"),
        ("run-continued-assignment", "[Service]\nExecStart=/bin/echo a \\\nUser=daemon\n"),
        ("run-continued-header", "[Service]\nExecStart=/bin/echo a \\\n[Unit]\nUser=daemon\n"),
        ("run-continued-end", "[Service]\nExecStart=/bin/echo a \\"),
        ("run-continued-quoted", "[Service]\nExecStart=/bin/sh -c \"echo a; \\\n  echo b\"\n"),
        ("run-two-backslashes", "[Service]\nExecStart=/bin/echo a\\\\\nUser=daemon\n"),
        ("run-three-backslashes", "[Service]\nExecStart=/bin/echo a\\\\\\\nb\n"),
        ("run-backslash-blank", "[Service]\nExecStart=/bin/echo a \\ \nUser=daemon\n"),
        ("run-quotes", "[Service]\nExecStart=/bin/echo \"a b\" 'c d' e\"f g\"h ''\n"),
        ("run-quotes-nested", "[Service]\nExecStart=/bin/sh -c 'echo \"a  b\" # no; comment'\n"),
        ("run-quotes-escaped", "[Service]\nExecStart=/bin/echo \"a\\\"b\" 'c\\'d'\n"),
        ("run-quoted-path", "[Service]\nExecStart=\"/bin/echo\" a\n"),
        ("run-escapes", "[Service]\nExecStart=/bin/echo a\\tb \\x41\\101 \\u00e9 c\\sd \\\\n\n"),
        ("run-escape-unknown", "[Service]\nExecStart=/bin/grep \\d+\\.txt \"\\w \\n\"\n"),
        ("run-semicolons", "[Service]\nType=oneshot\nExecStart=/bin/echo a ; /bin/echo b ; -/bin/echo c\n"),
        ("run-semicolon-escaped", "[Service]\nExecStart=/bin/find / -exec echo {} \\; -print\n"),
        ("run-semicolon-quoted", "[Service]\nExecStart=/bin/echo \";\" a;b ;c\n"),
        ("run-semicolon-end", "[Service]\nExecStart=/bin/echo a ;\n"),
        ("run-hash", "[Service]\nExecStart=/bin/echo a # b\n"),
        ("run-specifiers", "[Service]\nExecStart=/bin/echo %n %N %p %P %i %I %j %J %f 100%%\n"),
        ("run-specifiers-machine", "[Service]\nExecStart=/bin/echo %H %m %t/x %S %v %b %h\n"),
        ("run-specifier-blank", "[Service]\nExecStart=/bin/echo \"%n x\" a%ib %% %\n"),
        ("run-specifier-path", "[Service]\nExecStart=/opt/%j/%J --x\n"),
        ("run-variables", "[Service]\nExecStart=/bin/echo ${A} $B $$C \"${D} e\"\n"),
        ("run-prefix-minus", "[Service]\nExecStart=-/bin/echo a\n"),
        ("run-prefix-at", "[Service]\nExecStart=@/bin/echo name a\n"),
        ("run-prefix-many", "[Service]\nExecStart=-@:/bin/echo name a\nExecStop=+/bin/true\nExecReload=!/bin/true\n"),
        ("run-path", "[Service]\nExecStart=/bin//./echo a//b\n"),
        ("run-name", "[Service]\nExecStart=echo a\n"),
        ("run-scripts", "[Service]\nExecStart=/bin/echo Grüße 世界\n"),
        ("run-equals", "[Service]\nExecStart=/bin/echo A=b =c\n"),
        ("run-brackets", "[Service]\nExecStart=/bin/sh -c 'if [ -e x ]; then :; fi'\n"),
        ("run-mark", "\u{FEFF}[Service]\nExecStart=/bin/echo a\n"),
        ("run-long", "[Service]\nExecStart=/bin/echo " + String(repeating: "x", count: 9000) + "\n"),
        (
            "run-all",
            "[Service]\nExecCondition=/bin/a\nExecStartPre=-/bin/b\nExecStart=/bin/c\nExecStartPost=/bin/d\n"
                + "ExecReload=/bin/kill -HUP $MAINPID\nExecStop=/bin/e\nExecStopPost=/bin/f\nExecStopPost=/bin/g\n"
        ),
        ("run-case", "[Service]\nExecStart=/bin/echo a\nexecstart=/bin/echo b\n[service]\nExecStart=/bin/echo c\n"),
        ("run-sections", "[Service]\nExecStart=/bin/echo a\n[Unit]\nExecStop=/bin/no\n[Service]\nExecStop=/bin/yes\n"),
        ("run-foreign", "[X-Service]\nExecStart=/bin/no\n[Service]\nExecStart=/bin/yes\n[X-Fleet]\nExecStop=/bin/no\n"),
    ]

    /// What becomes of the other settings of a service.
    private static let settings: [(name: String, text: String)] = [
        ("set-type", "[Service]\nType=oneshot\nType=\nType=nonsense\nExecStart=/bin/true\n"),
        ("set-type-last", "[Service]\nType=oneshot\nType=notify\nExecStart=/bin/true\n"),
        ("set-type-case", "[Service]\nType=Oneshot\nExecStart=/bin/true\n"),
        ("set-type-none", "[Service]\nExecStop=/bin/true\nRemainAfterExit=yes\n"),
        ("set-type-bus", "[Service]\nBusName=org.example.A\nExecStart=/bin/true\n"),
        ("set-type-comment", "[Service]\nType=oneshot # at boot\nExecStart=/bin/true\n"),
        ("set-restart", "[Service]\nRestart=always\nRestart=\nExecStart=/bin/true\n"),
        ("set-restart-odd", "[Service]\nRestart=on-failure\nRestart=yes\nExecStart=/bin/true\n"),
        ("set-restart-span", "[Service]\nRestartSec=1min 30s\nExecStart=/bin/true\n"),
        ("set-restart-fraction", "[Service]\nRestartSec=0.25\nExecStart=/bin/true\n"),
        ("set-restart-odd-span", "[Service]\nRestartSec=5\nRestartSec=soon\nRestartSec=\nExecStart=/bin/true\n"),
        ("set-timeouts", "[Service]\nTimeoutSec=20\nTimeoutStopSec=1h 2m\nExecStart=/bin/true\n"),
        ("set-timeouts-order", "[Service]\nTimeoutStopSec=1h\nTimeoutSec=20\nExecStart=/bin/true\n"),
        ("set-timeouts-zero", "[Service]\nTimeoutStartSec=0\nTimeoutStopSec=infinity\nExecStart=/bin/true\n"),
        ("set-timeouts-units", "[Service]\nTimeoutStartSec=2 weeks 500ms\nTimeoutStopSec=90sec\nExecStart=/bin/true\n"),
        ("set-timeouts-oneshot", "[Service]\nType=oneshot\nExecStart=/bin/true\n"),
        ("set-user", "[Service]\nUser=daemon\nGroup=%p\nGroup=adm\nExecStart=/bin/true\n"),
        ("set-user-reset", "[Service]\nUser=daemon\nUser=\nExecStart=/bin/true\n"),
        ("set-folder", "[Service]\nWorkingDirectory=/var//lib/./x/\nExecStart=/bin/true\n"),
        ("set-folder-optional", "[Service]\nWorkingDirectory=-/srv/%p\nExecStart=/bin/true\n"),
        ("set-folder-home", "[Service]\nUser=root\nWorkingDirectory=~\nExecStart=/bin/true\n"),
        ("set-folder-reset", "[Service]\nWorkingDirectory=/srv\nWorkingDirectory=\nExecStart=/bin/true\n"),
        ("set-kill", "[Service]\nKillMode=process\nKillMode=\nKillMode=all\nSendSIGKILL=no\nExecStart=/bin/true\n"),
        ("set-kill-odd", "[Service]\nKillMode=process\nKillMode=all\nExecStart=/bin/true\n"),
        ("set-kill-last", "[Service]\nKillMode=none\nKillMode=mixed\nExecStart=/bin/true\n"),
        ("set-env", "[Service]\nEnvironment=A=b C=d\nEnvironment=\"E=f g\" 'H=i j'\nExecStart=/bin/true\n"),
        ("set-env-again", "[Service]\nEnvironment=A=b C=d\nEnvironment=A=e\nExecStart=/bin/true\n"),
        ("set-env-reset", "[Service]\nEnvironment=A=b\nEnvironment=\nEnvironment=C=d\nExecStart=/bin/true\n"),
        ("set-env-continued", "[Service]\nEnvironment=A=b \\\n# X=no\n  C=d\nExecStart=/bin/true\n"),
        ("set-env-inside", "[Service]\nEnvironment=A=\"b c\" D=e\\tf G=%i%% H= I\nExecStart=/bin/true\n"),
        ("set-env-files", "[Service]\nEnvironmentFile=/etc/a\nEnvironmentFile=-/etc//b %p\nExecStart=/bin/true\n"),
        ("set-env-files-reset", "[Service]\nEnvironmentFile=/etc/a\nEnvironmentFile=\nExecStart=/bin/true\n"),
        ("set-remain", "[Service]\nType=oneshot\nRemainAfterExit=true\nRemainAfterExit=\nExecStart=/bin/true\n"),
    ]

    /// What decides on which other units a unit depends, and whether it is started.
    private static let units: [(name: String, text: String)] = [
        ("unit-needs", "[Unit]\nRequires=a.service b.socket\nAfter=a.service\nAfter=b.socket\n"),
        ("unit-no-reset", "[Unit]\nRequires=a.service\nRequires=\nAfter=a.service\nAfter=\nWants=c.service\n"),
        ("unit-continued", "[Unit]\nWants=a.service \\\n  b.service\nBindsTo=\\\n c.service\n"),
        ("unit-old-comment", "[Unit]\n# Requires=z.service \\\nRequires=a.service\n"),
        ("unit-quoted", "[Unit]\nRequires=\"a.service\" 'b.service'\nConflicts=c.service\n"),
        ("unit-escaped", "[Unit]\nRequires=my\\x2dapp.service\nAfter=dev-disk-by\\x2dlabel-x.device\n"),
        ("unit-specifiers", "[Unit]\nBindsTo=main@%i.service\nPartOf=%p@main.service\nBefore=%j.service\n"),
        ("unit-rest", "[Unit]\nRequisite=a.service\nOnFailure=mend@%p.service\nBefore=b.target\n"),
        ("unit-spelled", "[Unit]\nrequires=a.service\nRequire=b.service\nWants=c.service,d.service\n"),
        ("unit-checks", "[Unit]\nConditionPathExists=/a\nConditionPathExists=!/b//c\nAssertPathIsDirectory=|/d\n"),
        ("unit-checks-reset", "[Unit]\nConditionPathExists=/a\nConditionHost=x\nConditionHost=\nConditionUser=root\n"),
        ("unit-checks-blank", "[Unit]\nConditionPathExists=| ! /a\nConditionKernelCommandLine= | quiet\n"),
        ("unit-checks-blank-path", "[Unit]\nConditionPathExists=| /a\nConditionPathExists=! /b\nConditionHost=| ! x\n"),
        ("unit-checks-relative", "[Unit]\nConditionPathExists=a/b\nConditionPathExists=!|/c\nConditionPathExist=/d\n"),
        ("unit-checks-specifiers", "[Unit]\nConditionPathExists=/x/%p/%i\nConditionHost=%H\nAssertFileNotEmpty=%t/y\n"),
    ].map { ($0, $1 + "[Service]\nExecStart=/bin/true\n") }

    /// `[Install]` sections, as `systemctl enable` follows them.
    static let installs: [(name: String, text: String)] = [
        ("in-plain.service", "WantedBy=multi-user.target\n"),
        ("in-words.service", "WantedBy=a.target b.target\nRequiredBy=c.service\nWantedBy=a.target d.target\n"),
        ("in-reset.service", "WantedBy=a.target\nWantedBy=\nWantedBy=b.target\nAlias=x.service\nAlias=\n"),
        ("in-continued.service", "WantedBy=a.target \\\n# no.target \\\n  b.target\n"),
        ("in-comment.service", "# WantedBy=a.target \\\nWantedBy=b.target\n"),
        ("in-quoted.service", "WantedBy=\"a.target\" 'b.target'\nAlias=\"in quoted.service\" 'in-q.service'\n"),
        ("in-escaped.service", "WantedBy=my\\x2dapp.target\nAlias=in\\x2desc.service\n"),
        ("in-alias.service", "Alias=in-a.service in-b.service in-alias.service\n"),
        ("in-alias-type.service", "Alias=in-a.socket\nAlias=in-c.service\n"),
        ("in-specifiers.service", "WantedBy=%p-%N.target\nAlias=other-%p.service\n"),
        ("in-also.service", "WantedBy=a.target\nAlso=in-plain.service in-absent.service\n"),
        ("in-case.service", "wantedby=a.target\nWantedby=b.target\n"),
        ("in-nonsense.service", "WantedBy=a b.target c/d.target\nRequiredBy=e.target\n"),
        ("in-upheld.service", "UpheldBy=a.target\nWantedBy=b.target\n"),
        ("in-any@.service", "WantedBy=multi-user.target %p@%i.target\nDefaultInstance=z\n"),
        ("in-names@.service", "Alias=in-n-%i.service\nRequiredBy=%i.service\n"),
        ("in-template@.service", "Alias=in-t@.service\n"),
        ("in-timer.timer", "WantedBy=timers.target\nAlias=in-every.timer\n"),
    ].map { ($0, "[Unit]\nDescription=x\n[Install]\n" + $1) }

    /// Units that run no program of their own.
    static let others: [(name: String, text: String)] = [
        (
            "on-time.timer",
            "[Timer]\nOnBootSec=5min\nOnUnitActiveSec=1h 30m\nOnActiveSec=\nOnStartupSec=90\nUnit=%p.service\n"
        ),
        ("on-comment.timer", "[Timer]\n# OnBootSec=1 \\\nOnBootSec=2\nUnit=x.service\nUnit=no\nUnit=\n"),
        ("on-port.socket", "[Socket]\nListenStream=80\nListenStream=/run/x//y\nListenDatagram=127.0.0.1:53\n"),
        ("on-reset.socket", "[Socket]\nListenStream=1\nListenDatagram=\nListenStream=2\nListenFIFO=/run/%p\n"),
        ("on-path.path", "[Path]\nPathExists=/a//b\nPathChanged=\nDirectoryNotEmpty=/x/%p\nUnit=y.service\n"),
        ("srv-data.mount", "[Mount]\nWhat=/dev/%p\nWhere=/srv/data\nType=ext3\nType=ext4 \\\n\n"),
    ]
}
