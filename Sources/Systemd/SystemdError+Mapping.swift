// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

extension SystemdError {
    /// Maps an error that came over the wire.
    ///
    /// - Parameters:
    ///   - name: The D-Bus error name.
    ///   - text: What systemd or the broker says about it.
    ///   - subject: What was asked of what, such as `StartUnit web.service`.
    /// - Source: systemd 252, src/libsystemd/sd-bus/bus-common-errors.h and sd-bus-protocol.h.
    init(busName name: String, text: String, subject: String) {
        let (code, isTransient) = Self.codes[Self.shortName(name)] ?? (.other, false)
        let reason = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        self.init(
            code: code, message: "systemd: \(subject): \(reason.isEmpty ? name : reason)",
            isTransient: isTransient, busName: name)
    }

    /// Maps a negative errno of libsystemd or of the kernel.
    init(errno number: Int32, subject: String) {
        let number = abs(number)
        let reason = String(cString: strerror(number))
        let code: Code
        let isTransient: Bool
        switch number {
        case ENOTCONN, ECONNRESET, EPIPE, ESHUTDOWN: (code, isTransient) = (.disconnected, true)
        case ENOENT, ECONNREFUSED, EHOSTDOWN: (code, isTransient) = (.unreachable, true)
        case ETIMEDOUT: (code, isTransient) = (.timedOut, true)
        case ENOBUFS, EAGAIN, EMFILE, ENFILE, ENOMEM: (code, isTransient) = (.limitExceeded, true)
        case EACCES, EPERM: (code, isTransient) = (.accessDenied, false)
        case EBADMSG, ENXIO: (code, isTransient) = (.malformedAnswer, false)
        case EINVAL: (code, isTransient) = (.invalidArgument, false)
        default: (code, isTransient) = (.system, false)
        }
        self.init(code: code, message: "systemd: \(subject): \(reason)", isTransient: isTransient)
    }

    /// The last part of the name under the prefixes that systemd and the broker use; other names stay whole.
    private static func shortName(_ name: String) -> String {
        for prefix in ["org.freedesktop.systemd1.", "org.freedesktop.DBus.Error.", "System.Error."]
        where name.hasPrefix(prefix) {
            return String(name.dropFirst(prefix.count))
        }
        return name
    }

    private static let codes: [String: (Code, Bool)] = [
        "NoSuchUnit": (.noSuchUnit, false),
        "NoUnitForPID": (.noSuchUnit, false),
        "NoUnitForInvocationID": (.noSuchUnit, false),
        "UnitMasked": (.masked, false),
        "UnitGenerated": (.refused, false),
        "UnitLinked": (.refused, false),
        "BadUnitSetting": (.badUnitSetting, false),
        "LoadFailed": (.loadFailed, false),
        "UnitBusy": (.conflict, true),
        "OnlyByDependency": (.refused, false),
        "NoIsolation": (.refused, false),
        "JobTypeNotApplicable": (.refused, false),
        "NotSupported": (.refused, false),
        "TransactionJobsConflicting": (.conflict, false),
        "TransactionOrderIsCyclic": (.conflict, false),
        "TransactionIsDestructive": (.conflict, true),
        "UnitExists": (.fileExists, false),
        "UnitInactive": (.noSuchProcess, false),
        "NoSuchProcess": (.noSuchProcess, false),
        "ESRCH": (.noSuchProcess, false),
        "FileExists": (.fileExists, false),
        "EEXIST": (.fileExists, false),
        "FileNotFound": (.fileNotFound, false),
        "ENOENT": (.fileNotFound, false),
        "EISDIR": (.invalidArgument, false),
        "EINVAL": (.invalidArgument, false),
        "InvalidArgs": (.invalidArgument, false),
        "UnknownObject": (.noSuchUnit, false),
        "AccessDenied": (.accessDenied, false),
        "InteractiveAuthorizationRequired": (.accessDenied, false),
        "EACCES": (.accessDenied, false),
        "EPERM": (.accessDenied, false),
        "ShuttingDown": (.shuttingDown, true),
        "LimitsExceeded": (.limitExceeded, true),
        "NoMemory": (.limitExceeded, true),
        "NoReply": (.timedOut, true),
        "Timeout": (.timedOut, true),
        "TimedOut": (.timedOut, true),
        "ETIMEDOUT": (.timedOut, true),
        "Disconnected": (.disconnected, true),
        "NoServer": (.unreachable, true),
        "ServiceUnknown": (.unreachable, true),
        "NameHasNoOwner": (.unreachable, true),
        "ECONNRESET": (.disconnected, true),
        "ENOTCONN": (.disconnected, true),
        "EPIPE": (.disconnected, true),
        "EBUSY": (.conflict, true),
    ]
}
