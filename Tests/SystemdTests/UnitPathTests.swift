// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Systemd
import Testing

@Suite("Object paths of units")
struct UnitPathTests {
    // Paths as `systemctl show -p Id` and `busctl tree` pair them on systemd 252.
    @Test(
        "name and object path are two forms of one thing",
        arguments: [
            ("web.service", "web_2eservice"), ("celix@1.service", "celix_401_2eservice"),
            ("1st.service", "_31st_2eservice"), ("a-b_c.socket", "a_2db_5fc_2esocket"),
            (#"dev-disk-by\x2did.device"#, "dev_2ddisk_2dby_5cx2did_2edevice"), ("-.mount", "_2d_2emount"),
        ])
    func bothWays(name: String, label: String) {
        let path = "/org/freedesktop/systemd1/unit/" + label
        #expect(UnitPath.path(of: name) == path)
        #expect(UnitPath.unit(at: path) == name)
    }

    @Test(
        "what is no unit's path has no unit",
        arguments: [
            "/org/freedesktop/systemd1", "/org/freedesktop/systemd1/job/1", "/org/freedesktop/systemd1/unit/",
            "/org/freedesktop/systemd1/unit/a_2", "/org/freedesktop/systemd1/unit/a_zz",
            "/org/freedesktop/systemd1/unit/a/b", "/org/freedesktop/systemd1/unit/_ff", "",
        ])
    func noUnit(path: String) {
        #expect(UnitPath.unit(at: path) == nil)
    }
}
