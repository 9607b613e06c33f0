// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibCurl
internal import Glibc

private let onHeader: flotilla_curl_data_callback = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    return bytes.withMemoryRebound(to: UInt8.self, capacity: size * count) {
        Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            .receiveHeader(UnsafeBufferPointer(start: $0, count: size * count))
    }
}

private let onBody: flotilla_curl_data_callback = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    return bytes.withMemoryRebound(to: UInt8.self, capacity: size * count) {
        Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            .receiveBody(UnsafeBufferPointer(start: $0, count: size * count))
    }
}

private let onSend: curl_prereq_callback = { context, _, _, _, _ in
    guard let context else { return CURL_PREREQFUNC_ABORT }
    return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().permitSending()
        ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

/// A child process that inherited a connection would keep it open after we have closed it.
private let onOpenSocket: curl_opensocket_callback = { _, _, address in
    guard let address else { return CURL_SOCKET_BAD }
    return socket(
        address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
}

extension Transfer {
    /// Sets up `handle` for the request.
    ///
    /// - Parameter handle: A fresh or reset libcurl handle; the transfer must outlive its use.
    /// - Throws: `.invalidRequest` when libcurl refuses an option or a header would split the request.
    func configure(_ handle: UnsafeMutableRawPointer) throws(HTTPError) {
        self.handle = handle
        let context = Unmanaged.passUnretained(self).toOpaque()
        try set(flotilla_curl_set_pointer(handle, CURLOPT_PRIVATE, context), "context")
        try set(flotilla_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText), "error buffer")
        try set(flotilla_curl_set_data_callback(handle, CURLOPT_HEADERFUNCTION, onHeader), "header callback")
        try set(flotilla_curl_set_pointer(handle, CURLOPT_HEADERDATA, context), "header context")
        try set(flotilla_curl_set_data_callback(handle, CURLOPT_WRITEFUNCTION, onBody), "body callback")
        try set(flotilla_curl_set_pointer(handle, CURLOPT_WRITEDATA, context), "body context")
        try set(flotilla_curl_set_prerequest_callback(handle, onSend), "send callback")
        try set(flotilla_curl_set_pointer(handle, CURLOPT_PREREQDATA, context), "send context")

        try set(flotilla_curl_set_socket_callback(handle, onOpenSocket), "socket callback")

        try set(flotilla_curl_set_long(handle, CURLOPT_NOSIGNAL, 1), "no signals")
        try set(flotilla_curl_set_string(handle, CURLOPT_NOPROXY, "*"), "no proxy")
        try set(flotilla_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https"), "protocols")
        try set(flotilla_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1)), "HTTP version")
        // A host that vanished without a word is noticed on quiet streams too.
        try set(flotilla_curl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1), "TCP keepalive")
        try set(flotilla_curl_set_long(handle, CURLOPT_TCP_KEEPIDLE, 10), "TCP keepalive idle time")
        try set(flotilla_curl_set_long(handle, CURLOPT_TCP_KEEPINTVL, 5), "TCP keepalive interval")
        try set(flotilla_curl_set_long(handle, CURLOPT_MAXAGE_CONN, request.longestIdle), "age of kept connections")
        try set(
            flotilla_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeout.curlMilliseconds),
            "connect time-out")

        try set(flotilla_curl_set_string(handle, CURLOPT_URL, request.url), "URL")
        if let path = request.unixSocket {
            try set(flotilla_curl_set_string(handle, CURLOPT_UNIX_SOCKET_PATH, path), "unix socket")
        }
        try configureMethod(handle)
        try configureHeaders(handle)
        try configureTLS(handle)
        if let login = request.basicAuth {
            try set(flotilla_curl_set_long(handle, CURLOPT_HTTPAUTH, 1), "basic login")
            try set(flotilla_curl_set_string(handle, CURLOPT_USERNAME, login.user), "user")
            try set(flotilla_curl_set_string(handle, CURLOPT_PASSWORD, login.password), "password")
        }
    }

    private func configureMethod(_ handle: UnsafeMutableRawPointer) throws(HTTPError) {
        let method = request.method
        guard !method.isEmpty, method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
            throw refusal("the method must be capital letters")
        }
        if method == "HEAD" {
            try set(flotilla_curl_set_long(handle, CURLOPT_NOBODY, 1), "method")
        } else if method == "POST" || !request.body.isEmpty {
            try set(flotilla_curl_set_long(handle, CURLOPT_POST, 1), "method")
            try set(
                flotilla_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count)),
                "body size")
            let code = request.body.withUnsafeBytes { bytes in
                // libcurl takes a nil body as "ask a callback", so an empty one needs an address too.
                flotilla_curl_set_pointer(
                    handle, CURLOPT_COPYPOSTFIELDS,
                    UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? UnsafeRawPointer(errorText)))
            }
            try set(code, "body")
            if method != "POST" { try set(flotilla_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, method), "method") }
        } else if method != "GET" {
            try set(flotilla_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, method), "method")
        }
    }

    private func configureHeaders(_ handle: UnsafeMutableRawPointer) throws(HTTPError) {
        // Without these two, libcurl waits a second for "100 Continue" and calls every body a form.
        var lines = ["Expect:"]
        if request.headers.first(named: "Content-Type") == nil { lines.append("Content-Type:") }
        for header in request.headers {
            guard header.name.isHeaderName, header.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
            else { throw refusal("the header \(header.name) has a character that is not allowed there") }
            // libcurl's own way to say "this field, empty".
            lines.append(header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
        }
        for line in lines {
            guard let longer = curl_slist_append(headerList, line) else { throw refusal("out of memory") }
            headerList = longer
        }
        try set(flotilla_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headerList), "headers")
    }

    private func configureTLS(_ handle: UnsafeMutableRawPointer) throws(HTTPError) {
        try set(flotilla_curl_set_long(handle, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2)), "TLS version")
        if request.looksAtCertificate {
            try set(flotilla_curl_set_long(handle, CURLOPT_CERTINFO, 1), "look at the server's certificate")
            try set(flotilla_curl_set_long(handle, CURLOPT_FRESH_CONNECT, 1), "connection of its own")
            try set(flotilla_curl_set_long(handle, CURLOPT_FORBID_REUSE, 1), "connection of its own")
        }
        guard let tls = request.tls else { return }
        if !tls.verifiesServer {
            try set(flotilla_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 0), "verification of the server")
            try set(flotilla_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 0), "verification of the server's name")
        }
        if let file = tls.authorityFile {
            try set(flotilla_curl_set_string(handle, CURLOPT_CAINFO, file), "authority file")
            // Else the system's folder of authorities would be trusted besides.
            try set(flotilla_curl_set_string(handle, CURLOPT_CAPATH, nil), "authority folder")
            // libcurl would keep for a day what it read of the file first, and so refuse a server with a certificate of the
            // authority that has taken another's place.
            try set(flotilla_curl_set_long(handle, CURLOPT_CA_CACHE_TIMEOUT, 0), "life of authorities")
        }
        if let file = tls.certificateFile {
            try set(flotilla_curl_set_string(handle, CURLOPT_SSLCERT, file), "certificate file")
        }
        if let file = tls.keyFile {
            try set(flotilla_curl_set_string(handle, CURLOPT_SSLKEY, file), "key file")
        }
        if let text = tls.authorities {
            try set(bytes(CURLOPT_CAINFO_BLOB, text), "authorities")
            try set(flotilla_curl_set_string(handle, CURLOPT_CAPATH, nil), "authority folder")
        }
        if let text = tls.certificate { try set(bytes(CURLOPT_SSLCERT_BLOB, text), "certificate") }
        if let text = tls.key { try set(bytes(CURLOPT_SSLKEY_BLOB, text), "key") }
    }

    /// Keeps until when the server's own certificate is good, as far as the request asked for it: the handle forgets it.
    func noteCertificate() {
        guard request.looksAtCertificate, let handle, let found = flotilla_curl_get_certificates(handle)?.pointee,
            found.num_of_certs > 0, let first = found.certinfo?[0]
        else { return }
        let mark = "Expire date:"
        for line in sequence(first: first, next: { $0.pointee.next }) {
            guard let text = line.pointee.data.map({ String(cString: $0) }), text.hasPrefix(mark) else { continue }
            let end = curl_getdate(String(text.dropFirst(mark.count)), nil)
            certificateEnd = end < 0 ? nil : Int64(end)
            return
        }
    }

    private func bytes(_ option: CURLoption, _ text: String) -> CURLcode {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { flotilla_curl_set_bytes(handle, option, $0.baseAddress, $0.count) }
    }

    private func set(_ code: CURLcode, _ option: String) throws(HTTPError) {
        guard code != CURLE_OK else { return }
        throw refusal("libcurl refuses the \(option): \(String(cString: curl_easy_strerror(code)))")
    }

    private func refusal(_ reason: String) -> HTTPError {
        HTTPError(
            code: .invalidRequest, message: "cannot send \(name): \(reason)", isTransient: false,
            mayHaveReachedServer: false)
    }
}

extension String {
    /// Source: RFC 9110, section 5.6.2 (token).
    fileprivate var isHeaderName: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }
}
