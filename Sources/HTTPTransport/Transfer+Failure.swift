// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibCurl
internal import Glibc

extension Transfer {
    /// What libcurl's result means to the caller; `nil` for success.
    func failure(of result: CURLcode) -> HTTPError? {
        if let ownError { return failure(ownError, ownReason(ownError)) }
        guard result != CURLE_OK else { return nil }
        let detail = String(cString: errorText)
        let reason = detail.isEmpty ? String(cString: curl_easy_strerror(result)) : detail
        switch result {
        case CURLE_COULDNT_RESOLVE_HOST:
            return failure(.resolveFailed, reason)
        case CURLE_COULDNT_CONNECT:
            let number = systemError
            let why = number == 0 ? reason : String(cString: strerror(number))
            return failure(number == ECONNREFUSED ? .connectionRefused : .hostUnreachable, why)
        case CURLE_OPERATION_TIMEDOUT:
            return failure(.timedOut, reason)
        case CURLE_SSL_CONNECT_ERROR where isBrokenPipe(reason):
            // The other side went away in the middle of the handshake: no fault of any certificate.
            return failure(.aborted, reason)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_CLIENTCERT, CURLE_USE_SSL_FAILED:
            return failure(.tls, reason)
        case CURLE_RECV_ERROR where isCertificateAlert(reason), CURLE_SEND_ERROR where isCertificateAlert(reason):
            // With TLS 1.3 a server refuses our certificate only after the request has gone out; it never read it.
            let shown = request.tls?.certificateFile ?? (request.tls?.certificate == nil ? nil : "a certificate")
            var error = failure(.tls, "the server refuses who shows \(shown ?? "no certificate"): \(reason)")
            error.mayHaveReachedServer = false
            return error
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_SEND_FAIL_REWIND:
            return failure(.aborted, reason)
        case CURLE_UNSUPPORTED_PROTOCOL where mayHaveReachedServer:
            // What came back is not HTTP, and libcurl takes it for version 0.9.
            return failure(.protocolError, reason)
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
            return failure(.invalidRequest, reason)
        default:
            return failure(.protocolError, reason)
        }
    }

    func failure(_ code: HTTPError.Code, _ reason: String) -> HTTPError {
        let isTransient =
            switch code {
            case .connectionRefused, .hostUnreachable, .resolveFailed, .timedOut, .aborted: true
            case .tls, .cancelled, .protocolError, .tooLarge, .invalidRequest: false
            }
        return HTTPError(
            code: code, message: "\(name): \(reason)", isTransient: isTransient,
            mayHaveReachedServer: mayHaveReachedServer)
    }

    private func ownReason(_ code: HTTPError.Code) -> String {
        switch code {
        case .tooLarge: "the answer is larger than \(request.bodyLimit) bytes"
        case .aborted: "the connection broke before an answer came; the request is not sent twice"
        case .timedOut: "no answer in \(request.deadline)"
        case .cancelled: "cancelled"
        default: "stopped (\(code.rawValue))"
        }
    }

    private var systemError: Int32 {
        var number = 0
        guard let handle, flotilla_curl_get_long(handle, CURLINFO_OS_ERRNO, &number) == CURLE_OK else { return 0 }
        return Int32(truncatingIfNeeded: number)
    }

    private func isBrokenPipe(_ reason: String) -> Bool {
        ["SSL_ERROR_SYSCALL", "onnection reset", "unexpected eof"].contains { reason.contains($0) }
    }

    private func isCertificateAlert(_ reason: String) -> Bool {
        reason.contains("alert") && (reason.contains("certificate") || reason.contains("unknown ca"))
    }
}
