// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The project's version: what every program reports, and what machines tell each other.
package enum FlotillaVersion {
    /// Major, minor and patch number, by semver.org.
    package static let current = "0.1.0"
}
