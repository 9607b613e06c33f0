// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient

extension CommandContext {
    /// Says beside a list when the majority brake (rule R10) holds everything, so that nobody wonders why nothing moves.
    ///
    /// What was asked for has been answered by then; a server that knows no brake, as fleet's, or one that is busy with the
    /// very trouble, makes no error of it.
    func warnOfBrake() async {
        guard let client = try? client(), let brake = try? await client.brake(), let words = brake.words else { return }
        warn(words)
    }
}
