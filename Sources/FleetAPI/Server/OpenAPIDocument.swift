// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

enum OpenAPIDocument { static let text = "{}" }
