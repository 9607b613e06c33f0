// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The web page that tells who serves it.
package enum IdentityPage {
    /// A whole HTML document; every value is escaped, since host names and ids come from outside.
    package static func html(_ identity: UnitIdentity) -> String {
        let rows = [
            ("Unit", identity.unit),
            ("Kind", identity.kind.rawValue),
            ("Instance", identity.instance.map { "\($0)" } ?? "-"),
            ("Machine", identity.machineID),
            ("Host", identity.hostname),
            ("Running since", identity.startedAt.formatted(.iso8601)),
        ]
        let table = rows.map { "<tr><th scope=\"row\">\($0)</th><td>\(escaped($1))</td></tr>" }.joined(separator: "\n")
        let name = escaped(identity.unit)
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><title>\(name)</title>
            <style>body { font-family: sans-serif; margin: 3em } th { text-align: left; padding-right: 2em }</style></head>
            <body><h1>\(name)</h1>
            <table>
            \(table)
            </table>
            <p><a href="status.json">status.json</a></p>
            </body></html>

            """
    }

    /// Text with HTML's five special characters replaced.
    package static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.append(character)
            }
        }
    }
}
