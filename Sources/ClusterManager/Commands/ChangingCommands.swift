// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

// The commands that are to change something in the cluster: what they do, or leave undone, by old answers is no outcome.
//
// A new command belongs here unless it only asks. `cluster adopt` does not, since it goes by what agents say of themselves
// while they refuse what is in etcd; `profile renew` has a certificate signed, which nobody looks up in etcd.

// MARK: Units

extension Submit { var changesCluster: Bool { true } }
extension Load { var changesCluster: Bool { true } }
extension Start { var changesCluster: Bool { true } }
extension Restart { var changesCluster: Bool { true } }
extension Scale { var changesCluster: Bool { true } }
extension Apply { var changesCluster: Bool { !dryRun } }
extension Stop { var changesCluster: Bool { true } }
extension Unload { var changesCluster: Bool { true } }
extension Destroy { var changesCluster: Bool { !dryRun } }

/// The demonstrator's flags.
extension RootCommand { var changesCluster: Bool { !demonstration.status } }

// MARK: Machines

extension Metadata.Set { var changesCluster: Bool { true } }
extension Metadata.Delete { var changesCluster: Bool { true } }
extension Cordon { var changesCluster: Bool { true } }
extension Uncordon { var changesCluster: Bool { true } }
extension Drain { var changesCluster: Bool { !dryRun } }
extension Move { var changesCluster: Bool { !dryRun } }
extension OperationCommand.Pause { var changesCluster: Bool { true } }
extension OperationCommand.Resume { var changesCluster: Bool { true } }
extension OperationCommand.Abort { var changesCluster: Bool { true } }
extension Reboot { var changesCluster: Bool { true } }
extension Machine.Revoke { var changesCluster: Bool { true } }

// MARK: The whole cluster, and who may do what

extension BrakeCommand.Release { var changesCluster: Bool { true } }
extension Restore { var changesCluster: Bool { true } }
extension ClusterAuthority.Rotate { var changesCluster: Bool { true } }
extension Token.Create { var changesCluster: Bool { true } }
extension Token.Revoke { var changesCluster: Bool { true } }
extension User.Add { var changesCluster: Bool { true } }
extension User.Revoke { var changesCluster: Bool { true } }
