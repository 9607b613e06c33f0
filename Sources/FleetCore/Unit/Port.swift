// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A port of a machine that one unit alone can have (`Ports=`).
package struct Port: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// What is spoken on it: the same number of another protocol is another port.
    package enum Transport: String, Hashable, Sendable, CaseIterable {
        case tcp
        case udp
    }

    /// 1 to 65535.
    package let number: Int
    package let transport: Transport

    /// Reads `8080`, which is TCP, `8080/tcp` or `53/udp`.
    ///
    /// Fails for anything else, also for a number that is written with a sign or with zeros before it.
    package init?(_ text: String) {
        let sides = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let digits = sides.first.map({ String(Substring($0)) }), let number = Int(digits),
            String(number) == digits, (1...65535).contains(number)
        else { return nil }
        self.number = number
        guard sides.count > 1 else {
            transport = .tcp
            return
        }
        guard let transport = Transport(rawValue: String(Substring(sides[1]))) else { return nil }
        self.transport = transport
    }

    package static func < (left: Port, right: Port) -> Bool {
        left.number == right.number ? left.transport.rawValue < right.transport.rawValue : left.number < right.number
    }

    /// With its protocol, whether the file says it or not.
    package var description: String { "\(number)/\(transport.rawValue)" }

    /// The parts of a line of `Ports=`, without the white space around them.
    static func items(of line: String) -> [String] {
        line.split(separator: ",", omittingEmptySubsequences: false).map { String(UnitText.trimmed($0)) }
    }
}
