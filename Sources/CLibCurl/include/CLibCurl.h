// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <curl/curl.h>

// libcurl sets and reads options through variadic functions, which Swift cannot call.
// One typed function for each kind of argument stands in for them; nothing else is here.

typedef size_t (*flotilla_curl_data_callback)(char *bytes, size_t size, size_t count, void *context);

CURLcode flotilla_curl_set_long(CURL *handle, CURLoption option, long value);
CURLcode flotilla_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value);
CURLcode flotilla_curl_set_string(CURL *handle, CURLoption option, const char *value);
// libcurl keeps a copy of the bytes.
CURLcode flotilla_curl_set_bytes(CURL *handle, CURLoption option, const void *bytes, size_t count);
CURLcode flotilla_curl_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode flotilla_curl_set_data_callback(CURL *handle, CURLoption option, flotilla_curl_data_callback value);
CURLcode flotilla_curl_set_prerequest_callback(CURL *handle, curl_prereq_callback value);

CURLcode flotilla_curl_set_socket_callback(CURL *handle, curl_opensocket_callback value);

CURLcode flotilla_curl_get_long(CURL *handle, CURLINFO info, long *value);
CURLcode flotilla_curl_get_double(CURL *handle, CURLINFO info, double *value);
CURLcode flotilla_curl_get_string(CURL *handle, CURLINFO info, const char **value);

// The certificates that the server showed, as lines of text each; null when none were asked for, or none came.
const struct curl_certinfo *flotilla_curl_get_certificates(CURL *handle);

CURLMcode flotilla_curl_multi_set_long(CURLM *multi, CURLMoption option, long value);
