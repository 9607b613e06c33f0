// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Base64 on byte arrays, with padding, as in RFC 4648 section 4.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let invalid: UInt8 = 0xFF
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: invalid, count: 256)
        for (value, character) in alphabet.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }()

    /// Appends the text of `bytes` to `text`.
    static func encode(_ bytes: some Collection<UInt8>, onto text: inout [UInt8]) {
        text.reserveCapacity(text.count + (bytes.count + 2) / 3 * 4)
        alphabet.withUnsafeBufferPointer { alphabet in
            var iterator = bytes.makeIterator()
            while let first = iterator.next() {
                let second = iterator.next()
                let third = second == nil ? nil : iterator.next()
                let group = UInt32(first) << 16 | UInt32(second ?? 0) << 8 | UInt32(third ?? 0)
                text.append(alphabet[Int(group >> 18)])
                text.append(alphabet[Int(group >> 12 & 63)])
                text.append(second == nil ? UInt8(ascii: "=") : alphabet[Int(group >> 6 & 63)])
                text.append(third == nil ? UInt8(ascii: "=") : alphabet[Int(group & 63)])
            }
        }
    }

    /// The bytes that `text` stands for; `nil` when it is not base64.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        guard !text.isEmpty else { return [] }
        let padding = text.suffix(2).count { $0 == UInt8(ascii: "=") }
        let size = text.count / 4 * 3 - padding
        var isValid = true
        let result = [UInt8](unsafeUninitializedCapacity: size) { output, count in
            values.withUnsafeBufferPointer { values in
                text.withUnsafeBufferPointer { input in
                    let meaningful = input.count - padding
                    var index = 0
                    while index < meaningful {
                        var group: UInt32 = 0
                        var known = 0
                        while known < 4, index + known < meaningful {
                            let value = values[Int(input[index + known])]
                            if value == invalid { isValid = false }
                            group = group << 6 | UInt32(value & 63)
                            known += 1
                        }
                        group <<= UInt32(6 * (4 - known))
                        for byte in 0..<max(known - 1, 0) where count < size {
                            output[count] = UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * byte))
                            count += 1
                        }
                        index += 4
                    }
                }
            }
        }
        return isValid ? result : nil
    }
}
