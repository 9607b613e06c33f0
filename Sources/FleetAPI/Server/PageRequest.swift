// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// Which part of a listing a request wants.
enum PageRequest {
    /// Everything, at one revision: `all=true`, which is ours.
    case all
    /// One of fleet's pages.
    case page(PageToken)

    /// - Throws: 400 for more than one token, or one that is not of our making.
    init(_ request: ServerRequest) throws(ServerFailure) {
        let tokens = request.queryValues("nextPageToken")
        guard let text = tokens.first else {
            let all = request.queryValues("all").last
            self = all == "true" ? .all : .page(PageToken(limit: API.pageSize, page: 1))
            return
        }
        guard tokens.count == 1 else { throw ServerFailure(400, "more than one nextPageToken") }
        guard let token = PageToken(text), token.limit == API.pageSize else {
            throw ServerFailure(400, "nextPageToken is invalid")
        }
        self = .page(token)
    }

    /// The entries of this page, and the token of the next.
    ///
    /// As in fleet a full page always has a next one, which may turn out to be empty.
    func slice<Entries: RandomAccessCollection>(_ entries: Entries) -> (entries: Entries.SubSequence, next: String?) {
        guard case .page(let token) = self else { return (entries[...], nil) }
        let limit = Int(token.limit)
        let page = entries.dropFirst((Int(token.page) - 1) * limit).prefix(limit)
        return (page, page.count == limit ? token.next?.text : nil)
    }
}
