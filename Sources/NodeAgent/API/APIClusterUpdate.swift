// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIServer

// Both the registry and the API call one step of the followed state `ClusterUpdate`; here the API's gets another name.
typealias APIClusterUpdate = ClusterUpdate
