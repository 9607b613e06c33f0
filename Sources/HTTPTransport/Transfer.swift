// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibCurl

/// One request under way.
///
/// After it has been handed to the loop, only the loop's thread touches it.
final class Transfer: @unchecked Sendable {
    /// Who gets what comes in.
    enum Receiver: Sendable {
        /// The whole answer at once.
        case whole(@Sendable (Result<HTTPResponse, HTTPError>) -> Void)
        /// Head and pieces of the body as they come.
        case stream(StreamBuffer)
    }

    enum Phase {
        case waiting
        case running
        case finished
    }

    let request: HTTPRequest
    let receiver: Receiver

    var phase = Phase.waiting
    var handle: UnsafeMutableRawPointer?
    var headerList: UnsafeMutablePointer<curl_slist>?
    let errorText: UnsafeMutablePointer<CChar>

    var status = 0
    var headers: [HTTPHeader] = []
    var body: [UInt8] = []
    var headIsComplete = false
    /// Until when the server's certificate is good, in seconds since 1970.
    var certificateEnd: Int64?

    /// How often the request went out; libcurl repeats one whose kept connection turned out to be dead.
    var timesSent = 0
    /// Why one of our own callbacks stopped the transfer; libcurl's code would only say that it did.
    var ownError: HTTPError.Code?
    /// Monotonic nanoseconds at which the loop acts: deadline, or quiet time of a stream.
    var expiry: UInt64? {
        didSet { if let expiry { clock?.next = min(clock?.next ?? .max, expiry) } }
    }
    /// The loop's, from the start on.
    var clock: ExpiryClock?
    var isPaused = false
    /// The cancellation overtook the start; whoever waits for the end is only known at the start.
    var isCancelledEarly = false

    init(request: HTTPRequest, receiver: Receiver) {
        self.request = request
        self.receiver = receiver
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        errorText.deallocate()
        curl_slist_free_all(headerList)
    }

    var mayHaveReachedServer: Bool { timesSent > 0 }

    func expire(after duration: Duration?) { expiry = duration.map { Monotonic.now.advanced(by: $0) } }

    /// `GET http://host/path`, for messages.
    var name: String { "\(request.method) \(request.url)" + (request.unixSocket.map { " on \($0)" } ?? "") }

    // MARK: What libcurl calls

    /// Takes one header line; returns the number of bytes taken.
    func receiveHeader(_ line: UnsafeBufferPointer<UInt8>) -> Int {
        // What follows the body are trailers; nobody needs them.
        guard !headIsComplete else { return line.count }
        var text = line[...]
        while let last = text.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { text = text.dropLast() }
        if text.isEmpty {
            // 1xx heads precede the real one.
            guard status >= 200 else { return line.count }
            headIsComplete = true
            if case .stream(let buffer) = receiver {
                expire(after: buffer.idle.duration)
                buffer.receive(status: status, headers: headers)
            }
        } else if text.starts(with: "HTTP/".utf8) {
            headers = []
            status = text.split(separator: UInt8(ascii: " ")).dropFirst().first.flatMap { Int(String($0)) } ?? 0
        } else if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            headers.append(HTTPHeader(String(text[..<colon]), String(text[text.index(after: colon)...]).trimmed))
        }
        return line.count
    }

    /// Takes a piece of the body; returns the number of bytes taken, or libcurl's word for "pause".
    func receiveBody(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        switch receiver {
        case .whole:
            guard body.count + bytes.count <= request.bodyLimit else {
                ownError = .tooLarge
                return 0
            }
            body.append(contentsOf: bytes)
            return bytes.count
        case .stream(let buffer):
            guard buffer.receive(bytes) else {
                isPaused = true
                expiry = nil
                return Int(CURL_WRITEFUNC_PAUSE)
            }
            expire(after: buffer.idle.duration)
            return bytes.count
        }
    }

    /// Called when a connection stands and the request is about to go out; `false` forbids it.
    ///
    /// libcurl sends a request again, unasked, when a kept connection breaks before the first byte of an answer. The server
    /// may have carried it out by then, so only a request that says so is repeated.
    func permitSending() -> Bool {
        if timesSent > 0, !request.maySendTwice {
            ownError = .aborted
            return false
        }
        timesSent += 1
        return true
    }
}

extension String {
    fileprivate init(_ bytes: UnsafeBufferPointer<UInt8>.SubSequence) { self.init(decoding: bytes, as: UTF8.self) }

    fileprivate var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest = rest.dropFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest = rest.dropLast() }
        return String(rest)
    }
}
