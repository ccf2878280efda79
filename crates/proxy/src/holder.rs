//! Who holds a port, for the sentence that says so.

use std::net::SocketAddr;

/// The program that listens on `address`, as `outlay (process 4711)`; `None` where the system does
/// not tell.
#[cfg(target_os = "linux")]
pub(crate) fn of_port(address: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, address.port()))?;
    let link = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let id: u32 = process.file_name().to_str()?.parse().ok()?;
        let handles = std::fs::read_dir(process.path().join("fd")).ok()?;
        let is_holder = handles.flatten().any(|handle| {
            std::fs::read_link(handle.path())
                .is_ok_and(|target| target.as_os_str() == link.as_str())
        });
        let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
        is_holder.then(|| format!("{} (process {id})", name.trim()))
    })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of_port(_: SocketAddr) -> Option<String> {
    None
}

/// The inode of the socket that listens on `port`, in a table of `/proc/net`.
#[cfg(target_os = "linux")]
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    const LISTENING: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace();
        let (_, local_port) = columns.nth(1)?.rsplit_once(':')?;
        let state = columns.nth(1)?;
        let is_it = state == LISTENING && u16::from_str_radix(local_port, 16) == Ok(port);
        // After the state: queues, timer, retransmissions, user, timeout, inode.
        is_it.then(|| columns.nth(5)?.parse().ok()).flatten()
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_this_test() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of_port(listener.local_addr().unwrap()).unwrap();
        assert!(holder.contains(&format!("(process {})", std::process::id())), "{holder}");
    }

    #[test]
    fn tables_are_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:12AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 76543 1 0000 100 0 0 10 0\n   1: 0100007F:12AD 00000000:0000 01 00000000:00000000 00:00000000 00000000  1000        0 9 1 0000 100 0 0 10 0\n";
        for (port, expected) in [(4780, Some(76543)), (4781, None), (1, None)] {
            assert_eq!(listening_inode(table, port), expected, "{port}");
        }
    }
}
