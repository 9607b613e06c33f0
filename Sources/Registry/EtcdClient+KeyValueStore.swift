// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd

/// The real store; every requirement is a method of the client's own.
extension EtcdClient: KeyValueStore {}
