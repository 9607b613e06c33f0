#!/bin/sh
# SPDX-FileCopyrightText: Flotilla contributors
# SPDX-License-Identifier: Apache-2.0
#
# The seed documents' name for bin/purge-discovery, which they call with `sh`.
exec bash "$(dirname "$0")/purge-discovery" "$@"
